//! Which fault is next: all kinds once, in some order, and then any.

use std::time::{Duration, Instant};

use super::Kind;

/// The order of faults.
pub(crate) struct Schedule {
    kinds: Vec<Kind>,
    first_round: Vec<Kind>,
    random: fastrand::Rng,
    calm: f64,
    end: Instant,
}

impl Schedule {
    /// Faults of these kinds for so long. What has not happened by then still does.
    pub(crate) fn new(kinds: Vec<Kind>, duration: Duration, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut first_round = kinds.clone();
        random.shuffle(&mut first_round);
        // Calm for about half of the time, so that there is something to measure.
        let each = duration.as_secs_f64() / (first_round.len().max(1) as f64 + 4.0);
        Self {
            kinds,
            first_round,
            random,
            calm: (each * 0.5).clamp(0.2, 3.0),
            end: Instant::now() + duration,
        }
    }

    /// The time without faults before the next one.
    pub(crate) fn calm(&mut self) -> Duration {
        Duration::from_secs_f64(self.calm * (0.7 + 0.6 * self.random.f64()))
    }

    /// The next fault; none when the time is up.
    pub(crate) fn next(&mut self) -> Option<Kind> {
        if let Some(kind) = self.first_round.pop() {
            return Some(kind);
        }
        if Instant::now() >= self.end || self.kinds.is_empty() {
            return None;
        }
        Some(self.kinds[self.random.usize(..self.kinds.len())])
    }

    /// The fault did not come about: once more.
    pub(crate) fn again(&mut self, kind: Kind) {
        self.first_round.push(kind);
    }

    /// What is left of the time.
    pub(crate) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    pub(crate) fn random(&mut self) -> &mut fastrand::Rng {
        &mut self.random
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mode::Mode;

    #[test]
    fn every_kind_comes_even_when_time_is_short() {
        let kinds = Kind::of_run(Mode::L2Hints, None);
        let mut schedule = Schedule::new(kinds.clone(), Duration::ZERO, 1);
        let mut seen = Vec::new();
        while let Some(kind) = schedule.next() {
            seen.push(kind);
        }
        seen.sort();
        assert_eq!(seen, kinds);
    }

    #[test]
    fn the_seed_decides() {
        let order = |seed| {
            let kinds = Kind::of_run(Mode::L2Hints, None);
            let mut schedule = Schedule::new(kinds, Duration::ZERO, seed);
            std::iter::from_fn(move || schedule.next()).collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }
}
