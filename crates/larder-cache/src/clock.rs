//! The clock that entries live by.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What time it is for a cache. It only goes forward.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    /// Monotonic time since this instant.
    System(Instant),
    /// Nanoseconds, set by hand.
    Manual(Arc<AtomicU64>),
}

/// Moves a [`Clock::manual`].
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicU64>);

/// A time of a clock, in nanoseconds since the clock was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Clock {
    /// The monotonic clock of the system.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System(Instant::now()))
    }

    /// A clock that stands still until it is advanced, for tests.
    ///
    /// ```
    /// use std::time::Duration;
    /// use larder_cache::Clock;
    ///
    /// let (clock, time) = Clock::manual();
    /// time.advance(Duration::from_secs(5));
    /// # let _ = clock;
    /// ```
    #[must_use]
    pub fn manual() -> (Self, ManualClock) {
        let time = Arc::new(AtomicU64::new(0));
        (Self(Source::Manual(Arc::clone(&time))), ManualClock(time))
    }

    pub(crate) fn now(&self) -> Moment {
        Moment(match &self.0 {
            Source::System(start) => nanoseconds(start.elapsed()),
            Source::Manual(time) => time.load(Ordering::Acquire),
        })
    }
}

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(nanoseconds(by), Ordering::AcqRel);
    }
}

impl Moment {
    /// The moment that comes `by` later; at most the last one there is, in 584 years.
    pub(crate) fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(by)))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(duration.subsec_nanos()))
}
