//! Tests of finding causes.

use super::*;

/// The origin of each that is bad, by name.
fn found(table: &[(&str, &[&str])], bad: &[&str]) -> Vec<(String, Option<String>)> {
    let explained: Vec<Vec<String>> = table
        .iter()
        .map(|(_, explains)| explains.iter().map(ToString::to_string).collect())
        .collect();
    let suspects: Vec<Suspect<'_>> = table
        .iter()
        .zip(&explained)
        .map(|((name, _), explains)| Suspect {
            name,
            is_bad: bad.contains(name),
            is_settled: true,
            began: 0,
            explains,
        })
        .collect();
    let name = |index: usize| table[index].0.to_owned();
    origins(&suspects)
        .into_iter()
        .enumerate()
        .filter(|(index, _)| suspects[*index].is_bad)
        .map(|(index, origin)| (name(index), origin.map(name)))
        .collect()
}

fn pairs(expected: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    expected
        .iter()
        .map(|(name, origin)| ((*name).to_owned(), origin.map(str::to_owned)))
        .collect()
}

const TABLE: &[(&str, &[&str])] = &[
    ("server", &["database"]),
    ("database", &["pool", "follower"]),
    ("pool", &["statements"]),
    ("follower", &["cache"]),
    ("statements", &[]),
    ("cache", &[]),
];

#[test]
fn the_cause_of_a_cause_is_the_cause() {
    let bad = ["database", "pool", "statements", "cache"];
    let expected = [
        ("database", None),
        ("pool", Some("database")),
        ("statements", Some("database")),
        ("cache", None),
    ];
    assert_eq!(found(TABLE, &bad), pairs(&expected));
}

#[test]
fn what_is_well_explains_nothing() {
    let bad = ["pool", "follower", "cache"];
    let expected = [
        ("pool", None),
        ("follower", None),
        ("cache", Some("follower")),
    ];
    assert_eq!(found(TABLE, &bad), pairs(&expected));
}

#[test]
fn explanations_that_go_round_have_their_first_as_cause() {
    let table: &[(&str, &[&str])] = &[
        ("a", &["b", "a"]),
        ("b", &["c"]),
        ("c", &["a", "d"]),
        ("d", &[]),
    ];
    let expected = [
        ("a", None),
        ("b", Some("a")),
        ("c", Some("a")),
        ("d", Some("a")),
    ];
    assert_eq!(found(table, &["a", "b", "c", "d"]), pairs(&expected));
}

/// What explains `pool`, of suspects with the check in which each began, and whether it settled.
fn explains_pool(database: (u64, bool), slow: (u64, bool), pool: u64) -> Option<usize> {
    let explains = [vec!["pool".to_owned()], vec!["pool".to_owned()], Vec::new()];
    let began = [
        ("database", database),
        ("slow", slow),
        ("pool", (pool, true)),
    ];
    let suspects: Vec<Suspect<'_>> = began
        .iter()
        .zip(&explains)
        .map(|((name, (began, is_settled)), explains)| Suspect {
            name,
            is_bad: true,
            is_settled: *is_settled,
            began: *began,
            explains,
        })
        .collect();
    origins(&suspects)[2]
}

#[test]
fn a_blip_explains_nothing_that_stood_before_it_and_less_than_what_has_settled() {
    let (database, slow) = (Some(0), Some(1));
    assert_eq!(explains_pool((9, true), (9, true), 1), database);
    assert_eq!(explains_pool((9, false), (9, false), 9), database);
    assert_eq!(explains_pool((9, false), (1, true), 9), slow);
    assert_eq!(explains_pool((9, false), (1, true), 1), slow);
    assert_eq!(explains_pool((9, false), (9, false), 1), None);
    assert_eq!(
        explains_pool((9, false), (9, false), 8),
        database,
        "neighbours"
    );
}
