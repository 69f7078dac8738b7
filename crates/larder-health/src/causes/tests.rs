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
