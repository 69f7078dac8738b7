//! Tests of label values.

use super::*;

#[test]
fn what_is_safe_stays_as_it_is() {
    assert!(matches!(
        cleaned("restaurants"),
        Cow::Borrowed("restaurants")
    ));
    assert_eq!(cleaned("straße, 'x' {y}=z"), "straße, 'x' {y}=z");
}

#[test]
fn what_could_break_a_line_or_a_quote_is_replaced() {
    assert_eq!(cleaned("a\"b\\c\nd\te"), "a_b_c_d_e");
}

#[test]
fn long_values_are_cut_between_characters() {
    let cut = cleaned(&"ß".repeat(500)).into_owned();
    assert_eq!(cut, "ß".repeat(LONGEST));
}

#[test]
fn beyond_the_bound_all_is_other() {
    let bounded = Bounded::new(2);
    assert_eq!(bounded.limit("a"), "a");
    assert_eq!(bounded.limit("b"), "b");
    assert_eq!(bounded.limit("c"), OTHER);
    assert_eq!(bounded.limit("a"), "a");
    assert_eq!(bounded.limit("b"), "b");
}
