//! What became of the alerts of an instance, as series.

use std::collections::BTreeMap;

use crate::labels::Bounds;
use crate::names;
use crate::scrape::Scrape;

/// What became of the alerts, sink by sink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertReading {
    /// The sinks, by their names.
    pub sinks: Vec<(String, SinkReading)>,
}

/// What became of the alerts for one sink since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SinkReading {
    /// Alerts that it took.
    pub sent: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Alerts that were not sent because there was newer word of the same incident.
    pub replaced: u64,
    /// Alerts that were given up.
    pub dropped: u64,
    /// Alerts that it has not taken yet.
    pub waiting: u64,
}

impl AlertReading {
    /// Gives it to a scrape.
    pub fn publish(&self, scrape: &mut Scrape, database: &str) {
        self.publish_within(Bounds::of_process(), scrape, database);
    }

    pub(super) fn publish_within(&self, bounds: &Bounds, scrape: &mut Scrape, database: &str) {
        // Of sinks that share a name the sum: a counter is given once at a scrape.
        let mut sinks: BTreeMap<&str, SinkReading> = BTreeMap::new();
        for (name, reading) in &self.sinks {
            sinks
                .entry(bounds.sinks.limit(name))
                .or_default()
                .add(reading);
        }
        for (name, sink) in sinks {
            let outcomes = [
                ("sent", sink.sent),
                ("failed", sink.failed_attempts),
                ("replaced", sink.replaced),
                ("dropped", sink.dropped),
            ];
            for (outcome, total) in outcomes {
                scrape.counter(&names::ALERTS, &[database, name, outcome], total);
            }
            let waiting = sink.waiting as f64;
            scrape.gauge(&names::ALERTS_WAITING, &[database, name], waiting);
        }
    }
}

impl SinkReading {
    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.failed_attempts += other.failed_attempts;
        self.replaced += other.replaced;
        self.dropped += other.dropped;
        self.waiting += other.waiting;
    }
}
