//! What fails: how bad that is, and probes that do not answer or panic.

use super::*;

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_get_worse_and_one_success_ends_them() {
    let mut findings = vec![Finding::failed("refused"); 11];
    findings.extend([Finding::healthy(), Finding::failed("refused")]);
    let monitor = of(vec![script("database", findings)]);
    let mut statuses = Vec::new();
    for failures in 1..=11 {
        let report = monitor.check_now().await;
        assert_eq!(report.consecutive_failures, failures);
        assert_eq!(report.probes[0].consecutive_failures, failures);
        statuses.push(report.status);
    }
    assert_eq!(statuses[..2], [Status::Degraded; 2]);
    assert_eq!(statuses[2..9], [Status::Unhealthy; 7]);
    assert_eq!(statuses[9..], [Status::Critical; 2]);
    let reason = monitor.report().probes[0].reason.clone();
    assert_eq!(reason.unwrap(), "refused (11 times in a row)");
    let report = monitor.check_now().await;
    assert_eq!(
        (report.status, report.consecutive_failures),
        (Status::Healthy, 0)
    );
    assert_eq!(report.probes[0].reason, None);
    let report = monitor.check_now().await;
    assert_eq!(report.probes[0].consecutive_failures, 1);
    assert_eq!(report.status, Status::Degraded);
}

#[tokio::test(start_paused = true)]
async fn what_is_bad_by_number_is_no_failure() {
    let monitor = of(vec![script("pool", [Finding::degraded("full")])]);
    for _ in 0..20 {
        monitor.check_now().await;
    }
    let report = monitor.report();
    assert_eq!(
        (report.status, report.consecutive_failures),
        (Status::Degraded, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn what_can_be_done_without_does_not_pull_the_whole_down() {
    let redis = probe("redis", || async { Finding::failed("refused") }).at_worst(Status::Degraded);
    let monitor = of(vec![
        script("database", [Finding::healthy()]),
        Arc::new(redis),
    ]);
    for _ in 0..20 {
        monitor.check_now().await;
    }
    assert_eq!(monitor.status(), Status::Degraded);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_does_not_answer_is_a_finding() {
    let options = MonitorOptions {
        deadline: Duration::from_secs(2),
        ..MonitorOptions::default()
    };
    let stuck = probe("stuck", pending::<Finding>);
    let patient = probe("patient", || async {
        sleep(Duration::from_secs(7)).await;
        Finding::healthy()
    });
    let patient = patient.deadline(Duration::from_secs(8));
    let monitor = monitor(options, vec![Arc::new(stuck), Arc::new(patient)]);
    let began = Instant::now();
    let report = monitor.check_now().await;
    assert_eq!(
        began.elapsed(),
        Duration::from_secs(7),
        "asked at the same time"
    );
    assert_eq!(report.status, Status::Degraded);
    let stuck = report.probe("stuck").unwrap();
    assert_eq!(stuck.reason.as_deref(), Some("no answer within 2s"));
    assert_eq!(stuck.duration_ms, 2_000.0);
    assert_eq!(report.probe("patient").unwrap().status, Status::Healthy);
    monitor.check_now().await;
    assert_eq!(monitor.check_now().await.status, Status::Unhealthy);
}

/// Panics when it makes the future, or in the future.
struct Panicking {
    at_once: bool,
}

impl Probe for Panicking {
    fn name(&self) -> &str {
        "panicking"
    }

    fn check(&self) -> BoxFuture<'_, Finding> {
        assert!(!self.at_once, "at once");
        Box::pin(async { panic!("later, with {}", 1) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_panics_is_a_finding() {
    for (at_once, reason) in [
        (true, "panicked: at once"),
        (false, "panicked: later, with 1"),
    ] {
        let healthy = script("database", [Finding::healthy()]);
        let monitor = of(vec![Arc::new(Panicking { at_once }), healthy]);
        let report = monitor.check_now().await;
        assert_eq!(report.status, Status::Degraded);
        assert_eq!(report.probes[0].reason.as_deref(), Some(reason));
        assert_eq!(report.probes[1].status, Status::Healthy);
        monitor.check_now().await;
        assert_eq!(monitor.check_now().await.status, Status::Unhealthy);
    }
}
