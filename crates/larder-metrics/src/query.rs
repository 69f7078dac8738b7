//! What statements did: counted, timed, and written down if slow.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::OperationScope;
use crate::labels::Bounds;
use crate::latency::{LatencyCounts, LatencyRecorder};
use crate::recent::{LatencyStatistics, RecentLatency};
use crate::statements::{Recorded, Statements};
use crate::window::{SlidingWindow, WindowStatistics, ratio};

mod log;
mod series;

#[cfg(test)]
mod tests;

use series::QuerySeries;

/// A statement that has ended.
#[derive(Debug, Clone, Copy)]
pub struct QueryObservation<'a> {
    /// The pool whose connection ran it.
    pub pool: &'a str,
    /// Its command in capital letters, such as `SELECT`.
    pub operation: &'static str,
    /// The table that it is about, if there is one such table.
    pub collection: Option<&'a str>,
    /// The hash of its normal form.
    pub fingerprint: u64,
    /// Its normalised text: with `?` in place of values. It is logged.
    pub text: &'a str,
    /// From sending to the last row.
    pub duration: Duration,
    /// The rows that it returned.
    pub rows: u64,
    /// How it failed, if it did.
    pub error: Option<QueryError<'a>>,
}

impl QueryObservation<'_> {
    pub(crate) fn has_failed(&self) -> bool {
        self.error.as_ref().is_some_and(QueryError::is_failure)
    }
}

/// How a statement failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueryError<'a> {
    /// The server refused it, with this SQLSTATE.
    SqlState(&'a str),
    /// Anything else, by its class, such as `timeout` or `connection`; see also
    /// [`CANCELLED`](Self::CANCELLED).
    Class(&'static str),
}

impl QueryError<'_> {
    /// The caller left before the end of the answer, as one whose client has hung up. It has a
    /// series of its own and is no failure: neither the statement nor the server is to blame.
    pub const CANCELLED: Self = Self::Class("cancelled");

    /// Whether something is wrong where this happens often.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.as_str() != Self::CANCELLED.as_str()
    }

    /// The SQLSTATE or the class.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::SqlState(code) => code,
            Self::Class(class) => class,
        }
    }
}

impl fmt::Display for QueryError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a [`QueryRecorder`] does with statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryOptions {
    /// From which duration on a statement is slow. 1 s by default; zero makes every one slow.
    pub slow_threshold: Duration,
    /// The same for statements of some operations, by `service.operation` or by `service` alone,
    /// which counts for all its operations that are not named. None by default.
    pub slow_thresholds: Vec<(String, Duration)>,
    /// How many texts are told apart in [`QueryRecorder::statements`]. 500 by default.
    pub statements: usize,
    /// Whether each statement is logged, at level debug. Off by default.
    pub log: bool,
    /// Whether there are series in the metrics. On by default; the statistics are there anyway.
    pub metrics: bool,
    /// Whether each distinct statement has a series of its own, the first 100 in the process.
    /// Off by default.
    pub per_fingerprint: bool,
    /// Whether the predecessor's names are filled too. Off by default.
    pub legacy_names: bool,
}

impl Default for QueryOptions {
    fn default() -> Self {
        Self {
            slow_threshold: Duration::from_secs(1),
            slow_thresholds: Vec::new(),
            statements: 500,
            log: false,
            metrics: true,
            per_fingerprint: false,
            legacy_names: false,
        }
    }
}

/// Counts and times the statements of an instance.
///
/// To record one takes a fraction of a microsecond: series are looked up, not built.
///
/// - Statistics are exact.
/// - Series have bounded labels: of tables the first 100 in the process, of SQLSTATEs the first
///   50; the rest is `other`.
/// - Every slow statement is an event at level warn, target `larder::slow`, with the fields
///   `pool`, `fingerprint`, `statement`, `duration_ms`, `rows` and `error`. Each of them: a
///   threshold below what is usual fills the log. The target can be turned off by itself.
/// - With [`log`](QueryOptions::log), every statement is an event at level debug, target
///   `larder::query`, with the same fields.
///
/// The text in events is the normalised one: no value that was bound is ever written.
///
/// What is recorded before [`Exporter::install`](crate::Exporter::install) is in the statistics
/// and not in the series.
pub struct QueryRecorder {
    options: QueryOptions,
    started: Instant,
    window: SlidingWindow,
    recent: RecentLatency,
    slow: AtomicU64,
    nanoseconds: AtomicU64,
    statements: Statements,
    latencies: LatencyRecorder,
    series: QuerySeries,
}

/// What statements did since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct QueryStatistics {
    /// Statements that ended, failed ones and those whose caller left included.
    pub total: u64,
    /// Reads that were answered by the cache and needed no statement. A recorder leaves it at
    /// 0: only the cache knows.
    pub cached: u64,
    /// Statements that took as long as the threshold or longer.
    pub slow: u64,
    /// Statements that failed. Those whose caller left are not among them.
    pub failed: u64,
    /// The mean duration in milliseconds.
    pub avg_ms: f64,
    /// The share that failed, from 0 to 1.
    pub error_rate: f64,
}

impl QueryRecorder {
    /// The longest window that [`window`](Self::window) gives: 15 minutes.
    pub const LONGEST_WINDOW: Duration = SlidingWindow::LONGEST;

    /// A recorder that has seen nothing.
    #[must_use]
    pub fn new(options: QueryOptions) -> Self {
        Self::with_bounds(options, Bounds::of_process())
    }

