//! Tests of the recorder of statements.

use std::sync::{Arc, Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use super::*;
use crate::Exporter;

/// Before any event there is somebody who wants it, or `tracing` may remember for ever that nobody
/// does: it asks once, perhaps just before a test begins to listen.
fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let everything = tracing_subscriber::registry();
        tracing::subscriber::set_global_default(everything).unwrap();
    });
}

fn observation() -> QueryObservation<'static> {
    listen();
    QueryObservation {
        pool: "main",
        operation: "SELECT",
        collection: Some("restaurants"),
        fingerprint: 0xab,
        text: "select * from restaurants where id = ?",
        duration: Duration::from_millis(2),
        rows: 3,
        error: None,
    }
}

/// Runs `work` with a recorder of metrics of its own; gives what is rendered afterwards.
fn rendered<R>(options: QueryOptions, work: impl FnOnce(&QueryRecorder) -> R) -> String {
    let (recorder, exporter) = Exporter::detached();
    metrics::with_local_recorder(&recorder, || {
        let bounds: &'static Bounds = Box::leak(Box::new(Bounds::new()));
        work(&QueryRecorder::with_bounds(options, bounds));
        exporter.render().unwrap()
    })
}

fn lines<'a>(page: &'a str, beginning: &str) -> Vec<&'a str> {
    let lines = page.lines();
    lines.filter(|line| line.starts_with(beginning)).collect()
}

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
fn a_statement_is_in_the_histograms_with_its_labels() {
    let page = rendered(QueryOptions::default(), |queries| {
        queries.record(&observation());
        queries.record(&observation());
    });
    let labels = r#"{db_system_name="postgresql",db_operation_name="SELECT",db_collection_name="restaurants",pool="main"}"#;
    assert!(
        page.contains(&format!(
            "db_client_operation_duration_seconds_count{labels} 2"
        )),
        "{page}"
    );
    let rows = r#"{db_operation_name="SELECT",db_collection_name="restaurants"}"#;
    assert!(
        page.contains(&format!("db_client_response_returned_rows_sum{rows} 6")),
        "{page}"
    );
    assert!(!page.contains("db_queries_total"), "legacy names are off");
    assert!(
        !page.contains("fingerprint="),
        "series by fingerprint are off"
    );
}

