//! What is counted exactly, since the start and lately.

use super::*;

#[test]
fn statistics_are_exact() {
    let queries = QueryRecorder::new(QueryOptions {
        slow_threshold: Duration::from_millis(4),
        metrics: false,
        ..QueryOptions::default()
    });
    for (milliseconds, error) in [
        (1, None),
        (3, Some(QueryError::Class("timeout"))),
        (4, None),
        (8, None),
    ] {
        queries.record(&QueryObservation {
            duration: Duration::from_millis(milliseconds),
            error,
            ..observation()
        });
    }
    assert_eq!(
        queries.statistics(),
        QueryStatistics {
            total: 4,
            cached: 0,
            slow: 2,
            failed: 1,
            avg_ms: 4.0,
            error_rate: 0.25,
        }
    );
    let json = serde_json::to_value(queries.statistics()).unwrap();
    assert_eq!(json["error_rate"], 0.25);
    let lately = queries.window(Duration::from_secs(60));
    assert_eq!((lately.calls, lately.failures), (4, 1));
}

#[test]
fn who_leaves_is_counted_and_no_failure() {
    let page = rendered(QueryOptions::default(), |queries| {
        for error in [
            None,
            Some(QueryError::CANCELLED),
            Some(QueryError::Class("connection")),
        ] {
            queries.record(&QueryObservation {
                error,
                ..observation()
            });
        }
        let lately = queries.window(Duration::from_secs(60));
        assert_eq!((lately.calls, lately.failures), (3, 1));
        let statistics = queries.statistics();
        assert_eq!((statistics.total, statistics.failed), (3, 1));
        let known = &queries.statements().summaries()[0];
        assert_eq!((known.calls, known.errors), (3, 1));
    });
    let cancelled = lines(&page, "db_client_operation_duration_seconds_count");
    let is_counted =
        |line: &&str| line.contains(r#"error_type="cancelled""#) && line.ends_with(" 1");
    assert!(cancelled.iter().any(is_counted), "{page}");
}

#[test]
fn the_window_forgets() {
    let queries = QueryRecorder::new(QueryOptions {
        metrics: false,
        ..QueryOptions::default()
    });
    let failed = QueryObservation {
        error: Some(QueryError::SqlState("40001")),
        ..observation()
    };
    queries.record_in(0, &failed);
    queries.record_in(100, &observation());
    let lately = queries.window.statistics(100, Duration::from_secs(60));
    assert_eq!((lately.calls, lately.failures), (1, 0));
    assert_eq!(queries.statistics().failed, 1);
}

#[test]
fn threads_lose_nothing() {
    let page = rendered(QueryOptions::default(), |queries| {
        std::thread::scope(|scope| {
            // The handles come from this thread's recorder.
            queries.record(&observation());
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        queries.record(&observation());
                    }
                });
            }
        });
        assert_eq!(queries.statistics().total, 20_001);
    });
    let counts = lines(&page, "db_client_operation_duration_seconds_count");
    assert_eq!(counts.len(), 1);
    assert!(counts[0].ends_with(" 20001"), "{counts:?}");
}

#[test]
fn the_latency_lately_is_known_without_series() {
    let queries = QueryRecorder::new(QueryOptions {
        metrics: false,
        ..QueryOptions::default()
    });
    for failed in [false, false, true] {
        queries.record_in(
            70,
            &QueryObservation {
                error: failed.then_some(QueryError::Class("timeout")),
                ..observation()
            },
        );
    }
    let lately = queries.latency_at(Duration::from_secs(75), Duration::from_secs(10));
    assert_eq!((lately.calls, lately.failures), (3, 1));
    assert_eq!(lately.per_second, 0.3);
    assert!((lately.p50_ms - 2.0).abs() <= 0.25, "{lately:?}");
    let later = queries.latency_at(Duration::from_secs(100), Duration::from_secs(10));
    assert_eq!(later.calls, 0);
}
