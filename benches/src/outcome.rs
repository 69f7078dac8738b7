//! What a load gave: how much of it a cache answered, and how long its reads took.

use std::time::Duration;

use serde::Serialize;

/// How much of the same load caches answered.
#[derive(Debug, Serialize)]
pub(crate) struct HitRatios {
    pub(crate) title: String,
    pub(crate) rows: Vec<HitRatio>,
    pub(crate) notes: Vec<String>,
}

/// How much of a load a cache answered.
#[derive(Debug, Serialize)]
pub(crate) struct HitRatio {
    pub(crate) name: &'static str,
    pub(crate) label: String,
    /// What it held at the end.
    pub(crate) entries: u64,
    pub(crate) held_bytes: u64,
    /// What it might have held.
    pub(crate) bytes: u64,
    #[serde(rename = "hit_percent")]
    pub(crate) percent: f64,
}

/// What the database saw of processes that were started under load.
#[derive(Debug, Serialize)]
pub(crate) struct Restarts {
    pub(crate) title: String,
    pub(crate) rows: Vec<Restart>,
    pub(crate) notes: Vec<String>,
}

/// What the database saw of one way to start: means of rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Restart {
    pub(crate) name: &'static str,
    pub(crate) label: String,
    /// Reads of clients.
    pub(crate) reads: f64,
    /// Those that became a query of the database.
    pub(crate) queries: f64,
    /// Those that had to be, because a write had made wrong what was kept.
    pub(crate) due_to_writes: f64,
    /// Scans of the tables, as the server counted them.
    pub(crate) scans: f64,
    /// Results that Redis had when they were asked for.
    pub(crate) from_redis: f64,
    /// Results that were fetched before they were asked for.
    pub(crate) from_reserve: f64,
    /// The queries beside those of the first row.
    pub(crate) percent: f64,
}

/// How much of the same reads of rows was answered while rows were written.
#[derive(Debug, Serialize)]
pub(crate) struct RowLoads {
    pub(crate) title: &'static str,
    pub(crate) rows: Vec<RowLoad>,
    pub(crate) notes: Vec<String>,
}

/// How much of a load of reads and writes of rows was answered by the cache.
#[derive(Debug, Serialize)]
pub(crate) struct RowLoad {
    pub(crate) name: &'static str,
    pub(crate) label: String,
    pub(crate) reads: u64,
    pub(crate) hits: u64,
    #[serde(rename = "hit_percent")]
    pub(crate) percent: f64,
    pub(crate) writes: u64,
    /// Invalidations that the writes caused.
    pub(crate) invalidations: u64,
    /// Entries that made room for others.
    pub(crate) evictions: u64,
    /// How long reads took: nanoseconds.
    #[serde(rename = "median_ns")]
    pub(crate) median: f64,
    #[serde(rename = "p99_ns")]
    pub(crate) p99: f64,
    /// Its share of hits divided by that without row precision; none where that is 0.
    pub(crate) ratio: Option<f64>,
}

impl RowLoad {
    pub(crate) fn new(
        name: &'static str,
        label: String,
        times: Vec<Duration>,
        hits: u64,
        writes: u64,
        invalidations: u64,
    ) -> Self {
        let Latency {
            label,
            reads,
            median,
            p99,
            ..
        } = Latency::of_times(name, label, times, 0);
        Self {
            name,
            label,
            reads,
            hits,
            percent: 100.0 * hits as f64 / reads as f64,
            writes,
            invalidations,
            evictions: 0,
            median,
            p99,
            ratio: None,
        }
    }

    pub(crate) fn evicted(mut self, evictions: u64) -> Self {
        self.evictions = evictions;
        self
    }
}

/// How long the reads of loads took.
#[derive(Debug, Serialize)]
pub(crate) struct Latencies {
    pub(crate) title: String,
    pub(crate) rows: Vec<Latency>,
    pub(crate) notes: Vec<String>,
}

/// How long the reads of a load took: nanoseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) name: &'static str,
    pub(crate) label: String,
    pub(crate) reads: u64,
    pub(crate) failed: u64,
    #[serde(rename = "median_ns")]
    pub(crate) median: f64,
    #[serde(rename = "p99_ns")]
    pub(crate) p99: f64,
    #[serde(rename = "max_ns")]
    pub(crate) max: f64,
}

impl Latency {
    /// From the times of reads, those that failed among them.
    pub(crate) fn of_times(
        name: &'static str,
        label: impl Into<String>,
        mut times: Vec<Duration>,
        failed: u64,
    ) -> Self {
        times.sort_unstable();
        let last = times.len().saturating_sub(1);
        let at = |share: f64| {
            let place = (last as f64 * share).ceil() as usize;
            times
                .get(place)
                .map_or(f64::NAN, |time| time.as_secs_f64() * 1e9)
        };
        Self {
            name,
            label: label.into(),
            reads: times.len() as u64,
            failed,
            median: at(0.5),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_hundred_is_slower_than_the_99th_percentile() {
        let times = (1..=200).rev().map(Duration::from_nanos).collect();
        let latency = Latency::of_times("l", "L", times, 1);
        assert_eq!((latency.reads, latency.failed), (200, 1));
        assert_eq!(latency.median.round(), 101.0);
        assert_eq!((latency.p99.round(), latency.max.round()), (199.0, 200.0));
    }
}