    fn with_bounds(options: QueryOptions, bounds: &'static Bounds) -> Self {
        Self {
            series: QuerySeries::new(bounds, options.legacy_names),
            statements: Statements::new(options.statements),
            options,
            started: Instant::now(),
            window: SlidingWindow::default(),
            recent: RecentLatency::default(),
            slow: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
            latencies: LatencyRecorder::default(),
        }
    }

    /// What it was told to do.
    #[must_use]
    pub fn options(&self) -> &QueryOptions {
        &self.options
    }

    /// Takes note of a statement that has ended now.
    pub fn record(&self, query: &QueryObservation<'_>) -> Recorded {
        self.record_at(Instant::now(), query)
    }

    /// Takes note of a statement that ended at this moment: whoever timed it knows that already,
    /// and reading the clock is not for free.
    pub fn record_at(&self, ended: Instant, query: &QueryObservation<'_>) -> Recorded {
        let since_start = ended.saturating_duration_since(self.started);
        self.record_in(since_start.as_secs(), query)
    }

    fn record_in(&self, second: u64, query: &QueryObservation<'_>) -> Recorded {
        let nanoseconds = u64::try_from(query.duration.as_nanos()).unwrap_or(u64::MAX);
        let slow = query.duration >= self.slow_threshold();
        let first = self.statements.record(second, query, slow);
        self.window.add(second, query.has_failed());
        self.recent.reach(second, &self.latencies);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        self.latencies.record(query.duration);
        if slow {
            self.slow.fetch_add(1, Ordering::Relaxed);
        }
        if self.options.metrics {
            self.series.record(query, slow);
            if self.options.per_fingerprint {
                self.series.record_fingerprint(query);
            }
        }
        if slow {
            log::slow(query);
        }
        if self.options.log {
            log::every(query);
        }
        Recorded { slow, first }
    }

    /// From which duration on a statement of the current task is slow: as the options say of its
    /// operation or service, as the program says of the task, or as usual.
    fn slow_threshold(&self) -> Duration {
        let usual = self.options.slow_threshold;
        let of_task = OperationScope::threshold(|class, slow_after| {
            let of_class = class.and_then(|class| self.threshold_of(class));
            of_class.or(slow_after).unwrap_or(usual)
        });
        of_task.unwrap_or(usual)
    }

    fn threshold_of(&self, (service, operation): (&str, Option<&str>)) -> Option<Duration> {
        let named = |name: &str| match (name.split_once('.'), operation) {
            (Some((of, name)), Some(operation)) => of == service && name == operation,
            _ => false,
        };
        let thresholds = &self.options.slow_thresholds;
        let exact = thresholds.iter().find(|(name, _)| named(name));
        let any = || thresholds.iter().find(|(name, _)| name == service);
        exact.or_else(any).map(|(_, threshold)| *threshold)
    }

    /// What is known of statements by their text.
    #[must_use]
    pub fn statements(&self) -> &Statements {
        &self.statements
    }

    /// What statements did since the start.
    #[must_use]
    pub fn statistics(&self) -> QueryStatistics {
        let totals = self.window.totals();
        QueryStatistics {
            total: totals.calls,
            cached: 0,
            slow: self.slow.load(Ordering::Relaxed),
            failed: totals.failures,
            avg_ms: ratio(self.nanoseconds.load(Ordering::Relaxed), totals.calls) / 1e6,
            error_rate: totals.error_rate(),
        }
    }

    /// How long statements took since the start. The difference of two readings has the quantiles
    /// of what happened between them.
    #[must_use]
    pub fn latencies(&self) -> LatencyCounts {
        self.latencies.counts()
    }

    /// What statements did in the last `span`, to the second; at most
    /// [`LONGEST_WINDOW`](Self::LONGEST_WINDOW).
    #[must_use]
    pub fn window(&self, span: Duration) -> WindowStatistics {
        self.window
            .statistics(self.started.elapsed().as_secs(), span)
    }
}

impl QueryRecorder {
    /// The longest window that [`latency`](Self::latency) gives: a minute.
    pub const LONGEST_LATENCY: Duration = RecentLatency::LONGEST;

    /// How many statements ended in the last `span` and how long they took, to the second; at
    /// most [`LONGEST_LATENCY`](Self::LONGEST_LATENCY).
    ///
    /// It reads a few kilobytes of memory and asks nobody, so a page may call it each second.
    ///
    /// ```
    /// use std::time::Duration;
    /// use larder_metrics::{QueryOptions, QueryRecorder};
    ///
    /// let queries = QueryRecorder::new(QueryOptions::default());
    /// let lately = queries.latency(Duration::from_secs(10));
    /// assert_eq!((lately.calls, lately.p99_ms), (0, 0.0));
    /// ```
    #[must_use]
    pub fn latency(&self, span: Duration) -> LatencyStatistics {
        self.latency_at(self.started.elapsed(), span)
    }

    fn latency_at(&self, now: Duration, span: Duration) -> LatencyStatistics {
        let span = span.min(Self::LONGEST_LATENCY);
        let failures = self.window.statistics(now.as_secs(), span).failures;
        self.recent.statistics(now, span, &self.latencies, failures)
    }
}

impl fmt::Debug for QueryRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryRecorder")
            .field("options", &self.options)
            .field("statistics", &self.statistics())
            .finish_non_exhaustive()
    }
}
