//! What the follower of the log has done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use larder_cache::Moment;
use serde::{Serialize, Serializer};

use crate::Error;

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
    /// How long it may be served without another look; zero if it may not. In milliseconds, where
    /// it is serialised, as the two below.
    #[serde(rename = "lease_left_ms", serialize_with = "milliseconds")]
    pub lease_left: Duration,
    /// How long the last look took that was answered.
    #[serde(rename = "last_poll_ms", serialize_with = "milliseconds")]
    pub last_poll: Duration,
    /// How long ago the last look began that was answered; `None` before the first.
    #[serde(rename = "since_last_poll_ms", serialize_with = "some_milliseconds")]
    pub since_last_poll: Option<Duration>,
    /// Why the last look failed, to be read after "failed to"; `None` if it did not.
    pub last_error: Option<String>,
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
    last: Mutex<LastLook>,
}

/// How the last look went.
#[derive(Default)]
struct LastLook {
    /// When the last one began that was answered.
    began: Option<Moment>,
    took: Duration,
    error: Option<String>,
}

pub(super) fn count(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

impl Counters {
    /// A look that began at this moment was answered.
    pub(super) fn looked(&self, began: Moment, took: Duration) {
        count(&self.polls, 1);
        *self.last() = LastLook {
            began: Some(began),
            took,
            error: None,
        };
    }

    /// A look failed.
    pub(super) fn failed(&self, error: &Error) {
        count(&self.failures, 1);
        self.last().error = Some(error.to_string());
    }

    pub(crate) fn statistics(&self, now: Moment, lease_ends: Moment) -> FollowerStatistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let lease_left = lease_ends.since(now);
        let last = self.last();
        FollowerStatistics {
            polls: read(&self.polls),
            failures: read(&self.failures),
            rows: read(&self.rows),
            hinted: read(&self.hinted),
            histories: read(&self.histories),
            gaps: read(&self.gaps),
            has_lease: !lease_left.is_zero(),
            lease_left,
            last_poll: last.took,
            since_last_poll: last.began.map(|began| now.since(began)),
            last_error: last.error.clone(),
        }
    }

    fn last(&self) -> MutexGuard<'_, LastLook> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn milliseconds<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64() * 1_000.0)
}

fn some_milliseconds<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration
        .map(|duration| duration.as_secs_f64() * 1_000.0)
        .serialize(serializer)
}
