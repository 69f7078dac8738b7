//! Tests of rendering and of sources, with recorders of the tests' own.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::Kind;

impl Exporter {
    /// An exporter over a recorder of its own, for the tests of this crate. The recorder has
    /// to be made the thread's for as long as something is recorded or rendered.
    pub(crate) fn detached() -> (ProcessRecorder, Self) {
        let recorder = ProcessRecorder::new();
        let exporter = Self::over(Some(recorder.renderer()));
        (recorder, exporter)
    }
}

/// What is rendered, without what is not a sample, in order.
fn samples(exporter: &Exporter) -> Vec<String> {
    let page = exporter.render().unwrap();
    let lines = page.lines();
    let mut samples: Vec<String> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    samples.sort();
    samples
}

#[test]
fn sources_are_read_when_rendered_and_no_more_when_gone() {
    let (recorder, exporter) = Exporter::detached();
    metrics::with_local_recorder(&recorder, || {
        let waiting = Arc::new(AtomicU64::new(3));
        let read = Arc::clone(&waiting);
        let source = exporter.register(move |scrape| {
            let value = read.load(Ordering::Relaxed) as f64;
            scrape.gauge(&names::CONNECTION_PENDING_REQUESTS, &["main"], value);
        });
        let name = r#"db_client_connection_pending_requests{pool="main"}"#;
        assert_eq!(samples(&exporter), [format!("{name} 3")]);
        waiting.store(5, Ordering::Relaxed);
        assert_eq!(samples(&exporter), [format!("{name} 5")]);
        assert_eq!(Arc::strong_count(&waiting), 2);
        drop(source);
        assert_eq!(Arc::strong_count(&waiting), 1, "the closure is dropped");
        assert_eq!(samples(&exporter), Vec::<String>::new());
    });
}

#[test]
fn a_gauge_that_is_not_given_any_more_is_gone_and_its_name_too() {
    let (recorder, exporter) = Exporter::detached();
    metrics::with_local_recorder(&recorder, || {
        let lag = Arc::new(Mutex::new(Some(42.0)));
        let read = Arc::clone(&lag);
        let _source = exporter.register(move |scrape| {
            if let Some(lag) = *read.lock().unwrap() {
                scrape.gauge(&names::REPLICA_LAG, &["main"], lag);
            }
        });
        let sample = r#"larder_replica_lag_seconds{database="main"} 42"#;
        assert_eq!(samples(&exporter), [sample]);
        *lag.lock().unwrap() = None;
        let page = exporter.render().unwrap();
        assert!(!page.contains("larder_replica_lag_seconds"), "{page}");
        *lag.lock().unwrap() = Some(42.0);
        assert_eq!(samples(&exporter), [sample]);
    });
}

#[test]
fn two_sources_of_one_series_add_up() {
    let (recorder, exporter) = Exporter::detached();
    metrics::with_local_recorder(&recorder, || {
        let register = |gauge: f64, counter: u64| {
            exporter.register(move |scrape| {
                scrape.gauge(&names::LEGACY_POOL_SIZE, &[], gauge);
                scrape.counter(&names::LEGACY_CACHE_HITS, &["query"], counter);
            })
        };
        let first = register(5.0, 100);
        let _second = register(2.0, 7);
        let hits = r#"db_cache_hits_total{cache_type="query"} 107"#;
        assert_eq!(samples(&exporter), [hits, "db_connection_pool_size 7"]);
        assert_eq!(samples(&exporter), [hits, "db_connection_pool_size 7"]);
        drop(first);
        assert_eq!(samples(&exporter), [hits, "db_connection_pool_size 2"]);
    });
}

