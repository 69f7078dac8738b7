//! What happened to the connections of a pool.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use metrics::{Counter, Histogram};
use serde::Serialize;

use crate::handle::Lazy;
use crate::labels::Bounds;
use crate::latency::{LatencyCounts, LatencyRecorder};
use crate::names;
use crate::window::{SlidingWindow, WindowStatistics};

#[cfg(test)]
mod tests;

/// Counts and times what happens to the connections of one pool.
///
/// What is recorded before [`Exporter::install`](crate::Exporter::install) is in the statistics
/// and not in the series.
pub struct PoolRecorder {
    pool: String,
    started: Instant,
    connects: SlidingWindow,
    failures_in_a_row: AtomicU64,
    acquired: AtomicU64,
    waits: LatencyRecorder,
    /// In microseconds.
    waited: AtomicU64,
    timeouts: AtomicU64,
    retries: AtomicU64,
    retry_refusals: AtomicU64,
    retry_recoveries: AtomicU64,
    committed: AtomicU64,
    rolled_back: AtomicU64,
    in_doubt: AtomicU64,
    bounds: &'static Bounds,
    /// `None` where metrics are off; nothing in it before something is recorded.
    series: Option<Lazy<Series>>,
}

/// The handles that need no further label.
struct Series {
    create_time: Histogram,
    wait_time: Histogram,
    use_time: Histogram,
    timeouts: Counter,
}

impl Series {
    fn open(pool: &str) -> Self {
        Self {
            create_time: names::CONNECTION_CREATE_TIME.histogram(&[pool]),
            wait_time: names::CONNECTION_WAIT_TIME.histogram(&[pool]),
            use_time: names::CONNECTION_USE_TIME.histogram(&[pool]),
            timeouts: names::CONNECTION_TIMEOUTS.counter(&[pool]),
        }
    }
}

/// What happened to the connections of a pool since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConnectionStatistics {
    /// Connections that were opened.
    pub opened: u64,
    /// Connections that could not be opened.
    pub errors: u64,
    /// Failures to open one since the last success.
    pub consecutive_errors: u64,
    /// Times a connection was lent.
    pub acquired: u64,
    /// How long all those waited for it that it was lent to, in microseconds.
    pub waited_us: u64,
    /// Callers that waited until their time was up.
    pub timeouts: u64,
    /// Work that failed and was run again.
    pub retries: u64,
    /// Work that failed and might have been run again, but was not: tried often enough, no time
    /// left, or the budget of the pool was spent.
    pub retry_refusals: u64,
    /// Work that failed, was run again and succeeded.
    pub retry_recoveries: u64,
    /// Transactions that were committed.
    pub committed: u64,
    /// Transactions that were rolled back. Where a future was dropped that ran one, it is rolled
    /// back all the same, and not counted.
    pub rolled_back: u64,
    /// Transactions of which nobody knows, because the answer to COMMIT never came.
    pub in_doubt: u64,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransactionOutcome {
    /// It was committed.
    Committed,
    /// It was rolled back, or cannot be committed any more.
    RolledBack,
    /// The answer to COMMIT never came.
    InDoubt,
}

impl PoolRecorder {
    /// A recorder with series, for the pool of this name.
    #[must_use]
    pub fn new(pool: impl Into<String>) -> Self {
        let mut recorder = Self::without_series(pool);
        recorder.series = Some(Lazy::default());
        recorder
    }

    /// A recorder that keeps statistics only, for where metrics are off.
    #[must_use]
    pub fn without_series(pool: impl Into<String>) -> Self {
        Self {
            pool: pool.into(),
            started: Instant::now(),
            connects: SlidingWindow::default(),
            failures_in_a_row: AtomicU64::new(0),
            acquired: AtomicU64::new(0),
            waits: LatencyRecorder::default(),
            waited: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            retry_refusals: AtomicU64::new(0),
            retry_recoveries: AtomicU64::new(0),
            committed: AtomicU64::new(0),
            rolled_back: AtomicU64::new(0),
            in_doubt: AtomicU64::new(0),
            bounds: Bounds::of_process(),
            series: None,
        }
    }

    /// The name of the pool.
    #[must_use]
    pub fn pool(&self) -> &str {
        &self.pool
    }

    /// A connection was opened, which took this long.
    pub fn connected(&self, took: Duration) {
        self.connects.add(self.second(), false);
        self.failures_in_a_row.store(0, Ordering::Relaxed);
        self.record(|series| series.create_time.record(took));
    }

