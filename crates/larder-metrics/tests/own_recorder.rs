//! A program that has a recorder of its own keeps it: metrics go there, and Larder renders none.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_metrics::{Exporter, PoolReading, QueryObservation, QueryOptions, QueryRecorder, names};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

type Values = Arc<Mutex<BTreeMap<String, f64>>>;

/// Keeps the last value or the sum by name.
#[derive(Clone, Default)]
struct Own {
    values: Values,
    described: Values,
}

struct Slot(String, Values);

impl Slot {
    fn change(&self, change: impl FnOnce(f64) -> f64) {
        let mut values = self.1.lock().unwrap();
        let value = values.entry(self.0.clone()).or_default();
        *value = change(*value);
    }
}

impl CounterFn for Slot {
    fn increment(&self, value: u64) {
        self.change(|sum| sum + value as f64);
    }
    fn absolute(&self, value: u64) {
        self.change(|_| value as f64);
    }
}

impl GaugeFn for Slot {
    fn increment(&self, value: f64) {
        self.change(|sum| sum + value);
    }
    fn decrement(&self, value: f64) {
        self.change(|sum| sum - value);
    }
    fn set(&self, value: f64) {
        self.change(|_| value);
    }
}

impl HistogramFn for Slot {
    fn record(&self, value: f64) {
        self.change(|sum| sum + value);
    }
}

impl Own {
    fn slot(&self, key: &Key) -> Arc<Slot> {
        Arc::new(Slot(key.name().to_owned(), Arc::clone(&self.values)))
    }
    fn described(&self, key: &KeyName) {
        let mut described = self.described.lock().unwrap();
        *described.entry(key.as_str().to_owned()).or_default() += 1.0;
    }
}

impl Recorder for Own {
    fn describe_counter(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
        self.described(&key);
    }
    fn describe_gauge(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
        self.described(&key);
    }
    fn describe_histogram(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
        self.described(&key);
    }
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.slot(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.slot(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.slot(key))
    }
}

#[test]
fn metrics_go_to_the_recorder_of_the_program() {
    let own = Own::default();
    metrics::set_global_recorder(own.clone()).ok().unwrap();
    let exporter = Exporter::install();
    assert!(!exporter.can_render());
    assert_eq!(exporter.render(), None);
    assert_eq!(own.described.lock().unwrap().len(), names::ALL.len());

    QueryRecorder::new(QueryOptions::default()).record(&QueryObservation {
        pool: "main",
        operation: "SELECT",
        collection: None,
        fingerprint: 1,
        text: "select ?",
        duration: Duration::from_secs(2),
        rows: 20,
        error: None,
    });
    let source = exporter.register(|scrape| {
        let reading = PoolReading {
            used: 3,
            invalidated: 4,
            ..PoolReading::default()
        };
        reading.publish(scrape, "main", true);
    });
    // Nothing renders, so sources are read with the upkeep.
    exporter.upkeep();
    exporter.upkeep();
    let value = |name: &str| own.values.lock().unwrap()[name];
    assert_eq!(value("db_client_operation_duration_seconds"), 2.0);
    assert_eq!(value("db_client_response_returned_rows"), 20.0);
    assert_eq!(value("larder_slow_statements_total"), 1.0);
    assert_eq!(value("db_active_connections"), 3.0);
    assert_eq!(value("larder_connections_invalidated_total"), 4.0);
    drop(source);
    exporter.upkeep();
    assert!(value("db_active_connections").is_nan(), "nobody gives it");
    assert_eq!(value("larder_connections_invalidated_total"), 4.0);
}
