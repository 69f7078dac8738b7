//! Tests of the monitor, on paused time: a sleep of a test costs none.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::BoxFuture;
use tokio::time::sleep;

use super::*;
use crate::probe;

/// A monitor whose wall clock follows the paused one.
fn monitor(options: MonitorOptions, probes: Vec<Arc<dyn Probe>>) -> HealthMonitor {
    let options = MonitorOptions {
        hysteresis: Hysteresis::IMMEDIATE,
        ..options
    };
    let (began, epoch) = (Instant::now(), DateTime::<Utc>::UNIX_EPOCH);
    HealthMonitor::with_wall_clock(options, probes, move || epoch + began.elapsed())
}

fn of(probes: Vec<Arc<dyn Probe>>) -> HealthMonitor {
    monitor(MonitorOptions::default(), probes)
}

/// A probe that gives these findings, one after the other, and the last one for ever.
fn script(name: &str, findings: impl IntoIterator<Item = Finding>) -> Arc<dyn Probe> {
    let findings: Mutex<VecDeque<Finding>> = Mutex::new(findings.into_iter().collect());
    Arc::new(probe(name, move || {
        let mut findings = findings.lock().unwrap();
        let next = findings.front().cloned().unwrap();
        if findings.len() > 1 {
            findings.pop_front();
        }
        async move { next }
    }))
}

