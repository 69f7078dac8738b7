//! Running totals, remembered as they were at the beginning of each second.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Copies of running totals, one for each second in which something happened: what happened in
/// a window is the difference between the totals and a copy. So counting costs no more than
/// without a window, except for the first call in a second.
#[derive(Debug)]
pub(crate) struct Marks<T> {
    /// How many seconds it reaches back.
    longest: u64,
    /// The second of the last mark plus one; 0 before the first.
    marked: AtomicU64,
    kept: Mutex<VecDeque<Mark<T>>>,
}

/// The totals when the first call of a second came.
#[derive(Debug)]
struct Mark<T> {
    second: u64,
    totals: T,
}

impl<T: Clone> Marks<T> {
    pub(crate) fn new(longest: Duration) -> Self {
        Self {
            longest: longest.as_secs(),
            marked: AtomicU64::new(0),
            kept: Mutex::default(),
        }
    }

    /// To be called before something of this second is added to the totals.
    pub(crate) fn reach(&self, second: u64, totals: impl FnOnce() -> T) {
        if self.marked.load(Ordering::Relaxed) <= second {
            self.mark(second, totals);
        }
    }

    #[cold]
    fn mark(&self, second: u64, totals: impl FnOnce() -> T) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if self.marked.load(Ordering::Relaxed) > second {
            return;
        }
        let oldest = second.saturating_sub(self.longest);
        while kept.front().is_some_and(|mark| mark.second < oldest) {
            kept.pop_front();
        }
        kept.push_back(Mark {
            second,
            totals: totals(),
        });
        self.marked.store(second + 1, Ordering::Relaxed);
    }

    /// The first second of the last `span`, in whole seconds, the current one included.
    pub(crate) fn first(&self, second: u64, span: Duration) -> u64 {
        second.saturating_sub(span.as_secs().clamp(1, self.longest))
    }

    /// The totals before anything happened in this second or later; `None` if nothing did.
    pub(crate) fn before(&self, second: u64) -> Option<T> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let first = kept.partition_point(|mark| mark.second < second);
        kept.get(first).map(|mark| mark.totals.clone())
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.kept.lock().unwrap().len()
    }
}