#[test]
fn names_that_look_the_same_when_shown_are_one_series() {
    let (recorder, exporter) = Exporter::detached();
    metrics::with_local_recorder(&recorder, || {
        let _source = exporter.register(|scrape| {
            scrape.gauge(&names::UPTIME, &["a\"b"], 1.0);
            scrape.gauge(&names::UPTIME, &["a\\b"], 2.0);
        });
        assert_eq!(
            samples(&exporter),
            [r#"larder_uptime_seconds{database="a_b"} 3"#]
        );
    });
}

#[test]
fn a_counter_goes_on_when_its_instance_begins_again() {
    let (recorder, exporter) = Exporter::detached();
    metrics::with_local_recorder(&recorder, || {
        let register = |total: u64| {
            exporter.register(move |scrape| {
                scrape.counter(&names::CONNECTIONS_INVALIDATED, &["main"], total);
            })
        };
        let name = r#"larder_connections_invalidated_total{pool="main"}"#;
        let first = register(40);
        assert_eq!(samples(&exporter), [format!("{name} 40")]);
        drop(first);
        let _second = register(2);
        assert_eq!(samples(&exporter), [format!("{name} 42")]);
    });
}

#[test]
fn a_counter_that_goes_back_began_again() {
    let (recorder, exporter) = Exporter::detached();
    metrics::with_local_recorder(&recorder, || {
        let total = Arc::new(AtomicU64::new(10));
        let read = Arc::clone(&total);
        let _source = exporter.register(move |scrape| {
            let total = read.load(Ordering::Relaxed);
            scrape.counter(&names::CONNECTIONS_INVALIDATED, &["main"], total);
        });
        let _ = samples(&exporter);
        total.store(4, Ordering::Relaxed);
        let name = r#"larder_connections_invalidated_total{pool="main"}"#;
        assert_eq!(samples(&exporter), [format!("{name} 14")]);
    });
}

#[test]
fn a_source_that_panics_does_not_keep_the_others_from_being_read() {
    let (recorder, exporter) = Exporter::detached();
    metrics::with_local_recorder(&recorder, || {
        let _broken = exporter.register(|scrape| {
            scrape.gauge(&names::UPTIME, &["broken"], 1.0);
            panic!("on purpose");
        });
        let _whole = exporter.register(|scrape| scrape.gauge(&names::UPTIME, &["whole"], 2.0));
        for _ in 0..2 {
            assert_eq!(
                samples(&exporter),
                [
                    r#"larder_uptime_seconds{database="broken"} 1"#,
                    r#"larder_uptime_seconds{database="whole"} 2"#,
                ]
            );
        }
    });
}

#[test]
fn a_source_may_be_the_last_owner_of_its_own_registration() {
    let (recorder, exporter) = Exporter::detached();
    metrics::with_local_recorder(&recorder, || {
        let slot: Arc<Mutex<Option<ScrapeSource>>> = Arc::default();
        let inside = Arc::clone(&slot);
        let source = exporter.register(move |scrape| {
            scrape.gauge(&names::UPTIME, &["main"], 1.0);
            inside.lock().unwrap().take();
        });
        *slot.lock().unwrap() = Some(source);
        assert_eq!(samples(&exporter).len(), 1);
        assert_eq!(samples(&exporter), Vec::<String>::new());
    });
}

#[test]
fn what_is_not_a_number_is_left_out() {
    let (recorder, exporter) = Exporter::detached();
    metrics::with_local_recorder(&recorder, || {
        let _source = exporter.register(|scrape| {
            scrape.gauge(&names::UPTIME, &["none"], f64::NAN);
            scrape.gauge(&names::UPTIME, &["endless"], f64::INFINITY);
        });
        assert_eq!(samples(&exporter), Vec::<String>::new());
    });
}

#[test]
fn every_histogram_of_the_table_has_its_bounds() {
    let (recorder, exporter) = Exporter::detached();
    metrics::with_local_recorder(&recorder, || {
        for definition in names::ALL {
            if let Kind::Histogram(_) = definition.kind {
                let labels = vec!["x"; definition.labels.len()];
                definition.histogram(&labels).record(0.000_07);
            }
        }
        let page = exporter.render().unwrap();
        for definition in names::ALL {
            if let Kind::Histogram(bounds) = definition.kind {
                let bucket = format!("{}_bucket{{", definition.name);
                let buckets = page.lines().filter(|line| line.starts_with(&bucket));
                assert_eq!(buckets.count(), bounds.len() + 1, "{}", definition.name);
            }
        }
    });
}

#[test]
fn histograms_of_the_program_are_shown_beside_those_of_the_table() {
    let (recorder, exporter) = Exporter::detached();
    metrics::with_local_recorder(&recorder, || {
        let own = metrics::histogram!("requests", "path" => "/");
        own.record(0.25);
        exporter.upkeep();
        own.record(0.5);
        names::CONNECTION_WAIT_TIME.histogram(&["main"]).record(0.2);
        let page = exporter.render().unwrap();
        assert!(page.contains(r#"requests_sum{path="/"} 0.75"#), "{page}");
        let count = r#"db_client_connection_wait_time_seconds_count{pool="main"} 1"#;
        assert!(page.contains(count), "{page}");
    });
}

#[tokio::test(start_paused = true)]
async fn the_loop_ends_when_it_is_dropped() {
    let (_recorder, exporter) = Exporter::detached();
    let inner = Arc::downgrade(&exporter.0);
    let running = tokio::time::timeout(Exporter::UPKEEP_INTERVAL * 3, exporter.run());
    assert!(running.await.is_err());
    assert_eq!(inner.strong_count(), 0);
}
