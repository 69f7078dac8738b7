//! Tests of the thresholds: on each side of each one, and exactly on it.

use super::*;
use crate::Status;

/// The status, and whether it is a warning.
fn judged(finding: &Finding) -> (Status, bool) {
    assert_eq!(
        finding.reason.is_some(),
        finding.status > Status::Healthy || finding.is_warning()
    );
    assert!(finding.observed.is_some());
    assert!(!finding.failed);
    (finding.status, finding.is_warning())
}

const HEALTHY: (Status, bool) = (Status::Healthy, false);
const WARNING: (Status, bool) = (Status::Healthy, true);
const DEGRADED: (Status, bool) = (Status::Degraded, false);

#[test]
fn response_time() {
    let limit = ResponseTime::default();
    let at = |milliseconds| judged(&limit.evaluate(Duration::from_millis(milliseconds)));
    assert_eq!(at(0), HEALTHY);
    assert_eq!(at(500), HEALTHY);
    assert_eq!(at(501), WARNING);
    assert_eq!(at(1_000), WARNING);
    assert_eq!(at(1_001), DEGRADED);
    let slow = limit.evaluate(Duration::from_micros(1_234_560));
    assert_eq!(
        slow.reason.as_deref(),
        Some("answered in 1234.6 ms, above 1000 ms")
    );
    assert_eq!(slow.observed.unwrap().to_string(), "1234.6 ms");
    let redis = ResponseTime::up_to(Duration::from_millis(100));
    assert_eq!(judged(&redis.evaluate(Duration::from_millis(51))), WARNING);
    assert_eq!(
        judged(&redis.evaluate(Duration::from_millis(101))),
        DEGRADED
    );
}

#[test]
fn error_rate() {
    let limit = ErrorRate::default();
    let at = |calls, failures| judged(&limit.evaluate(calls, failures));
    assert_eq!(at(0, 0), HEALTHY);
    assert_eq!(at(100, 5), HEALTHY);
    assert_eq!(at(100, 6), DEGRADED);
    assert_eq!(at(1, 1), DEGRADED);
    let patient = ErrorRate {
        min_calls: 20,
        ..limit
    };
    assert_eq!(judged(&patient.evaluate(19, 19)), HEALTHY);
    assert_eq!(judged(&patient.evaluate(20, 2)), DEGRADED);
    assert_eq!(
        limit.evaluate(3, 1).reason.as_deref(),
        Some("1 of 3 statements failed: 33.3 %, above 5 %")
    );
    assert_eq!(limit.evaluate(3, 1).observed.unwrap().value, 33.3);
}

#[test]
fn failed_connections() {
    let limit = FailedConnections::default();
    assert_eq!(judged(&limit.evaluate(0)), HEALTHY);
    assert_eq!(judged(&limit.evaluate(5)), HEALTHY);
    assert_eq!(judged(&limit.evaluate(6)), DEGRADED);
}

#[test]
fn pool_use() {
    let limit = PoolUse::default();
    let at = |used| judged(&limit.evaluate(used, 100));
    assert_eq!(at(0), HEALTHY);
    assert_eq!(at(80), HEALTHY);
    assert_eq!(at(81), WARNING);
    assert_eq!(at(90), WARNING);
    assert_eq!(at(91), DEGRADED);
    assert_eq!(at(100), DEGRADED);
    assert_eq!(judged(&limit.evaluate(1, 1)), HEALTHY);
    assert_eq!(judged(&limit.evaluate(2, 2)), DEGRADED);
    assert_eq!(judged(&limit.evaluate(0, 0)), HEALTHY);
}

#[test]
fn hit_rate() {
    let limit = HitRate::default();
    let at = |hits, misses| judged(&limit.evaluate(hits, misses));
    assert_eq!(at(0, 0), HEALTHY);
    assert_eq!(at(0, 99), HEALTHY);
    assert_eq!(at(0, 100), WARNING);
    assert_eq!(at(69, 31), WARNING);
    assert_eq!(at(70, 30), HEALTHY);
    let always = HitRate {
        min_requests: 0,
        ..limit
    };
    assert_eq!(judged(&always.evaluate(0, 0)), HEALTHY);
}

#[test]
fn failures_in_a_row() {
    let limit = ConsecutiveFailures::default();
    let status = |failures| limit.evaluate(failures).status;
    assert_eq!(status(0), Status::Healthy);
    assert_eq!(status(1), Status::Degraded);
    assert_eq!(status(2), Status::Degraded);
    assert_eq!(status(3), Status::Unhealthy);
    assert_eq!(status(9), Status::Unhealthy);
    assert_eq!(status(10), Status::Critical);
    assert_eq!(status(u64::MAX), Status::Critical);
    assert_eq!(limit.evaluate(1).reason.as_deref(), Some("failed once"));
}
