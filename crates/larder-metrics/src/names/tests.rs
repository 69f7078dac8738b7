//! Tests of the table: names follow Prometheus' rules, and all that others rely on are there.

use std::collections::HashSet;

use super::*;

#[test]
fn names_and_labels_follow_the_rules() {
    let word = |text: &str| {
        let first = text.chars().next().unwrap();
        first.is_ascii_lowercase()
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let mut seen = HashSet::new();
    for Definition {
        name, help, labels, ..
    } in ALL
    {
        assert!(seen.insert(name), "{name} stands twice");
        assert!(word(name), "{name}");
        assert!(
            name.starts_with("db_") || name.starts_with("larder_"),
            "{name}"
        );
        assert!(labels.iter().all(|label| word(label)), "{name}: {labels:?}");
        let distinct: HashSet<_> = labels.iter().collect();
        assert_eq!(distinct.len(), labels.len(), "{name}: {labels:?}");
        assert!(!labels.contains(&"le"), "{name}");
        assert!(
            help.ends_with('.') || help.ends_with(')') || help.ends_with("Larder"),
            "{help}"
        );
        assert_eq!(help.trim(), *help);
    }
}

#[test]
fn suffixes_tell_kind_and_unit() {
    for Definition {
        name, kind, unit, ..
    } in ALL
    {
        let counter = *kind == Kind::Counter;
        assert_eq!(name.ends_with("_total"), counter, "{name}");
        assert_eq!(name.ends_with("_seconds"), *unit == Unit::Seconds, "{name}");
        assert_eq!(name.ends_with("_bytes"), *unit == Unit::Bytes, "{name}");
    }
}

#[test]
fn bounds_rise() {
    for Definition { name, kind, .. } in ALL {
        if let Kind::Histogram(bounds) = kind {
            assert!(bounds.is_sorted_by(|a, b| a < b), "{name}: {bounds:?}");
        }
    }
}

#[test]
fn durations_have_the_conventional_bounds_and_finer_ones() {
    let Kind::Histogram(bounds) = OPERATION_DURATION.kind else {
        unreachable!("durations are histograms");
    };
    let conventional = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
    assert!(conventional.iter().all(|bound| bounds.contains(bound)));
    assert!(bounds.iter().filter(|bound| **bound < 0.001).count() >= 3);
}

#[test]
fn series_of_instances_say_whose_they_are() {
    let shared = ["larder_build_info", "db_client_response_returned_rows"];
    for Definition { name, labels, .. } in ALL {
        let legacy = name.starts_with("db_") && !name.starts_with("db_client_");
        let owned = labels.contains(&"pool") || labels.contains(&"database");
        assert_eq!(owned, !legacy && !shared.contains(name), "{name}");
    }
}
