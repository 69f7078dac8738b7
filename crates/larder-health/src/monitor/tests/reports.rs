//! What a report says, and what is kept of those before.

use super::*;

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
