use crate::NamedStatement;
use crate::error::{Error, ErrorKind};

use super::ParameterFaults;

fn faults(text: &str, given: &[&str]) -> ParameterFaults {
    let statement = NamedStatement::parse(text).unwrap();
    match statement.bind_order(given.iter().copied()).unwrap_err() {
        Error::Parameters(faults) => faults,
        other => panic!("{other}"),
    }
}

fn order(text: &str, given: &[&str]) -> Vec<usize> {
    let statement = NamedStatement::parse(text).unwrap();
    statement.bind_order(given.iter().copied()).unwrap()
}

#[test]
fn values_are_found_by_name() {
    assert_eq!(order("select 1", &[]), [0_usize; 0]);
    assert_eq!(order(":a :b :a :c", &["c", "a", "b"]), [1, 2, 0]);
}

#[test]
fn all_faults_are_told_at_once() {
    let faults = faults(
        ":restaurant :city :limit :name",
        &[
            "name",
            "resturant",
            "extra",
            "name",
            "name",
            "limit",
            "limit",
        ],
    );
    assert_eq!(
        faults.to_string(),
        "missing `restaurant`, `city`; \
         unused `resturant` (did you mean `restaurant`?), `extra`; \
         given twice: `name`, `limit`"
    );
}

#[test]
fn each_fault_alone_is_a_fault() {
    assert_eq!(faults(":a", &[]).to_string(), "missing `a`");
    assert_eq!(faults("1", &["a"]).to_string(), "unused `a`");
    assert_eq!(faults(":a", &["a", "a"]).to_string(), "given twice: `a`");
    assert_eq!(
        faults("1", &["a", "a"]).to_string(),
        "unused `a`; given twice: `a`"
    );
}

#[test]
fn near_misses_are_suggested_and_far_ones_are_not() {
    let meant = |text, given| faults(text, &[given]).unused[0].did_you_mean.clone();
    assert_eq!(meant(":city", "City").as_deref(), Some("city"));
    assert_eq!(meant(":city", ":city").as_deref(), Some("city"));
    assert_eq!(meant(":city", "ctiy").as_deref(), Some("city"));
    assert_eq!(
        meant(":restaurants_ids :restaurant_id", "restaurant_di").as_deref(),
        Some("restaurant_id")
    );
    assert_eq!(meant(":city", "name"), None);
    // What is already given is not what was meant.
    assert_eq!(
        faults(":city", &["city", "cit"]).unused[0].did_you_mean,
        None
    );
}

#[test]
fn a_slice_bound_that_was_meant_as_a_parameter_is_explained() {
    assert_eq!(
        faults("select a[1:n]", &["n"]).to_string(),
        "unused `n` (inside [ ] `:n` is the bound of an array slice: write `(:n)` to bind it)"
    );
    assert!(!faults("select a[1: n]", &["n"]).unused[0].is_slice_bound);
}

#[test]
fn the_error_reads_after_failed_to() {
    let statement = NamedStatement::parse(":a").unwrap();
    let error = statement.bind_order([]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Parameters);
    assert_eq!(error.position(), None);
    assert_eq!(error.to_string(), "bind the parameters: missing `a`");
}
