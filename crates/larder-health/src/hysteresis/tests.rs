//! Tests of settling, on instants of the test's own.

use super::Status::{Critical, Degraded, Healthy, Unhealthy, Unknown};
use super::*;

/// What each of these counts as, a second apart.
fn settled(rules: Hysteresis, found: &[Status]) -> Vec<Status> {
    let (mut settling, start) = (Settling::default(), Instant::now());
    let seconds = (0..).map(Duration::from_secs);
    let found = found.iter().zip(seconds);
    found
        .map(|(status, after)| settling.note(*status, false, start + after, rules))
        .collect()
}

#[test]
fn one_blip_changes_nothing() {
    let rules = Hysteresis::default();
    let found = [Healthy, Critical, Healthy, Degraded, Healthy];
    assert_eq!(settled(rules, &found), [Healthy; 5]);
    let found = [Healthy, Degraded, Degraded, Healthy, Degraded, Degraded];
    let expected = [Healthy, Healthy, Degraded, Degraded, Degraded, Degraded];
    assert_eq!(settled(rules, &found), expected);
}

#[test]
fn it_is_as_bad_as_all_of_the_last_ones_and_as_good_as_all_of_the_last_ones() {
    let rules = Hysteresis {
        worse_after: 2,
        better_after: 3,
        ..Hysteresis::default()
    };
    let found = [
        Healthy, Critical, Degraded, Unhealthy, Unhealthy, Healthy, Degraded, Healthy, Healthy,
        Healthy,
    ];
    let expected = [
        Healthy, Healthy, Degraded, Degraded, Unhealthy, Unhealthy, Unhealthy, Degraded, Degraded,
        Healthy,
    ];
    assert_eq!(settled(rules, &found), expected);
}

#[test]
fn the_first_finding_counts_at_once() {
    let rules = Hysteresis::default();
    assert_eq!(settled(rules, &[Unhealthy]), [Unhealthy]);
    assert_eq!(settled(rules, &[Unknown, Degraded]), [Unknown, Degraded]);
}

#[test]
fn a_bad_status_lasts_its_minimum() {
    let rules = Hysteresis {
        worse_after: 1,
        better_after: 1,
        minimum: Duration::from_secs(3),
    };
    let found = [Healthy, Degraded, Healthy, Healthy, Healthy, Healthy];
    let expected = [Healthy, Degraded, Degraded, Degraded, Healthy, Healthy];
    assert_eq!(settled(rules, &found), expected);
}

#[test]
fn what_has_happened_often_enough_counts_at_once() {
    let (mut settling, now) = (Settling::default(), Instant::now());
    let rules = Hysteresis::default();
    settling.note(Healthy, false, now, rules);
    assert_eq!(settling.note(Unhealthy, true, now, rules), Unhealthy);
}

#[test]
fn that_nothing_can_be_said_makes_nothing_better() {
    let found = [
        Healthy, Degraded, Degraded, Unknown, Unknown, Unknown, Healthy, Unknown, Healthy,
    ];
    let expected = [
        Healthy, Healthy, Degraded, Degraded, Degraded, Degraded, Degraded, Degraded, Healthy,
    ];
    assert_eq!(settled(Hysteresis::default(), &found), expected);
}

#[test]
fn what_was_well_is_not_called_so_when_nothing_has_been_known_for_a_while() {
    let found = [
        Healthy, Unknown, Unknown, Degraded, Healthy, Unknown, Healthy,
    ];
    let expected = [
        Healthy, Healthy, Unknown, Healthy, Healthy, Healthy, Healthy,
    ];
    assert_eq!(
        settled(Hysteresis::default(), &found),
        expected,
        "and one blip after that is one blip still"
    );
}
