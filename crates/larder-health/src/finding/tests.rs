//! Tests of findings.

use super::*;

#[test]
fn the_worst_keeps_its_reason_and_what_it_measured() {
    let worst = Finding::worst([
        Finding::warning("slow").observing(600.0, "ms"),
        Finding::degraded("errors").observing(7.0, "%"),
        Finding::degraded("connects"),
        Finding::healthy(),
    ]);
    assert_eq!(worst, Finding::degraded("errors").observing(7.0, "%"));
    assert_eq!(worst.to_string(), "degraded: errors");
}

#[test]
fn a_warning_is_worse_than_nothing_and_unknown_better_than_healthy() {
    let worst = Finding::worst([
        Finding::unknown("busy"),
        Finding::healthy(),
        Finding::warning("slow"),
    ]);
    assert_eq!(worst, Finding::warning("slow"));
    assert_eq!(Finding::worst([]).status, Status::Unknown);
}

#[test]
fn a_failure_is_not_lost_behind_something_worse() {
    let worst = Finding::worst([Finding::failed("refused"), Finding::critical("disk full")]);
    assert_eq!((worst.status, worst.failed), (Status::Critical, true));
    let equal = Finding::worst([Finding::degraded("slow"), Finding::failed("refused")]);
    assert_eq!(equal, Finding::failed("refused"));
}