/// A probe that takes this long.
fn slow(name: &str, took: Duration) -> Arc<dyn Probe> {
    Arc::new(probe(name, move || async move {
        sleep(took).await;
        Finding::healthy()
    }))
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[tokio::test(start_paused = true)]
async fn before_the_first_check_nothing_is_known() {
    let monitor = of(vec![script("database", [Finding::healthy()])]);
    let report = monitor.report();
    assert_eq!(report.status, Status::Unknown);
    assert_eq!(report.probes[0].status, Status::Unknown);
    assert_eq!(
        (report.since, report.last_check, report.avg_ms),
        (None, None, None)
    );
    assert_eq!(
        report.to_string(),
        "unknown, not checked yet\n  database  unknown"
    );
    assert!(monitor.records().is_empty() && monitor.transitions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_worst_probe_counts_and_reasons_are_named() {
    let monitor = of(vec![
        script("database", [Finding::healthy()]),
        script("pool", [Finding::degraded("full")]),
        script("cache", [Finding::warning("cold")]),
        script("replica", [Finding::unknown("none")]),
    ]);
    let report = monitor.check_now().await;
    assert_eq!(report.status, Status::Degraded);
    assert_eq!(report.reasons(), ["pool: full"]);
    assert_eq!(report.warnings(), ["cache: cold"]);
    assert_eq!(report.probe("pool").unwrap().status, Status::Degraded);
}

#[tokio::test(start_paused = true)]
async fn a_warning_stays_healthy() {
    let monitor = of(vec![script(
        "database",
        [Finding::warning("answered in 600 ms")],
    )]);
    let report = monitor.check_now().await;
    assert_eq!(report.status, Status::Healthy);
    assert!(report.reasons().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_probes_nothing_is_known() {
    assert_eq!(of(Vec::new()).check_now().await.status, Status::Unknown);
}

#[tokio::test(start_paused = true)]
async fn since_changes_with_the_status_only() {
    let monitor = of(vec![script(
        "database",
        [
            Finding::healthy(),
            Finding::healthy(),
            Finding::degraded("slow"),
            Finding::degraded("slower"),
            Finding::healthy(),
        ],
    )]);
    let mut since = Vec::new();
    for _ in 0..5 {
        let report = monitor.check_now().await;
        assert_eq!(report.since, report.probes[0].since);
        since.push(report.since.unwrap());
        sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(since, [at(0), at(0), at(20), at(20), at(40)]);
    assert_eq!(monitor.report().last_check, Some(at(40)));
}

#[tokio::test(start_paused = true)]
async fn transitions_tell_from_where_to_where_and_why() {
    let monitor = of(vec![script(
        "database",
        [
            Finding::healthy(),
            Finding::degraded("slow"),
            Finding::degraded("slow"),
            Finding::healthy(),
        ],
    )]);
    for _ in 0..4 {
        monitor.check_now().await;
        sleep(Duration::from_secs(10)).await;
    }
    let transitions = monitor.transitions();
    let told: Vec<String> = transitions.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "1970-01-01T00:00:00Z unknown -> healthy",
            "1970-01-01T00:00:10Z healthy -> degraded: database: slow",
            "1970-01-01T00:00:30Z degraded -> healthy",
        ]
    );
}

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

#[tokio::test(start_paused = true)]
async fn a_hundred_records_and_transitions_are_kept() {
    let good_and_bad = (0..250).map(|n| match n % 2 {
        0 => Finding::healthy(),
        _ => Finding::degraded("slow"),
    });
    let monitor = of(vec![script("database", good_and_bad)]);
    for _ in 0..250 {
        monitor.check_now().await;
        sleep(Duration::from_secs(1)).await;
    }
    let (records, transitions) = (monitor.records(), monitor.transitions());
    assert_eq!((records.len(), transitions.len()), (100, 100));
    assert_eq!((records[0].at, records[99].at), (at(150), at(249)));
    assert_eq!((transitions[0].at, transitions[99].at), (at(150), at(249)));
    assert_eq!(records[99].reasons, ["database: slow"]);
    let report = monitor.report();
    assert_eq!(report.checks, 250);
    assert_eq!(report.per_status[&Status::Healthy], 125);
    assert_eq!(report.per_status[&Status::Degraded], 125);
}

#[tokio::test(start_paused = true)]
async fn the_average_is_of_the_last_five_minutes() {
    let took = Arc::new(AtomicU64::new(30));
    let read = Arc::clone(&took);
    let monitor = of(vec![Arc::new(probe("database", move || {
        let took = milliseconds(read.load(Ordering::Relaxed));
        async move {
            sleep(took).await;
            Finding::healthy()
        }
    }))]);
    monitor.check_now().await;
    took.store(10, Ordering::Relaxed);
    sleep(Duration::from_secs(200)).await;
    monitor.check_now().await;
    assert_eq!(monitor.report().avg_ms, Some(20.0));
    sleep(Duration::from_secs(101)).await;
    assert_eq!(monitor.report().avg_ms, Some(10.0), "the first is too old");
    sleep(Duration::from_secs(300)).await;
    assert_eq!(monitor.report().avg_ms, None);
}

#[tokio::test(start_paused = true)]
async fn a_report_asks_nobody() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let monitor = of(vec![Arc::new(probe("database", move || {
        count.fetch_add(1, Ordering::Relaxed);
        async { Finding::healthy() }
    }))]);
    monitor.check_now().await;
    for _ in 0..10 {
        let _ = (monitor.report(), monitor.status(), monitor.records());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_report_does_not_wait_for_a_check_that_hangs() {
    let monitor = of(vec![slow("database", Duration::from_secs(4))]);
    let checking = tokio::spawn({
        let monitor = monitor.clone();
        async move { monitor.check_now().await }
    });
    sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    assert_eq!(monitor.report().status, Status::Unknown);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(checking.await.unwrap().status, Status::Healthy);
}

#[tokio::test(start_paused = true)]
async fn it_checks_at_once_and_at_each_interval_until_it_is_dropped() {
    let monitor = of(vec![slow("database", milliseconds(5))]);
    let running = tokio::spawn(monitor.clone().run());
    sleep(milliseconds(6)).await;
    assert_eq!(monitor.report().checks, 1);
    sleep(Duration::from_secs(30)).await;
    assert_eq!(monitor.report().checks, 2);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(monitor.report().checks, 4);
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    sleep(Duration::from_secs(600)).await;
    assert_eq!(monitor.report().checks, 4);
    assert_eq!(Arc::strong_count(&monitor.0), 1);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_is_dropped_leaves_no_trace_and_no_lock() {
    let monitor = of(vec![slow("database", Duration::from_secs(4))]);
    let given_up = timeout(Duration::from_secs(1), monitor.check_now()).await;
    assert!(given_up.is_err());
    assert_eq!(monitor.report().checks, 0);
    assert_eq!(monitor.check_now().await.checks, 1);
}

#[tokio::test(start_paused = true)]
async fn checks_take_turns() {
    let running = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&running);
    let monitor = of(vec![Arc::new(probe("database", move || {
        let count = Arc::clone(&count);
        async move {
            assert_eq!(count.fetch_add(1, Ordering::Relaxed), 0, "two at once");
            sleep(milliseconds(10)).await;
            count.fetch_sub(1, Ordering::Relaxed);
            Finding::healthy()
        }
    }))]);
    join_all((0..5).map(|_| monitor.check_now())).await;
    // A probe that met another one would have panicked, and not be healthy.
    assert_eq!(monitor.report().per_status[&Status::Healthy], 5);
}

#[tokio::test(start_paused = true)]
async fn the_report_as_json_and_for_people() {
    let monitor = of(vec![
        script("database", [Finding::healthy().observing(3.0, "ms")]),
        script(
            "pool",
            [Finding::degraded("19 of 20 in use")
                .observing(95.0, "%")
                .curing("hold sessions shorter")],
        ),
    ]);
    let report = monitor.check_now().await;
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "status": "degraded",
            "since": "1970-01-01T00:00:00Z",
            "last_check": "1970-01-01T00:00:00Z",
            "consecutive_failures": 0,
            "avg_ms": 0.0,
            "checks": 1,
            "per_status": { "degraded": 1 },
            "causes": [{
                "probe": "pool",
                "status": "degraded",
                "reason": "19 of 20 in use",
                "cure": "hold sessions shorter",
                "since": "1970-01-01T00:00:00Z",
                "explains": [],
            }],
            "probes": [
                {
                    "name": "database",
                    "status": "healthy",
                    "observed": { "value": 3.0, "unit": "ms" },
                    "counts": true,
                    "since": "1970-01-01T00:00:00Z",
                    "consecutive_failures": 0,
                    "duration_ms": 0.0,
                },
                {
                    "name": "pool",
                    "status": "degraded",
                    "reason": "19 of 20 in use",
                    "cure": "hold sessions shorter",
                    "observed": { "value": 95.0, "unit": "%" },
                    "counts": true,
                    "since": "1970-01-01T00:00:00Z",
                    "consecutive_failures": 0,
                    "duration_ms": 0.0,
                },
            ],
        })
    );
    assert_eq!(
        report.to_string(),
        "degraded since 1970-01-01T00:00:00Z\n  \
         database  healthy (3 ms)\n  \
         pool      degraded (95 %): 19 of 20 in use\n\
         cause: pool: 19 of 20 in use\n  cure: hold sessions shorter"
    );
}

/// A probe of this name, script and explanations.
fn explaining(
    name: &str,
    findings: impl IntoIterator<Item = Finding>,
    explains: &[&str],
    memory: Duration,
) -> Arc<dyn Probe> {
    let script = script(name, findings);
    let probe = probe(name, move || {
        let script = Arc::clone(&script);
        async move { script.check().await }
    });
    Arc::new(probe.explaining(explains.iter().copied()).memory(memory))
}

fn names(report: &HealthReport) -> Vec<&str> {
    let causes = report.causes.iter();
    causes.map(|cause| cause.probe.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn one_cause_is_named_and_what_follows_from_it() {
    let bad = || {
        [
            Finding::healthy(),
            Finding::degraded("bad").curing("mend it"),
        ]
    };
    let monitor = of(vec![
        explaining("statements", bad(), &[], Duration::ZERO),
        explaining("pool", bad(), &["acquire"], Duration::ZERO),
        explaining("acquire", bad(), &[], Duration::ZERO),
        explaining("database", bad(), &["pool", "statements"], Duration::ZERO),
        script("redis", [Finding::healthy()]),
    ]);
    assert!(monitor.check_now().await.causes.is_empty());
    sleep(Duration::from_secs(5)).await;
    monitor.check_now().await;
    sleep(Duration::from_secs(5)).await;
    let report = monitor.check_now().await;
    assert_eq!(names(&report), ["database"]);
    let cause = &report.causes[0];
    assert_eq!(cause.explains, ["statements", "pool", "acquire"]);
    assert_eq!((cause.since, cause.reason.as_str()), (at(5), "bad"));
    assert_eq!(cause.cure.as_deref(), Some("mend it"));
    let follows = |name| report.probe(name).unwrap().follows.as_deref();
    assert_eq!(follows("acquire"), Some("database"));
    assert_eq!((follows("database"), follows("redis")), (None, None));
    assert_eq!(monitor.transitions()[1].causes, report.causes);
}

#[tokio::test(start_paused = true)]
async fn two_that_do_not_explain_each_other_are_two_causes_the_worse_first() {
    let monitor = of(vec![
        script("redis", [Finding::degraded("gone")]),
        script("database", [Finding::unhealthy("gone")]),
    ]);
    assert_eq!(names(&monitor.check_now().await), ["database", "redis"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_cause_that_is_over_does_not_count() {
    let seconds = Duration::from_secs;
    let bad = |times| std::iter::repeat_n(Finding::degraded("bad"), times);
    let over = |times| bad(times).chain([Finding::healthy()]);
    // Statements look back 30 s; the monitor asks each 10 s.
    let monitor = of(vec![
        explaining(
            "database",
            over(1),
            &["statements", "follower"],
            Duration::ZERO,
        ),
        explaining("statements", bad(1), &[], seconds(30)),
        explaining("follower", over(2), &[], Duration::ZERO),
    ]);
    let report = monitor.check_now().await;
    assert_eq!(names(&report), ["database"]);
    for _ in 0..3 {
        sleep(seconds(10)).await;
        let report = monitor.check_now().await;
        assert_eq!(report.status, Status::Healthy, "{report}");
        assert!(report.causes.is_empty() && report.reasons().is_empty());
        let statements = report.probe("statements").unwrap();
        assert_eq!(statements.status, Status::Degraded);
        assert_eq!(statements.follows.as_deref(), Some("database"));
        assert!(!statements.counts);
    }
    for _ in 0..3 {
        sleep(seconds(10)).await;
        monitor.check_now().await;
    }
    let report = monitor.report();
    assert_eq!(names(&report), ["statements"], "it is its own now");
    assert_eq!(report.status, Status::Degraded);
}

#[tokio::test(start_paused = true)]
async fn what_follows_from_what_is_left_does_not_count_either() {
    let (bad, well) = (Finding::degraded("bad"), Finding::healthy());
    let memory = Duration::from_secs(600);
    let monitor = of(vec![
        explaining(
            "server",
            [bad.clone(), well],
            &["connections"],
            Duration::ZERO,
        ),
        explaining("connections", [bad.clone()], &["acquire"], memory),
        explaining("acquire", [bad], &[], memory),
    ]);
    let report = monitor.check_now().await;
    assert_eq!(report.causes[0].explains, ["connections", "acquire"]);
    let report = monitor.check_now().await;
    assert_eq!(report.status, Status::Healthy, "{report}");
    assert!(report.causes.is_empty());
    for name in ["connections", "acquire"] {
        let probe = report.probe(name).unwrap();
        assert_eq!(probe.follows.as_deref(), Some("server"));
        assert!(!probe.counts);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_well_again_after_the_cause_is_a_cause_of_its_own() {
    let (bad, well) = (Finding::degraded("bad"), Finding::healthy());
    let after = [bad.clone(), bad.clone(), well.clone(), bad.clone()];
    let memory = Duration::from_secs(600);
    let monitor = of(vec![
        explaining("database", [bad, well], &["statements"], Duration::ZERO),
        explaining("statements", after, &[], memory),
    ]);
    for _ in 0..3 {
        monitor.check_now().await;
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(names(&monitor.check_now().await), ["statements"]);
}

#[tokio::test(start_paused = true)]
async fn what_informs_only_is_told_and_does_not_count() {
    let cache = probe("cache", || async { Finding::degraded("cold") }).informing_only();
    let monitor = of(vec![
        script("database", [Finding::healthy()]),
        Arc::new(cache),
    ]);
    let report = monitor.check_now().await;
    assert_eq!(report.status, Status::Healthy);
    assert!(report.causes.is_empty());
    assert_eq!(report.warnings(), ["cache: cold"]);
    assert_eq!(report.probe("cache").unwrap().status, Status::Degraded);
}

#[tokio::test(start_paused = true)]
async fn a_blip_changes_nothing_and_what_is_over_lasts_a_little() {
    let rules = Hysteresis {
        worse_after: 2,
        better_after: 2,
        minimum: Duration::from_secs(25),
    };
    let (bad, well) = (Finding::degraded("bad"), Finding::healthy());
    let findings = [&well, &bad, &well, &bad, &bad, &well, &well, &well, &well];
    let script = script("pool", findings.into_iter().cloned());
    let pool = probe("pool", move || {
        let script = Arc::clone(&script);
        async move { script.check().await }
    });
    let monitor = of(vec![Arc::new(pool.hysteresis(rules))]);
    let mut statuses = Vec::new();
    for check in 0..9 {
        let report = monitor.check_now().await;
        statuses.push(report.status);
        if check == 1 {
            assert_eq!(report.warnings(), ["pool: bad"]);
        }
        if check == 6 {
            let reason = "pool: bad; well again, but not for long enough yet";
            assert_eq!(report.reasons(), [reason]);
            assert_eq!(names(&report), ["pool"]);
        }
        sleep(Duration::from_secs(10)).await;
    }
    use Status::{Degraded, Healthy};
    let expected = [
        Healthy, Healthy, Healthy, Healthy, Degraded, Degraded, Degraded, Healthy, Healthy,
    ];
    assert_eq!(statuses, expected);
}

#[tokio::test(start_paused = true)]
async fn subscribers_get_each_report_and_the_newest() {
    let monitor = of(vec![script("database", [Finding::healthy()])]);
    let mut reports = monitor.subscribe();
    assert_eq!(reports.borrow_and_update().checks, 0);
    monitor.check_now().await;
    monitor.check_now().await;
    assert!(reports.has_changed().unwrap());
    assert_eq!(reports.borrow_and_update().checks, 2);
    drop(monitor);
    assert!(reports.changed().await.is_err());
}
