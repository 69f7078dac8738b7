//! What holds whatever is said about a class.

use proptest::prelude::*;

use super::*;

prop_compose! {
    /// Numbers that can be: parts are not more than what they are parts of.
    fn any_evidence()(
        loads in 0..5_000_u64,
        hits in prop_oneof![Just(0), 0..100_u64, 0..1_000_000_u64],
        ttl in prop_oneof![1..60_000_u64, 60_000..90_000_000_u64],
        observed in 0..100_000_u64,
        load_time in 1..5_000_000_u64,
        by_time in any::<bool>(),
        verified in 0..1_000_u64,
        cycle in 1..10_000_000_u64,
        lifetime in proptest::option::of(1..100_000_000_u64),
        parts in [0.0..=1.0_f64, 0.0..=1.0, 0.0..=1.0, 0.0..=1.0, 0.0..=1.0, 0.0..=1.0],
        all in proptest::array::uniform6(prop_oneof![Just(None), Just(Some(0.0)), Just(Some(1.0))]),
    ) -> CacheEvidence {
        // Often all or nothing: chance alone would seldom get there.
        let mut parts = parts.iter().zip(all).map(|(part, all)| all.unwrap_or(*part));
        let mut part = |of: u64| (of as f64 * parts.next().unwrap()) as u64;
        let ended = part(loads);
        let invalidated = part(ended);
        let lost = part(ended - invalidated);
        let time_up = ended - invalidated - lost;
        let changed = part(time_up);
        let cycle = Duration::from_millis(cycle);
        CacheEvidence {
            observed_for: Duration::from_secs(observed),
            loads,
            hits,
            fetched: part(loads),
            violations: part(verified),
            ttl: Duration::from_millis(ttl),
            load_time: Duration::from_micros(load_time),
            fetch_time: Duration::from_micros(load_time / 3 * 2),
            bytes: 500,
            by_time,
            nothing_kept: loads - ended,
            time_up,
            invalidated,
            lost,
            changed,
            unchanged: time_up - changed,
            compared_for: cycle * time_up as u32,
            followed_for: cycle * ended as u32,
            lifetime_p90: lifetime.map(Duration::from_millis),
            verified,
            ..CacheEvidence::default()
        }
    }
}

fn to(evidence: &CacheEvidence) -> Option<Duration> {
    match judge(evidence)?.verdict {
        CacheVerdict::Lengthen { to, .. } => Some(to),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_said_from_too_little(evidence in any_evidence(), loads in 0..LEAST, seconds in 0..300_u64) {
        let few = CacheEvidence { loads, fetched: 0, not_kept: 0, ..evidence.clone() };
        prop_assert!(judge(&few).is_none());
        let early = CacheEvidence { observed_for: Duration::from_secs(seconds), ..evidence.clone() };
        prop_assert!(judge(&early).is_none());
        // Results that were not followed to their end say nothing about how long they live.
        let unseen = CacheEvidence {
            time_up: 20, invalidated: 9, lost: 0, changed: 3, unchanged: 17, verified: 29, violations: 29,
            ..evidence
        };
        if let Some(judgement) = judge(&unseen) {
            let about_times = matches!(
                judgement.verdict,
                CacheVerdict::Lengthen { .. } | CacheVerdict::Shorten { .. } | CacheVerdict::MakeRoom
            );
            prop_assert!(!about_times, "{judgement:?}");
        }
    }

    #[test]
    fn longer_is_longer_and_shorter_is_shorter(evidence in any_evidence()) {
        let Some(judgement) = judge(&evidence) else { return Ok(()) };
        prop_assert!(judgement.saves.queries_per_hour.is_finite());
        prop_assert!(judgement.saves.milliseconds_per_hour.is_finite());
        match judgement.verdict {
            CacheVerdict::Lengthen { from, to } => {
                prop_assert!(to > from && to <= LONGEST && from == evidence.ttl);
                prop_assert!(judgement.saves.queries_per_hour > 0.0);
            }
            CacheVerdict::Shorten { from, to } => {
                prop_assert!(to < from && !to.is_zero() && from == evidence.ttl);
                prop_assert!(judgement.saves.queries_per_hour <= 0.0);
            }
            _ => {}
        }
    }

    /// The same results, and more of them invalidated instead of being given up.
    #[test]
    fn more_writes_never_advise_a_longer_time(evidence in any_evidence(), more in 1..500_u64) {
        let Some(before) = to(&evidence) else { return Ok(()) };
        prop_assume!(evidence.lifetime_p90.is_none() && !evidence.by_time);
        let more = more.min(evidence.time_up);
        let written = CacheEvidence {
            time_up: evidence.time_up - more,
            unchanged: evidence.unchanged - more.min(evidence.unchanged),
            changed: evidence.changed - (more - more.min(evidence.unchanged)),
            invalidated: evidence.invalidated + more,
            ..evidence
        };
        if let Some(after) = to(&written) {
            prop_assert!(after <= before, "{before:?} became {after:?}");
        }
    }

    /// What is used more is not given up.
    #[test]
    fn more_hits_never_give_up_what_was_kept(evidence in any_evidence(), more in 1..10_000_u64) {
        let gives_up = |evidence: &CacheEvidence| {
            judge(evidence).is_some_and(|judgement| judgement.verdict == CacheVerdict::DoNotCache)
        };
        let used = CacheEvidence { hits: evidence.hits + more, ..evidence.clone() };
        prop_assert!(!gives_up(&used) || gives_up(&evidence));
    }

    /// What changes more often is to be asked for sooner.
    #[test]
    fn more_changes_never_advise_a_longer_time(evidence in any_evidence(), more in 1..500_u64) {
        let shorter = |evidence: &CacheEvidence| match judge(evidence)?.verdict {
            CacheVerdict::Shorten { to, .. } => Some(to),
            _ => None,
        };
        let evidence = CacheEvidence { verified: 0, violations: 0, ..evidence };
        let Some(before) = shorter(&evidence) else { return Ok(()) };
        let more = more.min(evidence.unchanged);
        let changed = CacheEvidence {
            changed: evidence.changed + more,
            unchanged: evidence.unchanged - more,
            ..evidence
        };
        let after = shorter(&changed);
        prop_assert!(after.is_some_and(|after| after <= before), "{before:?} became {after:?}");
    }
}
