//! What is said about made-up classes, one by one.

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A class of which enough was seen, and nothing is wrong with.
fn seen() -> CacheEvidence {
    CacheEvidence {
        observed_for: HOUR,
        hits: 10_000,
        loads: 300,
        load_time: Duration::from_millis(4),
        bytes: 1_000,
        ttl: MINUTE * 5,
        nothing_kept: 10,
        time_up: 10,
        invalidated: 280,
        followed_for: MINUTE * 290,
        ..CacheEvidence::default()
    }
}

/// One whose time is up long before anything is written.
fn short() -> CacheEvidence {
    CacheEvidence {
        hits: 600,
        ttl: SECOND * 10,
        time_up: 290,
        invalidated: 0,
        followed_for: SECOND * 11 * 290,
        ..seen()
    }
}

/// One that is kept for its time alone and changed at most reloads.
fn changing() -> CacheEvidence {
    CacheEvidence {
        by_time: true,
        ttl: MINUTE,
        time_up: 290,
        invalidated: 0,
        changed: 250,
        unchanged: 40,
        compared_for: MINUTE * 290,
        ..seen()
    }
}

/// One that is invalidated before it is used.
fn useless_one() -> CacheEvidence {
    CacheEvidence { hits: 1, ..seen() }
}

fn verdict(evidence: &CacheEvidence) -> CacheVerdict {
    judge(evidence).unwrap().verdict
}

#[test]
fn what_serves_many_is_fine() {
    let judgement = judge(&seen()).unwrap();
    assert_eq!(judgement.verdict, CacheVerdict::Fine);
    assert_eq!(judgement.saves, CacheSavings::default());
    assert!(
        judgement.why.contains("33.3 other reads"),
        "{}",
        judgement.why
    );
}

#[test]
fn what_comes_back_unchanged_is_to_live_longer() {
    let judgement = judge(&short()).unwrap();
    let CacheVerdict::Lengthen { from, to } = judgement.verdict else {
        panic!("{judgement:?}");
    };
    assert_eq!(from, SECOND * 10);
    // Nothing was written in 53 minutes: three writes in that time are possible, and of results
    // written that often nine of ten live up to 40 minutes.
    assert!(to >= MINUTE * 35 && to <= MINUTE * 45, "{to:?}");
    // Each load served two others, and is going to serve hundreds.
    assert!(judgement.saves.queries_per_hour > 250.0, "{judgement:?}");
    assert!(judgement.saves.milliseconds_per_hour > 1_000.0);
    assert!(judgement.why.contains("290 of 290"), "{}", judgement.why);
    // By the lives that were seen, where some were.
    let seen = CacheEvidence {
        time_up: 250,
        invalidated: 40,
        lifetime_p90: Some(MINUTE * 3),
        ..short()
    };
    let longer = CacheVerdict::Lengthen {
        from,
        to: MINUTE * 3,
    };
    assert_eq!(verdict(&seen), longer);
    let hardly = CacheEvidence {
        lifetime_p90: Some(SECOND * 14),
        ..seen
    };
    assert_eq!(
        verdict(&hardly),
        CacheVerdict::Fine,
        "that is not worth a word"
    );
}

#[test]
fn never_longer_than_a_day() {
    let quiet = CacheEvidence {
        ttl: HOUR,
        observed_for: HOUR * 1_000,
        followed_for: HOUR * 290 * 3,
        ..short()
    };
    let day = CacheVerdict::Lengthen {
        from: HOUR,
        to: HOUR * 24,
    };
    assert_eq!(verdict(&quiet), day);
}

#[test]
fn what_was_changed_unheard_is_not_to_live_longer() {
    let unheard = CacheEvidence {
        changed: 4,
        unchanged: 96,
        compared_for: SECOND * 1_100,
        ..short()
    };
    assert_eq!(verdict(&unheard), CacheVerdict::Fine);
    let often = CacheEvidence {
        changed: 30,
        unchanged: 70,
        ..unheard
    };
    let judgement = judge(&often).unwrap();
    assert!(matches!(judgement.verdict, CacheVerdict::Shorten { .. }));
    assert!(judgement.why.contains("writes past Larder"));
}

