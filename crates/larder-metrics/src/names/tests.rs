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

#[test]
fn every_label_is_explained_and_none_that_is_not_there() {
    let used: HashSet<&str> = ALL.iter().flat_map(|known| known.labels).copied().collect();
    let explained: HashSet<&str> = LABELS.iter().map(|label| label.name).collect();
    assert_eq!(explained.len(), LABELS.len());
    assert_eq!(used, explained);
}

#[test]
fn the_predecessors_names_have_its_labels_and_buckets() {
    let expected: [(&str, &str, &[&str]); 7] = [
        ("db_queries_total", "counter", &["query_type", "status"]),
        ("db_query_duration_seconds", "histogram", &["query_type"]),
        ("db_connection_pool_size", "gauge", &[]),
        ("db_active_connections", "gauge", &[]),
        ("db_cache_hits_total", "counter", &["cache_type"]),
        ("db_cache_misses_total", "counter", &["cache_type"]),
        ("db_slow_queries_total", "counter", &["query_type"]),
    ];
    for (name, kind, labels) in expected {
        let known = ALL.iter().find(|known| known.name == name).unwrap();
        assert_eq!(
            (known.kind.as_str(), known.labels),
            (kind, labels),
            "{name}"
        );
    }
    let buckets = Kind::Histogram(&[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0]);
    assert_eq!(LEGACY_QUERY_DURATION.kind, buckets);
}

#[test]
fn the_reference_page_is_in_step_with_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    let committed = std::fs::read_to_string(path).unwrap();
    // Not assert_eq: two pages in a message help nobody.
    assert!(
        committed == reference_page(),
        "docs/metrics.md is not in step with the table: cargo xtask codegen"
    );
}