    /// A connection could not be opened, by a cause of few words such as `refused` or `tls`.
    pub fn connect_failed(&self, cause: &'static str) {
        self.connects.add(self.second(), true);
        self.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
        if self.series.is_some() {
            names::CONNECT_FAILURES
                .counter(&[&self.pool, cause])
                .increment(1);
        }
    }

    /// Work of this name failed for a reason of few words, with this SQLSTATE if the server gave
    /// one, and is run again.
    pub fn retried(&self, name: &'static str, reason: &'static str, sqlstate: Option<&str>) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        if self.series.is_some() {
            let sqlstate = sqlstate.map_or("", |code| self.bounds.sqlstates.limit(code));
            names::RETRIES
                .counter(&[&self.pool, self.bounds.work.limit(name), reason, sqlstate])
                .increment(1);
        }
    }

    /// Work of this name failed and is not run again although it might be: `budget`, `attempts`,
    /// `time` or `nested`.
    pub fn retry_refused(&self, name: &'static str, refusal: &'static str) {
        self.retry_refusals.fetch_add(1, Ordering::Relaxed);
        if self.series.is_some() {
            names::RETRY_REFUSALS
                .counter(&[&self.pool, self.bounds.work.limit(name), refusal])
                .increment(1);
        }
    }

    /// Work of this name succeeded that had failed before.
    pub fn retry_recovered(&self, name: &'static str) {
        self.retry_recoveries.fetch_add(1, Ordering::Relaxed);
        if self.series.is_some() {
            names::RETRY_RECOVERIES
                .counter(&[&self.pool, self.bounds.work.limit(name)])
                .increment(1);
        }
    }

    /// A transaction ended. It is in the series that [`SessionReading`](crate::SessionReading)
    /// gives.
    pub fn transaction_ended(&self, outcome: TransactionOutcome) {
        let counter = match outcome {
            TransactionOutcome::Committed => &self.committed,
            TransactionOutcome::RolledBack => &self.rolled_back,
            TransactionOutcome::InDoubt => &self.in_doubt,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection was lent after this wait.
    pub fn acquired(&self, waited: Duration) {
        self.acquired.fetch_add(1, Ordering::Relaxed);
        self.waits.record(waited);
        let micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        // Most do not wait at all.
        if micros > 0 {
            self.waited.fetch_add(micros, Ordering::Relaxed);
        }
        self.record(|series| series.wait_time.record(waited));
    }

    /// A caller got no connection in its time.
    pub fn acquire_timed_out(&self) {
        self.timeouts.fetch_add(1, Ordering::Relaxed);
        self.record(|series| series.timeouts.increment(1));
    }

    /// A connection came back after this long.
    pub fn released(&self, used_for: Duration) {
        self.record(|series| series.use_time.record(used_for));
    }

    /// What happened since the start.
    #[must_use]
    pub fn statistics(&self) -> ConnectionStatistics {
        let connects = self.connects.totals();
        ConnectionStatistics {
            opened: connects.calls - connects.failures,
            errors: connects.failures,
            consecutive_errors: self.failures_in_a_row.load(Ordering::Relaxed),
            acquired: self.acquired.load(Ordering::Relaxed),
            waited_us: self.waited.load(Ordering::Relaxed),
            timeouts: self.timeouts.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            retry_refusals: self.retry_refusals.load(Ordering::Relaxed),
            retry_recoveries: self.retry_recoveries.load(Ordering::Relaxed),
            committed: self.committed.load(Ordering::Relaxed),
            rolled_back: self.rolled_back.load(Ordering::Relaxed),
            in_doubt: self.in_doubt.load(Ordering::Relaxed),
        }
    }

    /// How long callers waited for the connections that they got, since the start.
    #[must_use]
    pub fn waits(&self) -> LatencyCounts {
        self.waits.counts()
    }

    /// Tries to connect in the last `span`, to the second; at most 15 minutes.
    #[must_use]
    pub fn connects_within(&self, span: Duration) -> WindowStatistics {
        self.connects.statistics(self.second(), span)
    }

    fn record(&self, record: impl FnOnce(&Series)) {
        if let Some(series) = &self.series {
            series.with(|| Series::open(&self.pool), record);
        }
    }

    fn second(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}

impl fmt::Debug for PoolRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolRecorder")
            .field("pool", &self.pool)
            .field("statistics", &self.statistics())
            .finish_non_exhaustive()
    }
}
