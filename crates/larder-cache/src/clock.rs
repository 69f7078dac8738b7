//! The clock that entries live by.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What time it is for a cache. It only goes forward.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    /// Time since the system was started.
    System,
    /// Nanoseconds, set by hand.
    Manual(Arc<AtomicU64>),
}

/// Moves a [`Clock::manual`].
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicU64>);

/// A time of a clock, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Clock {
    /// The monotonic clock of the system, which also runs while the machine is suspended: a
    /// process that slept through an hour must not take what it knows for fresh.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
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

    /// Whether it is the system's.
    pub(crate) fn is_system(&self) -> bool {
        matches!(self.0, Source::System)
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment(match &self.0 {
            Source::System => since_boot(),
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
    /// Before any time of a clock.
    pub(crate) const NEVER: Self = Self(0);
    /// After any time of a clock.
    pub(crate) const FOREVER: Self = Self(u64::MAX);

    pub(crate) fn from_nanoseconds(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    pub(crate) fn as_nanoseconds(self) -> u64 {
        self.0
    }

    /// The moment that comes `by` later; at most the last one there is, in 584 years.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(by)))
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

fn since_boot() -> u64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: ClockId = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: ClockId = ClockId::Monotonic;
    let time = clock_gettime(CLOCK);
    // Neither is negative on a clock that counts from the start.
    let (seconds, rest) = (time.tv_sec as u64, time.tv_nsec as u64);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

fn nanoseconds(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(duration.subsec_nanos()))
}
