//! Tests of reading values: the table's own defaults, and each type's edges.

use std::time::Duration;

use bytesize::ByteSize;

use super::*;
use crate::profile::Profile;
use crate::sections::definitions;

fn reading(textual: bool, unit: Unit, range: Range) -> Reading<'static> {
    Reading {
        key: "pool.size",
        textual,
        unit,
        range,
    }
}

fn plain<T: Parse>(value: impl Into<SettingValue>) -> Result<T, Problem> {
    T::parse(&value.into(), &reading(false, Unit::Plain, Range::ANY))
}

fn variable<T: Parse>(text: &str, unit: Unit) -> Result<T, Problem> {
    T::parse(&text.into(), &reading(true, unit, Range::of(0.0, 1e9)))
}

#[test]
fn every_default_is_valid_and_is_shown_in_a_form_that_reads_back() {
    for row in definitions() {
        for profile in Profile::ALL {
            let Some(text) = row.default_of(profile) else {
                continue;
            };
            let reading = Reading {
                key: row.key,
                textual: true,
                unit: Unit::Plain,
                range: row.range,
            };
            let shown = (row.check)(&text.into(), &reading).unwrap();
            let typed = Reading {
                textual: false,
                ..reading
            };
            assert_eq!((row.check)(&shown, &typed), Ok(shown), "{}", row.key);
        }
    }
}

#[test]
fn every_row_is_documented_and_unique() {
    let mut keys = std::collections::BTreeSet::new();
    let mut variables = std::collections::BTreeSet::new();
    for row in definitions() {
        assert!(keys.insert(row.key), "{} twice", row.key);
        assert!(row.doc.trim().len() > 20, "{} needs documentation", row.key);
        assert!(row.key.split('.').count() == 2, "{}", row.key);
        for variable in row.variables {
            assert!(variables.insert(variable.name), "{} twice", variable.name);
        }
    }
}

#[test]
fn durations_need_a_unit() {
    assert_eq!(plain("1h 30m"), Ok(Duration::from_secs(5400)));
    assert_eq!(plain("250ms"), Ok(Duration::from_millis(250)));
    for number in [SettingValue::from(30), 1.5.into(), "30".into()] {
        let problem = plain::<Duration>(number).unwrap_err();
        assert_eq!(problem.problem, "is a number without a unit");
        assert!(problem.cure.contains("write a unit"), "{}", problem.cure);
    }
    assert!(plain::<Duration>("-5s").is_err());
    assert!(plain::<Duration>("400d").is_err(), "no clock overflows");
}

#[test]
fn the_predecessors_numbers_count_in_their_unit() {
    let seconds = |text| variable::<Duration>(text, Unit::Seconds);
    let milliseconds = |text| variable::<Duration>(text, Unit::Milliseconds);
    assert_eq!(seconds("0.1"), Ok(Duration::from_millis(100)));
    assert_eq!(seconds(" 30 "), Ok(Duration::from_secs(30)));
    assert_eq!(milliseconds("60000"), Ok(Duration::from_secs(60)));
    for text in ["5m", "nan", "inf", "-1", "1e400"] {
        assert!(seconds(text).is_err(), "{text}");
    }
}

#[test]
fn sizes_need_a_unit_and_are_exact() {
    assert_eq!(plain("64MiB"), Ok(ByteSize::mib(64)));
    assert_eq!(plain("1.5 GB"), Ok(ByteSize(1_500_000_000)));
    assert_eq!(ByteSize(1_500_000_000).shown(), "1500000000B".into());
    assert_eq!(ByteSize::kib(1536).shown(), "1536KiB".into());
    for number in [SettingValue::from(64), "64".into()] {
        assert!(plain::<ByteSize>(number).is_err());
    }
}

#[test]
fn text_stands_for_a_number_only_in_the_environment() {
    assert_eq!(variable("5", Unit::Plain), Ok(5_u32));
    assert_eq!(variable("Yes", Unit::Plain), Ok(true));
    assert_eq!(
        plain::<u32>("5").unwrap_err().problem,
        "is text, not a whole number"
    );
    assert!(plain::<bool>("true").is_err());
    assert!(variable::<f64>("nan", Unit::Plain).is_err());
    assert!(plain::<u32>(i64::MAX).is_err());
}

#[test]
fn bounds_hold_at_both_ends() {
    let within = |number: i64| {
        u32::parse(
            &number.into(),
            &reading(false, Unit::Plain, Range::of(1.0, 10.0)),
        )
    };
    assert_eq!(within(1), Ok(1));
    assert_eq!(within(10), Ok(10));
    for number in [0, 11] {
        let problem = within(number).unwrap_err();
        assert_eq!(problem.kind, FaultKind::OutOfRange);
        assert_eq!(problem.cure, "write from 1 to 10");
    }
}

#[test]
fn words_are_read_in_any_case_and_a_slip_gets_an_offer() {
    assert_eq!(plain("READ_COMMITTED"), Ok(IsolationLevel::ReadCommitted));
    assert_eq!(plain("Repeatable Read"), Ok(IsolationLevel::RepeatableRead));
    let problem = plain::<TlsMode>("verify-ful").unwrap_err();
    assert!(problem.cure.contains("did you mean `verify-full`?"));
}

#[test]
fn hosts_are_lists_or_text_with_commas() {
    let hosts: Vec<HostPort> = variable("one:26379, [::1]:26380,three", Unit::Plain).unwrap();
    let shown: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["one:26379", "[::1]:26380", "three"]);
    assert!(plain::<Vec<HostPort>>(vec!["one:26379"]).is_ok());
    for bad in ["redis://:pw@h:1", "h:0", "h:x", "", "user@h"] {
        assert!(plain::<Vec<HostPort>>(vec![bad]).is_err(), "{bad}");
    }
}

#[test]
fn log_levels_are_checked() {
    for good in ["info", "WARN", "info,larder_pool=debug", "off"] {
        assert!(plain::<LogFilter>(good).is_ok(), "{good}");
    }
    let problem = plain::<LogFilter>("inof").unwrap_err();
    assert!(problem.cure.contains("did you mean `info`?"));
}
