//! How many calls and failures there were lately.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

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

/// Exact totals, and marks of them by second: what happened in a window is the difference
/// between the totals and a mark. So counting costs no more than without a window, except for
/// the first call in a second.
#[derive(Debug, Default)]
pub(crate) struct SlidingWindow {
    totals: Totals,
    /// The second of the last mark plus one; 0 before the first.
    marked: AtomicU64,
    marks: Mutex<VecDeque<Mark>>,
}

/// The totals when the first call of a second came.
#[derive(Debug, Clone, Copy)]
struct Mark {
    second: u64,
    totals: WindowStatistics,
}

impl SlidingWindow {
    /// How far back it reaches.
    pub(crate) const LONGEST: Duration = Duration::from_secs(15 * 60);

    /// Counts a call in the given second since the start of the clock.
    pub(crate) fn add(&self, second: u64, failed: bool) {
        if self.marked.load(Ordering::Relaxed) <= second {
            self.mark(second);
        }
        self.totals.add(failed);
    }

    #[cold]
    fn mark(&self, second: u64) {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        if self.marked.load(Ordering::Relaxed) > second {
            return;
        }
        let oldest = second.saturating_sub(Self::LONGEST.as_secs());
        while marks.front().is_some_and(|mark| mark.second < oldest) {
            marks.pop_front();
        }
        marks.push_back(Mark {
            second,
            totals: self.totals.now(),
        });
        self.marked.store(second + 1, Ordering::Relaxed);
    }

    pub(crate) fn totals(&self) -> WindowStatistics {
        self.totals.now()
    }

    /// The calls of the last `span`, in whole seconds, the current one included.
    pub(crate) fn statistics(&self, second: u64, span: Duration) -> WindowStatistics {
        let seconds = span.min(Self::LONGEST).as_secs().max(1);
        let from = second.saturating_sub(seconds);
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let first = marks.partition_point(|mark| mark.second < from);
        let Some(before) = marks.get(first).map(|mark| mark.totals) else {
            return WindowStatistics::default();
        };
        drop(marks);
        let now = self.totals.now();
        let calls = now.calls.saturating_sub(before.calls);
        WindowStatistics {
            calls,
            failures: now.failures.saturating_sub(before.failures).min(calls),
        }
    }
}
