//! The lease: until when what is kept may be served without asking again what has changed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Moment;

/// Until when a cache may serve what it keeps.
///
/// Whoever follows the writes of other processes renews it: a look at the log sees everything
/// that was committed before the look *began*, so what is kept may be served until `bound` after
/// that moment. Once it lapses nothing is served, stored results of loads count again when it is
/// renewed, and no read joins another's load. Clones share the same lease.
///
/// A cache that nobody else writes behind needs none: [`Lease::permanent`].
#[derive(Clone)]
pub struct Lease(Arc<AtomicU64>);

impl Lease {
    /// One that never lapses.
    #[must_use]
    pub fn permanent() -> Self {
        Self::until(Moment::FOREVER)
    }

    /// One that has to be renewed before anything is served.
    #[must_use]
    pub fn lapsed() -> Self {
        Self::until(Moment::NEVER)
    }

    fn until(moment: Moment) -> Self {
        Self(Arc::new(AtomicU64::new(moment.as_nanoseconds())))
    }

    /// Everything that was committed before `began` has been applied: extends the lease to `bound`
    /// after it. It never becomes shorter.
    pub fn renew(&self, began: Moment, bound: Duration) {
        let until = began.after(bound).as_nanoseconds();
        // Release: whoever finds the lease renewed finds the invalidations applied.
        self.0.fetch_max(until, Ordering::Release);
    }

    /// Ends it now: nothing is served until it is renewed by a look that begins later.
    pub fn end(&self) {
        self.0.store(0, Ordering::Release);
    }

    /// Whether it holds at this moment.
    #[must_use]
    pub fn holds(&self, now: Moment) -> bool {
        now < self.ends()
    }

    /// When it ends.
    #[must_use]
    pub fn ends(&self) -> Moment {
        Moment::from_nanoseconds(self.0.load(Ordering::Acquire))
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Lease").field(&self.ends()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clock;

    #[test]
    fn it_lasts_from_the_beginning_of_a_look_and_never_shrinks() {
        let (clock, time) = Clock::manual();
        let lease = Lease::lapsed();
        assert!(!lease.holds(clock.now()));
        time.advance(Duration::from_secs(5));
        let began = clock.now();
        // The look takes its time; the lease counts from its beginning all the same.
        time.advance(Duration::from_millis(300));
        lease.renew(began, Duration::from_secs(1));
        assert!(lease.holds(clock.now()));
        time.advance(Duration::from_millis(699));
        assert!(lease.holds(clock.now()));
        time.advance(Duration::from_millis(1));
        assert!(!lease.holds(clock.now()));
        let later = clock.now();
        lease.renew(later, Duration::from_secs(1));
        lease.renew(began, Duration::from_secs(1));
        assert!(lease.holds(clock.now()), "an older look takes nothing away");
        lease.end();
        assert!(!lease.holds(clock.now()));
        assert!(Lease::permanent().holds(clock.now()));
    }
}