#[test]
fn what_changes_within_its_time_is_to_live_shorter() {
    let judgement = judge(&changing()).unwrap();
    let CacheVerdict::Shorten { from, to } = judgement.verdict else {
        panic!("{judgement:?}");
    };
    assert_eq!(from, MINUTE);
    assert!(to >= SECOND * 4 && to <= SECOND * 10, "{to:?}");
    assert!(judgement.saves.queries_per_hour < 0.0, "it costs something");
    let quieter = CacheEvidence {
        changed: 100,
        unchanged: 190,
        ..changing()
    };
    assert_eq!(verdict(&quieter), CacheVerdict::Fine);
    // A minute is little for what changes once in hours.
    let quiet = CacheEvidence {
        changed: 0,
        unchanged: 290,
        hits: 500,
        followed_for: MINUTE * 290,
        ..changing()
    };
    assert!(matches!(verdict(&quiet), CacheVerdict::Lengthen { .. }));
}

#[test]
fn what_verifying_finds_wrong_is_to_live_shorter() {
    let wrong = CacheEvidence {
        verified: 1_000,
        violations: 50,
        ..seen()
    };
    let judgement = judge(&wrong).unwrap();
    let to = SECOND * 30;
    assert_eq!(
        judgement.verdict,
        CacheVerdict::Shorten {
            from: MINUTE * 5,
            to
        }
    );
    assert!(
        judgement.why.contains("50 of 1000 hits"),
        "{}",
        judgement.why
    );
    let once = CacheEvidence {
        violations: 1,
        ..wrong
    };
    assert_eq!(verdict(&once), CacheVerdict::Fine);
}

#[test]
fn what_nobody_is_served_is_not_to_be_kept() {
    let judgement = judge(&useless_one()).unwrap();
    assert_eq!(judgement.verdict, CacheVerdict::DoNotCache);
    assert!(judgement.why.contains("280 of 290"), "{}", judgement.why);
    assert!(judgement.saves.bytes > 0);
    // One in ten loads serves somebody else: better than nothing, if a load takes longer.
    let some = CacheEvidence { hits: 30, ..seen() };
    assert_eq!(verdict(&some), CacheVerdict::Fine);
    let cheap = CacheEvidence {
        load_time: Duration::from_micros(50),
        ..some
    };
    assert_eq!(verdict(&cheap), CacheVerdict::DoNotCache);
    let fetched = CacheEvidence {
        fetched: 100,
        ..useless_one()
    };
    assert_eq!(verdict(&fetched), CacheVerdict::Fine, "Redis answers");
}

#[test]
fn what_is_asked_for_once_is_not_to_be_kept_and_what_cannot_be_kept_neither() {
    let once = CacheEvidence {
        hits: 0,
        nothing_kept: 60,
        time_up: 0,
        invalidated: 0,
        followed_for: Duration::ZERO,
        ..seen()
    };
    let judgement = judge(&once).unwrap();
    assert_eq!(judgement.verdict, CacheVerdict::DoNotCache);
    assert!(
        judgement.why.contains("60 of 60 loads"),
        "{}",
        judgement.why
    );
    let too_early = CacheEvidence {
        ttl: HOUR,
        ..once.clone()
    };
    assert_eq!(
        verdict(&too_early),
        CacheVerdict::Fine,
        "they may still come"
    );
    let hot = CacheEvidence {
        not_kept: 290,
        ttl: HOUR,
        ..once
    };
    assert_eq!(verdict(&hot), CacheVerdict::DoNotCache);
}

#[test]
fn what_is_reread_after_its_time_is_to_live_longer_and_not_to_be_given_up() {
    let rare = CacheEvidence {
        hits: 0,
        ttl: SECOND,
        followed_for: MINUTE * 290,
        ..short()
    };
    assert!(matches!(verdict(&rare), CacheVerdict::Lengthen { .. }));
}

#[test]
fn what_redis_is_slower_with_is_to_stay_and_what_is_crowded_out_needs_room() {
    let slow = CacheEvidence {
        fetched: 100,
        fetch_time: Duration::from_millis(6),
        ..seen()
    };
    assert_eq!(verdict(&slow), CacheVerdict::KeepLocal);
    let quick = CacheEvidence {
        fetch_time: Duration::from_millis(1),
        ..slow
    };
    assert_eq!(verdict(&quick), CacheVerdict::Fine);
    let crowded = CacheEvidence {
        lost: 200,
        invalidated: 80,
        ..seen()
    };
    assert_eq!(verdict(&crowded), CacheVerdict::MakeRoom);
}

#[test]
fn times_are_those_that_people_say() {
    for (seconds, expected) in [
        (0.5, Duration::from_millis(500)),
        (7.9, SECOND * 7),
        (119.0, SECOND * 110),
        (1_000.0, MINUTE * 16),
        (10_000.0, MINUTE * 160),
        (86_400.0, HOUR * 24),
    ] {
        assert_eq!(rounded(seconds), expected, "{seconds}");
    }
}
