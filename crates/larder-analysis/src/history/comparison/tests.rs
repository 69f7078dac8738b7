//! Hours that are alike, hours that are not, and hours that cannot be compared.

use chrono::{DateTime, Utc};

use super::*;
use crate::history::{DatabaseCounters, StatementCounters};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_750_000_000, 0).unwrap()
}

/// A reading so many hours ago, when one statement had been called so often and taken so long.
fn reading(hours_ago: i64, calls: i64, total_ms: f64) -> Counters {
    Counters {
        at: now() - Duration::hours(hours_ago),
        database: "shop".to_owned(),
        database_oid: 7,
        totals: DatabaseCounters {
            committed: calls,
            hit: calls * 100,
            ..Default::default()
        },
        statements: vec![StatementCounters {
            id: "1".to_owned(),
            text: "SELECT $1".to_owned(),
            calls,
            total_ms,
            rows: calls,
        }],
    }
}

fn compared(readings: Vec<Counters>, last: &Counters) -> Result<Vec<&'static str>, String> {
    let mut history = History::default();
    for reading in readings {
        history.push(reading);
    }
    let found = compare(&history, last, &Thresholds::default());
    let codes = found.map(|findings| findings.iter().map(|one| one.code).collect());
    codes.map_err(|refused| refused.why)
}

#[test]
fn the_same_hours_are_no_finding() {
    let before = vec![
        reading(25, 0, 0.0),
        reading(24, 1000, 10_000.0),
        reading(1, 9000, 90_000.0),
    ];
    assert_eq!(compared(before, &reading(0, 10_000, 100_000.0)), Ok(vec![]));
}

#[test]
fn slower_is_told_with_both_means() {
    let before = [
        reading(25, 0, 0.0),
        reading(24, 1000, 10_000.0),
        reading(1, 9000, 90_000.0),
    ];
    let last = reading(0, 10_000, 120_000.0);
    assert_eq!(
        compared(before.to_vec(), &last),
        Ok(vec!["hour-statement-slower"])
    );
    let mut history = History::default();
    before.into_iter().for_each(|one| history.push(one));
    let found = compare(&history, &last, &Thresholds::default()).unwrap();
    let mean = |name: &str| {
        found[0]
            .evidence
            .iter()
            .find(|(of, _)| of == name)
            .unwrap()
            .1
            .clone()
    };
    assert_eq!(mean("mean in the last hour"), "30 ms");
    assert_eq!(mean("mean a day before"), "10 ms");
}

#[test]
fn busier_is_another_thing_than_slower() {
    let before = vec![
        reading(25, 0, 0.0),
        reading(24, 1000, 10_000.0),
        reading(1, 9000, 90_000.0),
    ];
    let last = reading(0, 14_000, 140_000.0);
    assert_eq!(compared(before, &last), Ok(vec!["hour-statement-busier"]));
}

#[test]
fn a_week_before_serves_where_a_day_before_is_missing() {
    let before = vec![
        reading(169, 0, 0.0),
        reading(168, 1000, 10_000.0),
        reading(1, 9000, 90_000.0),
    ];
    let last = reading(0, 10_000, 120_000.0);
    assert_eq!(compared(before, &last), Ok(vec!["hour-statement-slower"]));
}

#[test]
fn what_cannot_be_compared_says_why() {
    let last = reading(0, 10_000, 100_000.0);
    let no_hour = compared(vec![reading(5, 1, 1.0)], &last).unwrap_err();
    assert!(no_hour.contains("an hour ago"), "{no_hour}");
    let no_day = compared(vec![reading(1, 1, 1.0)], &last).unwrap_err();
    assert!(no_day.contains("a day or a week"), "{no_day}");
    let reset = compared(vec![reading(1, 20_000, 1.0)], &last).unwrap_err();
    assert!(reset.contains("reset"), "{reset}");
    // That of another database is none.
    let other = Counters {
        database_oid: 8,
        ..reading(1, 9000, 90_000.0)
    };
    let of_other = compared(vec![reading(25, 0, 0.0), reading(24, 1, 1.0), other], &last);
    let of_other = of_other.unwrap_err();
    assert!(of_other.contains("an hour ago"), "{of_other}");
}

#[test]
fn a_statement_of_which_an_hour_is_not_known_is_not_compared() {
    let other = |number: usize| StatementCounters {
        id: format!("other {number}"),
        ..reading(0, 1, 1.0).statements.remove(0)
    };
    let without = |hours_ago: i64, others: usize| Counters {
        statements: (0..others).map(other).collect(),
        ..reading(hours_ago, 9_000, 90_000.0)
    };
    let day = [reading(25, 0, 0.0), reading(24, 1_000, 10_000.0)];
    // Since the reset it ran very often, and within the hour nobody knows how often.
    let last = reading(0, 500_000, 5_000_000.0);
    for (others, expected) in [
        // The server did not tell, or of so many alone.
        (0, vec![]),
        (200, vec![]),
        // That one told of all.
        (199, vec!["hour-statement-busier"]),
    ] {
        let mut readings = day.to_vec();
        readings.push(without(1, others));
        assert_eq!(compared(readings, &last), Ok(expected), "{others}");
    }
}
