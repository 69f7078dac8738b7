//! Controlled delay: telling a line that stays from one that passes.
//!
//! A burst makes a line too, and it is gone a moment later. What shows that there is more to do
//! than can be done is that even the *shortest* wait over a whole interval was too long.

use std::time::Duration;

use tokio::time::Instant;

use super::throughput::Throughput;
use crate::deadline::in_future;

/// Watches waits, and says when too much is asked of the pool.
///
/// It is overloaded once the oldest waiter was above the target for an interval without a pause,
/// and stays so until nobody had to be sent away for an interval: a pool that is asked for a
/// little more than it can do would otherwise come and go, and let the line grow each time.
///
/// While it is overloaded, a line in which many wait is as bad as one in which somebody waits for
/// long: see [`room`](Self::room).
#[derive(Debug)]
pub(crate) struct ControlledDelay {
    target: Duration,
    interval: Duration,
    above_since: Option<Instant>,
    /// When somebody was sent away last, or when it began.
    overloaded: Option<Instant>,
    /// Since when somebody has waited, whoever it was.
    line_since: Option<Instant>,
    throughput: Throughput,
}

impl ControlledDelay {
    /// A wait that is worth noticing where no target is set.
    const NOTICEABLE: Duration = Duration::from_millis(50);

    /// Never overloaded if the target or the interval is zero.
    pub(crate) fn new(target: Duration, interval: Duration) -> Self {
        Self {
            target,
            interval,
            above_since: None,
            overloaded: None,
            line_since: None,
            throughput: Throughput::over(interval),
        }
    }

    fn is_on(&self) -> bool {
        !self.target.is_zero() && !self.interval.is_zero()
    }

    /// The wait that is too long, if it does not pass.
    pub(crate) fn target(&self) -> Duration {
        if self.target.is_zero() {
            Self::NOTICEABLE
        } else {
            self.target
        }
    }

    /// How long the shortest wait has to stay above the target.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// The one who waits for longest has waited for so long. Says whether that is above the target.
    pub(crate) fn observe(&mut self, oldest: Duration, now: Instant) -> bool {
        if oldest < self.target() {
            self.above_since = None;
            return false;
        }
        let since = *self.above_since.get_or_insert(now);
        if self.is_on() && now.duration_since(since) >= self.interval && !self.is_overloaded(now) {
            self.overloaded = Some(now);
        }
        true
    }

    /// Somebody is in the line.
    pub(crate) fn joined(&mut self, now: Instant) {
        self.line_since.get_or_insert(now);
    }

    /// Somebody in the line was served.
    pub(crate) fn served(&mut self, now: Instant) {
        self.throughput.served(now);
    }

    /// How many may wait while it is overloaded: as many as are served in a quarter of the
    /// target. More are never served, since the newest are served first; so they need not wait
    /// for the target to hear of it. And fewer are enough to keep the pool busy.
    pub(crate) fn room(&self) -> usize {
        self.throughput
            .within(self.target() / 4)
            .unwrap_or(usize::MAX)
    }

    /// Nobody waits any more.
    pub(crate) fn line_is_empty(&mut self) {
        self.above_since = None;
        self.line_since = None;
        self.throughput.line_is_empty();
    }

    /// Waits say nothing yet: there will be more connections in a moment.
    pub(crate) fn is_growing(&mut self) {
        self.above_since = None;
        self.overloaded = None;
    }

    /// Somebody was sent away. It goes on being overloaded, unless this was a burst: a line that
    /// has not been there for longer than the target.
    pub(crate) fn shed(&mut self, now: Instant) {
        let stays = |since: Instant| now.duration_since(since) >= self.target();
        if self.line_since.is_some_and(stays) {
            self.overloaded = Some(now);
        }
    }

    /// Whether more is asked than can be done.
    pub(crate) fn is_overloaded(&self, now: Instant) -> bool {
        self.overloaded
            .is_some_and(|last| now.duration_since(last) < self.interval)
    }

    /// When a caller who has waited since then has to look again.
    pub(crate) fn next_look(&self, since: Instant, now: Instant) -> Option<Instant> {
        let first = in_future(since, self.target());
        if first > now {
            return Some(first);
        }
        // While it is overloaded, whoever comes sends those away who have waited too long.
        if !self.is_on() || self.is_overloaded(now) {
            return None;
        }
        let next = in_future(self.above_since.unwrap_or(now), self.interval);
        Some(if next > now {
            next
        } else {
            in_future(now, self.interval)
        })
    }
}
