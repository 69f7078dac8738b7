//! What the follower of the log has done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// What the follower of the log of invalidations has done since the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FollowerStatistics {
    /// Looks at the log that were answered.
    pub polls: u64,
    /// Looks that failed, or took too long.
    pub failures: u64,
    /// Rows of other processes that were applied.
    pub rows: u64,
    /// Looks that were begun because somebody hinted at news.
    pub hinted: u64,
    /// How often the history of the database turned out to be another one.
    pub histories: u64,
    /// How often more was pruned from the log than had been read.
    pub gaps: u64,
    /// Whether what is kept may be served now.
    pub has_lease: bool,
    /// How long it may be served without another look; zero if it may not.
    pub lease_left: Duration,
    /// How long the last look took.
    pub last_poll: Duration,
}

/// The counters behind [`FollowerStatistics`]. Relaxed: nothing is concluded from them.
#[derive(Default)]
pub(crate) struct Counters {
    pub(super) polls: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) rows: AtomicU64,
    pub(super) hinted: AtomicU64,
    pub(super) histories: AtomicU64,
    pub(super) gaps: AtomicU64,
    pub(super) last_poll: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

impl Counters {
    pub(super) fn took(&self, micros: u64) {
        count(&self.polls, 1);
        self.last_poll.store(micros, Ordering::Relaxed);
    }

    pub(crate) fn statistics(&self, lease_left: Duration) -> FollowerStatistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FollowerStatistics {
            polls: read(&self.polls),
            failures: read(&self.failures),
            rows: read(&self.rows),
            hinted: read(&self.hinted),
            histories: read(&self.histories),
            gaps: read(&self.gaps),
            has_lease: !lease_left.is_zero(),
            lease_left,
            last_poll: Duration::from_micros(read(&self.last_poll)),
        }
    }
}