#[test]
fn an_error_has_its_sqlstate_or_class_and_no_rows() {
    let page = rendered(QueryOptions::default(), |queries| {
        for error in [QueryError::SqlState("23505"), QueryError::Class("timeout")] {
            queries.record(&QueryObservation {
                error: Some(error),
                collection: None,
                ..observation()
            });
        }
    });
    let counts = lines(&page, "db_client_operation_duration_seconds_count");
    assert_eq!(counts.len(), 2, "{page}");
    let has = |labels: &str| counts.iter().any(|line| line.contains(labels));
    assert!(
        has(r#"pool="main",error_type="23505",db_response_status_code="23505"} 1"#),
        "{page}"
    );
    assert!(has(r#"pool="main",error_type="timeout"} 1"#), "{page}");
    assert!(
        lines(&page, "db_client_response_returned_rows_count")
            .iter()
            .all(|line| line.ends_with(" 0")),
        "{page}"
    );
}

#[test]
fn a_statement_about_no_table_has_no_label_for_one() {
    let options = QueryOptions {
        slow_threshold: Duration::ZERO,
        ..QueryOptions::default()
    };
    let page = rendered(options, |queries| {
        queries.record(&QueryObservation {
            collection: None,
            ..observation()
        });
    });
    assert!(!page.contains("db_collection_name"), "{page}");
}

#[test]
fn tables_beyond_the_first_hundred_are_other() {
    let page = rendered(QueryOptions::default(), |queries| {
        for _ in 0..2 {
            for n in 0..130 {
                queries.record(&QueryObservation {
                    collection: Some(&format!("t{n}")),
                    ..observation()
                });
            }
        }
    });
    let counts = lines(&page, "db_client_operation_duration_seconds_count");
    assert_eq!(counts.len(), 101);
    let other = counts
        .iter()
        .find(|line| line.contains(r#"db_collection_name="other""#));
    assert!(other.unwrap().ends_with(" 60"), "{other:?}");
}

#[test]
fn sqlstates_beyond_the_first_fifty_are_other() {
    let page = rendered(QueryOptions::default(), |queries| {
        for n in 0..70 {
            queries.record(&QueryObservation {
                error: Some(QueryError::SqlState(&format!("X{n:04}"))),
                ..observation()
            });
        }
    });
    let counts = lines(&page, "db_client_operation_duration_seconds_count");
    assert_eq!(counts.len(), 51);
    let other = counts
        .iter()
        .find(|line| line.contains(r#"db_response_status_code="other""#));
    assert!(other.unwrap().ends_with(" 20"), "{other:?}");
}

#[test]
fn combinations_are_bounded_too() {
    let page = rendered(QueryOptions::default(), |queries| {
        for table in 0..100 {
            for error in 0..40 {
                queries.record(&QueryObservation {
                    collection: Some(&format!("t{table}")),
                    error: Some(QueryError::SqlState(&format!("X{error:04}"))),
                    ..observation()
                });
            }
        }
    });
    let counts = lines(&page, "db_client_operation_duration_seconds_count");
    assert_eq!(counts.len(), 1_001);
    let other = counts
        .iter()
        .find(|line| line.contains(r#"error_type="other""#));
    assert!(other.unwrap().ends_with(" 3000"), "{other:?}");
}

#[test]
fn series_by_fingerprint_are_bounded() {
    let options = QueryOptions {
        per_fingerprint: true,
        ..QueryOptions::default()
    };
    let page = rendered(options, |queries| {
        for fingerprint in 0..120 {
            queries.record(&QueryObservation {
                fingerprint,
                ..observation()
            });
        }
    });
    let counts = lines(&page, "larder_statement_duration_seconds_count");
    assert_eq!(counts.len(), 101);
    assert!(page.contains(r#"larder_statement_duration_seconds_count{pool="main",fingerprint="000000000000000a"} 1"#), "{page}");
    assert!(
        page.contains(
            r#"larder_statement_duration_seconds_count{pool="main",fingerprint="other"} 20"#
        ),
        "{page}"
    );
}

#[test]
fn the_names_of_the_predecessor_come_back_when_asked_for() {
    let options = QueryOptions {
        legacy_names: true,
        slow_threshold: Duration::from_millis(2),
        ..QueryOptions::default()
    };
    let page = rendered(options, |queries| {
        queries.record(&observation());
        queries.record(&QueryObservation {
            operation: "MERGE",
            duration: Duration::from_millis(1),
            error: Some(QueryError::Class("connection")),
            ..observation()
        });
    });
    for line in [
        r#"db_queries_total{query_type="select",status="success"} 1"#,
        r#"db_queries_total{query_type="other",status="error"} 1"#,
        r#"db_query_duration_seconds_count{query_type="select"} 1"#,
        r#"db_slow_queries_total{query_type="select"} 1"#,
        r#"larder_slow_statements_total{pool="main",db_operation_name="SELECT",db_collection_name="restaurants"} 1"#,
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
}

#[test]
fn without_metrics_there_are_no_series() {
    let options = QueryOptions {
        metrics: false,
        per_fingerprint: true,
        legacy_names: true,
        ..QueryOptions::default()
    };
    let page = rendered(options, |queries| queries.record(&observation()));
    assert_eq!(page, "");
}

/// An event: level, target, and its fields as text.
type Seen = (Level, String, String);

struct Catch(Arc<Mutex<Vec<Seen>>>);

impl<S: Subscriber> Layer<S> for Catch {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Fields(String);
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                self.0 += &format!("{field}={value:?} ");
            }
        }
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        self.0
            .lock()
            .unwrap()
            .push((level, target.to_owned(), fields.0));
    }
}

fn events<R>(options: QueryOptions, work: impl FnOnce(&QueryRecorder) -> R) -> Vec<Seen> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let subscriber = tracing_subscriber::registry().with(Catch(Arc::clone(&seen)));
    tracing::subscriber::with_default(subscriber, || {
        work(&QueryRecorder::new(QueryOptions {
            metrics: false,
            ..options
        }));
    });
    let seen = seen.lock().unwrap();
    seen.clone()
}

#[test]
fn each_slow_statement_is_one_event() {
    let options = QueryOptions {
        slow_threshold: Duration::from_millis(2),
        ..QueryOptions::default()
    };
    let seen = events(options, |queries| {
        queries.record(&observation());
        queries.record(&observation());
        queries.record(&QueryObservation {
            duration: Duration::from_micros(1_999),
            ..observation()
        });
    });
    assert_eq!(seen.len(), 2, "{seen:?}");
    let (level, target, fields) = &seen[0];
    assert_eq!((*level, target.as_str()), (Level::WARN, "larder::slow"));
    for field in [
        "pool=\"main\"",
        "fingerprint=00000000000000ab",
        "statement=\"select * from restaurants where id = ?\"",
        "duration_ms=2.0",
        "rows=3",
    ] {
        assert!(fields.contains(field), "{field} in {fields}");
    }
    assert!(!fields.contains("error="), "{fields}");
}

#[test]
fn a_threshold_of_zero_makes_every_statement_slow() {
    let options = QueryOptions {
        slow_threshold: Duration::ZERO,
        ..QueryOptions::default()
    };
    let seen = events(options, |queries| {
        queries.record(&QueryObservation {
            duration: Duration::ZERO,
            ..observation()
        });
        assert_eq!(queries.statistics().slow, 1);
    });
    assert_eq!(seen.len(), 1);
}

#[test]
fn the_query_log_has_every_statement_and_is_off_by_default() {
    assert_eq!(
        events(QueryOptions::default(), |queries| queries
            .record(&observation())),
        []
    );
    let options = QueryOptions {
        log: true,
        ..QueryOptions::default()
    };
    let seen = events(options, |queries| {
        queries.record(&QueryObservation {
            error: Some(QueryError::SqlState("57014")),
            ..observation()
        });
    });
    let [(level, target, fields)] = seen.as_slice() else {
        unreachable!("one event: {seen:?}");
    };
    assert_eq!((*level, target.as_str()), (Level::DEBUG, "larder::query"));
    assert!(fields.contains("error=\"57014\""), "{fields}");
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

#[tokio::test]
async fn a_threshold_of_an_operation_comes_before_that_of_the_task_and_that_before_the_usual() {
    let milliseconds = Duration::from_millis;
    let queries = QueryRecorder::new(QueryOptions {
        slow_threshold: milliseconds(100),
        slow_thresholds: vec![
            ("reports".to_owned(), milliseconds(5_000)),
            ("reports.daily".to_owned(), milliseconds(20)),
        ],
        metrics: false,
        ..QueryOptions::default()
    });
    let slow = |duration| {
        let query = QueryObservation {
            duration: milliseconds(duration),
            ..observation()
        };
        queries.record(&query).slow
    };
    let services = crate::ServiceRegistry::default();
    let (reports, users) = (services.recorder("reports"), services.recorder("users"));
    assert_eq!((slow(99), slow(100)), (false, true));
    let of = async |service, operation, least: u64| {
        let work = async { Ok::<_, ()>((slow(least - 1), slow(least))) };
        let found = OperationScope::measure(service, operation, work).await;
        assert_eq!(found, Ok((false, true)), "{operation}");
    };
    of(Arc::clone(&reports), "daily", 20).await;
    of(Arc::clone(&reports), "yearly", 5_000).await;
    of(Arc::clone(&users), "daily", 100).await;
    // What the program says of its own code, also where it leaves the service.
    OperationScope::slow_after(milliseconds(7), async {
        assert_eq!((slow(6), slow(7)), (false, true));
        of(Arc::clone(&users), "import", 7).await;
        of(Arc::clone(&reports), "daily", 20).await;
        let spawned = OperationScope::with(None, async { (slow(6), slow(7)) });
        assert_eq!(spawned.await, (false, true));
    })
    .await;
    assert_eq!((slow(99), slow(100)), (false, true));
}

#[test]
fn slow_statements_are_slow_in_what_is_known_of_their_text_too() {
    let queries = QueryRecorder::new(QueryOptions {
        slow_threshold: Duration::from_millis(2),
        metrics: false,
        ..QueryOptions::default()
    });
    let recorded = queries.record(&observation());
    assert!(recorded.slow && recorded.first);
    let faster = QueryObservation {
        duration: Duration::from_millis(1),
        ..observation()
    };
    let recorded = queries.record(&faster);
    assert!(!recorded.slow && !recorded.first);
    let summaries = queries.statements().summaries();
    assert_eq!(
        (summaries.len(), summaries[0].calls, summaries[0].slow),
        (1, 2, 1)
    );
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

#[test]
fn what_is_slow_is_counted_by_kind_of_statement_up_to_a_bound() {
    let options = QueryOptions {
        slow_threshold: Duration::from_millis(1),
        ..QueryOptions::default()
    };
    let page = rendered(options, |queries| {
        for fingerprint in 0..120 {
            queries.record(&QueryObservation {
                fingerprint,
                ..observation()
            });
        }
        queries.record(&QueryObservation {
            fingerprint: 7,
            ..observation()
        });
        queries.record(&QueryObservation {
            fingerprint: 500,
            duration: Duration::from_micros(10),
            ..observation()
        });
    });
    let series = lines(&page, "larder_slow_statements_by_fingerprint_total");
    assert_eq!(series.len(), 101);
    let has = |line: &str| series.contains(&line);
    assert!(has(
        r#"larder_slow_statements_by_fingerprint_total{pool="main",fingerprint="0000000000000007"} 2"#
    ));
    assert!(has(
        r#"larder_slow_statements_by_fingerprint_total{pool="main",fingerprint="other"} 20"#
    ));
}
