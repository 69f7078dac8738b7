//! How many plans may be asked of the server.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many in a minute, spread over it, with a few at a time.
#[derive(Debug)]
pub(super) struct Budget {
    per_minute: f64,
    most: f64,
    left: Mutex<(f64, Instant)>,
}

impl Budget {
    /// How many plans at a time: some statements are slow together.
    const AT_A_TIME: f64 = 3.0;

    pub(super) fn new(per_minute: u32) -> Self {
        let per_minute = f64::from(per_minute);
        let most = per_minute.min(Self::AT_A_TIME);
        Self {
            per_minute,
            most,
            left: Mutex::new((most, Instant::now())),
        }
    }

    /// Whether there is something left now.
    pub(super) fn has_some(&self, now: Instant) -> bool {
        self.left_at(now) >= 1.0
    }

    /// Takes one, whether or not there is one left.
    pub(super) fn take(&self, now: Instant) {
        let left = self.left_at(now) - 1.0;
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = (left.max(0.0), now);
    }

    fn left_at(&self, now: Instant) -> f64 {
        let (left, since) = *self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let passed: Duration = now.saturating_duration_since(since);
        (left + passed.as_secs_f64() / 60.0 * self.per_minute).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_at_a_time_and_then_as_many_as_were_allowed() {
        let budget = Budget::new(6);
        let start = Instant::now();
        let taken = |seconds| {
            let now = start + Duration::from_secs(seconds);
            let has_some = budget.has_some(now);
            if has_some {
                budget.take(now);
            }
            has_some
        };
        assert_eq!([0, 0, 0, 0].map(taken), [true, true, true, false]);
        assert_eq!(
            [9, 11, 12, 19, 22].map(taken),
            [false, true, false, false, true]
        );
        // Nothing is saved up for later.
        assert_eq!(
            [3_600, 3_600, 3_600, 3_600].map(taken),
            [true, true, true, false]
        );
    }

    #[test]
    fn nothing_is_allowed_where_none_is() {
        let budget = Budget::new(0);
        assert!(!budget.has_some(Instant::now() + Duration::from_secs(3_600)));
    }
}
