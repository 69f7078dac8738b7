//! What is counted of the statements of one text.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use histogram::{AtomicHistogram, Config, Histogram};

use super::{Moments, PlanSnapshot, StatementSummary};
use crate::QueryObservation;
use crate::window::ratio;

/// Statements of one text. Relaxed, as all here: nothing is concluded from the order.
pub(super) struct Counted {
    text: Box<str>,
    operation: &'static str,
    collections: OnceLock<Vec<String>>,
    first_seen: DateTime<Utc>,
    /// In nanoseconds. Its counts together are the calls.
    durations: AtomicHistogram,
    errors: AtomicU64,
    rows: AtomicU64,
    slow: AtomicU64,
    nanoseconds: AtomicU64,
    longest: AtomicU64,
    /// The second since the start in which the last one ended.
    last_second: AtomicU64,
    repeated: AtomicU64,
    was_repeated: AtomicBool,
    example: Mutex<Option<(u64, String)>>,
    /// Milliseconds since the start, plus one, at which a plan was asked for; 0 before.
    planned: AtomicU64,
    plan: Mutex<Option<Arc<PlanSnapshot>>>,
}

impl Counted {
    /// The longest duration that is told from longer ones: 2^40 ns, some 18 minutes.
    const LONGEST: u64 = (1 << 40) - 1;

    pub(super) fn new(text: &str, operation: &'static str) -> Self {
        Self {
            text: text.into(),
            operation,
            collections: OnceLock::new(),
            first_seen: Utc::now(),
            durations: AtomicHistogram::with_config(&buckets()),
            errors: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            slow: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
            longest: AtomicU64::new(0),
            last_second: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            was_repeated: AtomicBool::new(false),
            example: Mutex::default(),
            planned: AtomicU64::new(0),
            plan: Mutex::default(),
        }
    }

    /// For all those that are not told apart.
    pub(super) fn of_others() -> Self {
        Self::new("", "OTHER")
    }

    pub(super) fn add(&self, second: u64, query: &QueryObservation<'_>, slow: bool) {
        let nanoseconds = u64::try_from(query.duration.as_nanos()).unwrap_or(u64::MAX);
        // What is in its range is never refused.
        let _ = self.durations.increment(nanoseconds.min(Self::LONGEST));
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        if query.rows > 0 {
            self.rows.fetch_add(query.rows, Ordering::Relaxed);
        }
        if query.has_failed() {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        if slow {
            self.slow.fetch_add(1, Ordering::Relaxed);
        }
        // Both seldom change: reading them costs less than writing.
        if self.longest.load(Ordering::Relaxed) < nanoseconds {
            self.longest.fetch_max(nanoseconds, Ordering::Relaxed);
        }
        if self.last_second.load(Ordering::Relaxed) < second {
            self.last_second.fetch_max(second, Ordering::Relaxed);
        }
    }

    /// Adds what was counted of another text.
    pub(super) fn absorb(&self, other: &Self) {
        for bucket in other
            .durations
            .load()
            .iter()
            .filter(|bucket| bucket.count() > 0)
        {
            let _ = self.durations.add(bucket.start(), bucket.count());
        }
        let pairs = [
            (&self.errors, &other.errors),
            (&self.rows, &other.rows),
            (&self.slow, &other.slow),
            (&self.nanoseconds, &other.nanoseconds),
            (&self.repeated, &other.repeated),
        ];
        for (sum, part) in pairs {
            sum.fetch_add(part.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        for (most, part) in [
            (&self.longest, &other.longest),
            (&self.last_second, &other.last_second),
        ] {
            most.fetch_max(part.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// The time of all of them together, in nanoseconds.
    pub(super) fn total(&self) -> u64 {
        self.nanoseconds.load(Ordering::Relaxed)
    }

    /// Whether any was counted.
    pub(super) fn has_calls(&self) -> bool {
        self.durations
            .load()
            .as_slice()
            .iter()
            .any(|calls| *calls > 0)
    }

    pub(super) fn describe(&self, collections: Vec<String>) {
        // Whoever came first knew the same.
        self.collections.set(collections).ok();
    }

    pub(super) fn keep_example(&self, second: u64, show: impl FnOnce() -> String) {
        let mut example = self.example.lock().unwrap_or_else(PoisonError::into_inner);
        if example.as_ref().is_none_or(|(since, _)| *since < second) {
            *example = Some((second, show()));
        }
    }

    /// Whether none was asked for within `interval`; counts as asking for one.
    pub(super) fn is_plan_due(&self, now: Duration, interval: Duration) -> bool {
        let milliseconds = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let (now, interval) = (milliseconds(now), milliseconds(interval));
        let is_due = |asked: u64| asked == 0 || now.saturating_sub(asked - 1) >= interval;
        let next = |asked| is_due(asked).then_some(now.saturating_add(1));
        let asked = self
            .planned
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        asked.is_ok()
    }

    pub(super) fn keep_plan(&self, plan: Arc<PlanSnapshot>) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Some(plan);
    }

    /// Counts that it was repeated; gives whether for the first time.
    pub(super) fn repeated(&self) -> bool {
        self.repeated.fetch_add(1, Ordering::Relaxed);
        !self.was_repeated.swap(true, Ordering::Relaxed)
    }

    pub(super) fn summary(&self, fingerprint: String, moments: Moments) -> StatementSummary {
        let counter = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let durations = self.durations.load();
        let calls = durations.as_slice().iter().sum();
        let longest = counter(&self.longest);
        let quantile = |quantile| milliseconds(at(&durations, quantile).min(longest));
        let example = self.example.lock().unwrap_or_else(PoisonError::into_inner);
        let example = example.as_ref().map(|(_, example)| example.clone());
        let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = plan.as_ref().map(|plan| PlanSnapshot::clone(plan));
        StatementSummary {
            fingerprint,
            text: self.text.to_string(),
            operation: self.operation.to_owned(),
            collections: self.collections.get().cloned().unwrap_or_default(),
            calls,
            errors: counter(&self.errors),
            rows: counter(&self.rows),
            cached: 0,
            cached_share: 0.0,
            slow: counter(&self.slow),
            mean_ms: ratio(self.total(), calls) / 1e6,
            p50_ms: quantile(0.50),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
            max_ms: milliseconds(longest),
            total_ms: milliseconds(self.total()),
            first_seen: self.first_seen,
            last_seen: moments.at(counter(&self.last_second)).max(self.first_seen),
            repeated_in_request: counter(&self.repeated),
            example,
            plan,
        }
    }
}

/// Each bucket is at most 1/32 wider than what is in it.
fn buckets() -> Config {
    #[expect(clippy::expect_used, reason = "both are constants in their ranges")]
    Config::new(5, 40).expect("5 is less than 40, and both are below 64")
}

/// The upper bound of the bucket in which this quantile is, in nanoseconds; 0 where there is none.
fn at(durations: &Histogram, quantile: f64) -> u64 {
    let bucket = durations.quantile_bucket(quantile).ok().flatten();
    bucket.map_or(0, |bucket| bucket.end())
}

pub(super) fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}
