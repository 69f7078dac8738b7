//! Tests of what is kept of statements by their text.

use super::*;
use crate::QueryError;

fn observation(fingerprint: u64, microseconds: u64) -> QueryObservation<'static> {
    QueryObservation {
        pool: "main",
        operation: "SELECT",
        collection: Some("restaurants"),
        fingerprint,
        text: "select * from restaurants where id = ?",
        duration: Duration::from_micros(microseconds),
        rows: 2,
        error: None,
    }
}

fn of(statements: &Statements, fingerprint: &str) -> StatementSummary {
    let mut summaries = statements.summaries().into_iter();
    let found = summaries.find(|summary| summary.fingerprint == fingerprint);
    found.unwrap_or_else(|| panic!("there is no {fingerprint}"))
}

#[test]
fn a_text_has_exact_counts_and_quantiles_that_are_close() {
    let statements = Statements::new(10);
    assert!(statements.is_empty());
    for n in 1..=1_000 {
        let first = statements.record(0, &observation(0xab, n * 100), n > 990);
        assert_eq!(first, n == 1);
    }
    let failed = QueryObservation {
        error: Some(QueryError::SqlState("57014")),
        rows: 0,
        ..observation(0xab, 1)
    };
    statements.record(0, &failed, false);
    statements.describe(0xab, vec!["restaurants".to_owned()]);
    let seen = of(&statements, "00000000000000ab");
    assert_eq!((seen.calls, seen.errors, seen.rows), (1_001, 1, 2_000));
    assert_eq!((seen.slow, seen.operation.as_str()), (10, "SELECT"));
    assert_eq!(seen.text, "select * from restaurants where id = ?");
    assert_eq!(seen.collections, ["restaurants"]);
    assert_eq!(seen.max_ms, 100.0);
    assert!((seen.total_ms - 50_050.001).abs() < 1e-6, "{seen:?}");
    assert!((seen.mean_ms - 50.0).abs() < 0.1, "{seen:?}");
    for (quantile, exact) in [
        (seen.p50_ms, 50.0),
        (seen.p95_ms, 95.0),
        (seen.p99_ms, 99.0),
    ] {
        assert!(
            (exact..=exact * 1.032).contains(&quantile),
            "{quantile} for {exact}"
        );
    }
}

#[test]
fn quantiles_are_never_above_the_longest() {
    let statements = Statements::new(10);
    statements.record(0, &observation(1, 1_003), false);
    let seen = of(&statements, "0000000000000001");
    assert_eq!(
        (seen.p50_ms, seen.p99_ms, seen.max_ms),
        (1.003, 1.003, 1.003)
    );
    // Longer than the histogram tells apart.
    statements.record(0, &observation(1, 3_600_000_000), false);
    let seen = of(&statements, "0000000000000001");
    assert_eq!((seen.calls, seen.max_ms), (2, 3_600_000.0));
}

#[test]
fn what_costs_most_stays_and_nothing_that_was_counted_is_lost() {
    let statements = Statements::new(20);
    for fingerprint in 0..10 {
        statements.record(0, &observation(fingerprint, 1_000_000), true);
    }
    for fingerprint in 1_000..6_000 {
        let failed = QueryObservation {
            error: Some(QueryError::Class("connection")),
            ..observation(fingerprint, 10)
        };
        assert!(statements.record(0, &failed, false));
    }
    assert!(statements.len() <= 20, "{statements:?}");
    let summaries = statements.summaries();
    for fingerprint in 0..10 {
        let name = format!("{fingerprint:016x}");
        assert!(
            summaries[..10].iter().any(|one| one.fingerprint == name),
            "{name} is gone"
        );
    }
    let last = summaries.last().unwrap();
    assert_eq!(last.fingerprint, "other");
    assert_eq!(last.errors, last.calls);
    assert!(last.p99_ms >= 0.009 && last.p99_ms <= 0.0104, "{last:?}");
    let sum = |count: fn(&StatementSummary) -> u64| summaries.iter().map(count).sum::<u64>();
    assert_eq!(sum(|one| one.calls), 5_010);
    assert_eq!(sum(|one| one.errors), 5_000);
    assert_eq!(sum(|one| one.rows), 2 * 5_010);
}

#[test]
fn a_newcomer_has_time_to_show_what_it_costs() {
    let statements = Statements::new(20);
    for fingerprint in 0..20 {
        statements.record(0, &observation(fingerprint, 1_000), false);
    }
    // Small when it comes, and then the largest of all.
    statements.record(0, &observation(77, 1), false);
    statements.record(0, &observation(77, 1_000_000), false);
    for fingerprint in 1_000..1_100 {
        statements.record(0, &observation(fingerprint, 1), false);
    }
    assert_eq!(
        statements.summaries()[0].fingerprint,
        format!("{:016x}", 77)
    );
}

