//! How many calls and failures there were lately.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::marks::Marks;

#[cfg(test)]
mod tests;

/// Calls and failures in a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WindowStatistics {
    /// Calls in the span, failed ones included.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
}

impl WindowStatistics {
    /// The share of calls that failed, from 0 to 1; 0 if there were none.
    #[must_use]
    pub fn error_rate(&self) -> f64 {
        ratio(self.failures, self.calls)
    }
}

/// `part / whole`; 0 if the whole is 0.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}

/// Counts of calls and failures, exact, since the start.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    calls: AtomicU64,
    failures: AtomicU64,
}

impl Totals {
    fn add(&self, failed: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if failed {
            self.failures.fetch_add(1, Ordering::Release);
        }
    }

    /// Failures are read first, so that they are never more than the calls.
    pub(crate) fn now(&self) -> WindowStatistics {
        let failures = self.failures.load(Ordering::Acquire);
        WindowStatistics {
            calls: self.calls.load(Ordering::Relaxed),
            failures,
        }
    }
}

/// Exact totals since the start, and how they were before each of the last seconds.
#[derive(Debug)]
pub(crate) struct SlidingWindow {
    totals: Totals,
    marks: Marks<WindowStatistics>,
}

impl Default for SlidingWindow {
    fn default() -> Self {
        Self {
            totals: Totals::default(),
            marks: Marks::new(Self::LONGEST),
        }
    }
}

impl SlidingWindow {
    /// How far back it reaches.
    pub(crate) const LONGEST: Duration = Duration::from_secs(15 * 60);

    /// Counts a call in the given second since the start of the clock.
    pub(crate) fn add(&self, second: u64, failed: bool) {
        self.marks.reach(second, || self.totals.now());
        self.totals.add(failed);
    }

    pub(crate) fn totals(&self) -> WindowStatistics {
        self.totals.now()
    }

    /// The calls of the last `span`, in whole seconds, the current one included.
    pub(crate) fn statistics(&self, second: u64, span: Duration) -> WindowStatistics {
        let Some(before) = self.marks.before(self.marks.first(second, span)) else {
            return WindowStatistics::default();
        };
        let now = self.totals.now();
        let calls = now.calls.saturating_sub(before.calls);
        WindowStatistics {
            calls,
            failures: now.failures.saturating_sub(before.failures).min(calls),
        }
    }
}
