//! Tests of the recorder of statements.

mod bounds;
mod events;
mod series;
mod statistics;
mod thresholds;

use std::sync::{Arc, Mutex, Once};

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