#[test]
fn many_at_a_time_are_counted_while_others_have_to_go() {
    let statements = Statements::new(10);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let statements = &statements;
            scope.spawn(move || {
                for n in 0..5_000 {
                    let fingerprint = if n % 2 == 0 {
                        n % 5
                    } else {
                        1_000 * (thread + 1) + n
                    };
                    statements.record(0, &observation(fingerprint, 50), n % 10 == 0);
                }
            });
        }
    });
    let summaries = statements.summaries();
    let calls: u64 = summaries.iter().map(|one| one.calls).sum();
    let slow: u64 = summaries.iter().map(|one| one.slow).sum();
    assert_eq!((calls, slow), (20_000, 2_000));
}

#[test]
fn an_example_is_replaced_at_most_once_a_second() {
    let counted = Counted::new("select ?", "SELECT");
    let moments = Moments {
        now: Utc::now(),
        second: 7,
    };
    let example = || counted.summary(String::new(), moments).example;
    assert_eq!(example(), None);
    counted.keep_example(5, || "the first".to_owned());
    counted.keep_example(5, || panic!("one is there"));
    assert_eq!(example().as_deref(), Some("the first"));
    counted.keep_example(6, || "the next".to_owned());
    assert_eq!(example().as_deref(), Some("the next"));
}

#[test]
fn nothing_is_shown_for_what_nobody_knows() {
    let statements = Statements::new(10);
    statements.keep_example(1, || panic!("nothing is known of it"));
    statements.keep_plan(1, PlanSnapshot::default());
    assert!(statements.summaries().is_empty());
}

#[test]
fn a_plan_is_due_once_in_an_interval() {
    let statements = Statements::new(10);
    let hour = Duration::from_secs(3_600);
    assert!(!statements.is_plan_due(1, hour), "nothing is known of it");
    statements.record(0, &observation(1, 10), true);
    assert!(statements.is_plan_due(1, hour));
    assert!(!statements.is_plan_due(1, hour));
    assert!(statements.is_plan_due(1, Duration::ZERO));
    let plan = PlanSnapshot {
        text: "Seq Scan".to_owned(),
        ..PlanSnapshot::default()
    };
    statements.keep_plan(1, plan.clone());
    assert_eq!(of(&statements, "0000000000000001").plan, Some(plan));
}

#[test]
fn a_repetition_is_told_once_and_counted_each_time() {
    let statements = Statements::new(10);
    assert!(!statements.repeated(1));
    statements.record(0, &observation(1, 10), false);
    assert!(statements.repeated(1));
    assert!(!statements.repeated(1));
    assert_eq!(of(&statements, "0000000000000001").repeated_in_request, 2);
}

#[test]
fn the_last_one_is_seen_when_it_ended() {
    let statements = Statements::new(10);
    statements.record(0, &observation(1, 10), false);
    let seen = of(&statements, "0000000000000001");
    assert!(seen.last_seen >= seen.first_seen);
    let moments = Moments {
        now: Utc::now(),
        second: 100,
    };
    assert_eq!((moments.now - moments.at(40)).num_seconds(), 60);
    assert_eq!(moments.at(200), moments.now);
}

#[test]
fn a_summary_says_what_is_there_as_json() {
    let statements = Statements::new(10);
    statements.record(0, &observation(1, 10), false);
    let json = serde_json::to_value(statements.summaries()).unwrap();
    assert_eq!(json[0]["fingerprint"], "0000000000000001");
    assert_eq!(json[0]["calls"], 1);
    assert_eq!(json[0]["plan"], serde_json::Value::Null);
}

#[test]
fn the_slowest_are_those_of_all_summaries() {
    let statements = Statements::new(30);
    for fingerprint in 0..60 {
        statements.record(
            0,
            &observation(fingerprint, 10 + 7 * (fingerprint % 23)),
            false,
        );
    }
    let mut all = statements.summaries();
    assert_eq!(all.last().unwrap().fingerprint, "other");
    // They come where their time puts them.
    all.sort_by(|one, other| other.total_ms.total_cmp(&one.total_ms));
    let of =
        |list: &[StatementSummary]| -> Vec<f64> { list.iter().map(|one| one.total_ms).collect() };
    for number in [0, 1, 5, 200] {
        let slowest = statements.slowest(number);
        assert_eq!(of(&slowest), of(&all[..number.min(all.len())]));
    }
    assert!(
        statements
            .slowest(5)
            .iter()
            .any(|one| one.fingerprint == "other")
    );
    let sum: f64 = of(&all).iter().sum();
    assert!((statements.total_ms() - sum).abs() < 1e-6);
}

#[test]
fn one_text_is_found_by_its_fingerprint() {
    let statements = Statements::new(20);
    assert_eq!(statements.summary_of("other"), None);
    for fingerprint in 0..40 {
        statements.record(
            0,
            &observation(0xab00 + fingerprint, 10 + fingerprint),
            false,
        );
    }
    for summary in statements.summaries() {
        let mut found = statements.summary_of(&summary.fingerprint).unwrap();
        found.last_seen = summary.last_seen;
        assert_eq!(found, summary);
    }
    let known = statements.summaries()[0].fingerprint.clone();
    for wrong in [
        "",
        "nothing",
        "ffff",
        known.trim_start_matches('0'),
        &known.to_uppercase(),
    ] {
        assert_eq!(statements.summary_of(wrong), None, "{wrong}");
    }
}
