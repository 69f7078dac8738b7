//! What counters did lately: counters only grow, and what happened long ago says nothing of now.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Readings of some counters, as far back as checks look.
pub(super) struct Lately<const N: usize> {
    window: Duration,
    readings: Mutex<VecDeque<(Instant, [u64; N])>>,
}

impl<const N: usize> Lately<N> {
    /// Counts from these values on.
    pub(super) fn new(window: Duration, values: [u64; N]) -> Self {
        let readings = Mutex::new(VecDeque::from([(Instant::now(), values)]));
        Self { window, readings }
    }

    /// By how much the counters have grown in the window, or since the beginning. Takes note of the
    /// values.
    pub(super) fn growth(&self, values: [u64; N]) -> [u64; N] {
        self.growth_at(Instant::now(), values)
    }

    fn growth_at(&self, now: Instant, values: [u64; N]) -> [u64; N] {
        let readings = self.readings.lock();
        let mut readings = readings.unwrap_or_else(PoisonError::into_inner);
        // The last one that is older than the window is where it begins.
        let is_old = |(at, _): &(Instant, _)| now.saturating_duration_since(*at) >= self.window;
        while readings.get(1).is_some_and(is_old) {
            readings.pop_front();
        }
        let before = readings.front().map_or(values, |(_, values)| *values);
        readings.push_back((now, values));
        let mut growth = values;
        for (value, before) in growth.iter_mut().zip(before) {
            *value = value.saturating_sub(before);
        }
        growth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happened_in_the_window_counts() {
        let lately = Lately::new(Duration::from_secs(60), [100, 7]);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(lately.growth_at(at(30), [110, 7]), [10, 0]);
        assert_eq!(lately.growth_at(at(59), [120, 8]), [20, 1]);
        assert_eq!(lately.growth_at(at(100), [125, 8]), [15, 1]);
        assert_eq!(lately.growth_at(at(500), [125, 8]), [0, 0]);
    }

    #[test]
    fn it_keeps_no_more_than_the_window() {
        let lately = Lately::new(Duration::from_secs(10), [0]);
        let start = Instant::now();
        for second in 0..1_000 {
            lately.growth_at(start + Duration::from_secs(second), [second]);
        }
        let readings = lately.readings.into_inner();
        assert!(readings.is_ok_and(|readings| readings.len() <= 12));
    }
}
