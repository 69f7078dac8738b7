//! How many retries a pool affords, whoever asks for them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// How many retries a pool affords: a part of the calls, and so many a second in any case. What
/// is not used is saved up for some seconds. When nothing is left, errors come out as they are,
/// and say so: a database that refuses everything gets little more than the usual load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryBudget {
    /// Retries for each hundred calls that may be run again. 10 by default.
    pub percent: u32,
    /// Retries a second that are affordable without any call. 10 by default.
    pub per_second: u32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self {
            percent: 10,
            per_second: 10,
        }
    }
}

impl RetryBudget {
    /// A budget of so many retries for each hundred calls, and so many a second in any case.
    pub fn new(percent: u32, per_second: u32) -> Self {
        Self {
            percent,
            per_second,
        }
    }

    /// How many retries can be saved up: those of ten seconds without a call, and a hundred.
    fn most(self) -> f64 {
        let saved = 10.0 * f64::from(self.per_second);
        if self.percent == 0 {
            saved
        } else {
            saved.max(100.0)
        }
    }
}

/// The budget of a pool: a bucket of tokens, one for each retry.
#[derive(Debug)]
pub(crate) struct Bucket {
    budget: RetryBudget,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    pub(crate) fn new(budget: RetryBudget) -> Self {
        let state = State {
            // As after a second in which nothing happened.
            tokens: f64::from(budget.per_second),
            filled: Instant::now(),
        };
        Self {
            budget,
            state: Mutex::new(state),
        }
    }

    /// Something began that may be run again.
    pub(super) fn call(&self) {
        self.call_at(Instant::now());
    }

    fn call_at(&self, now: Instant) {
        let mut state = self.fill(now);
        let tokens = state.tokens + f64::from(self.budget.percent) / 100.0;
        state.tokens = tokens.min(self.budget.most());
    }

    /// Takes the token of a retry, if there is one.
    pub(super) fn withdraw(&self) -> bool {
        self.withdraw_at(Instant::now())
    }

    fn withdraw_at(&self, now: Instant) -> bool {
        let mut state = self.fill(now);
        let affords = state.tokens >= 1.0;
        if affords {
            state.tokens -= 1.0;
        }
        affords
    }

    /// Adds what has come with the time.
    fn fill(&self, now: Instant) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = now.saturating_duration_since(state.filled).as_secs_f64();
        let tokens = state.tokens + seconds * f64::from(self.budget.per_second);
        state.tokens = tokens.min(self.budget.most());
        state.filled = state.filled.max(now);
        state
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn withdrawn(bucket: &Bucket, now: Instant) -> usize {
        std::iter::repeat_with(|| bucket.withdraw_at(now))
            .take_while(|affords| *affords)
            .count()
    }

    #[test]
    fn retries_are_a_part_of_the_calls_and_some_a_second() {
        let bucket = Bucket::new(RetryBudget::new(20, 5));
        // A moment that cannot have come yet, so that no time passes but what is added here.
        let mut now = Instant::now() + Duration::from_secs(3600);
        assert_eq!(
            withdrawn(&bucket, now),
            100,
            "no more is saved up than it holds"
        );
        now += Duration::from_millis(1001);
        assert_eq!(withdrawn(&bucket, now), 5);
        for _ in 0..51 {
            bucket.call_at(now);
        }
        assert_eq!(withdrawn(&bucket, now), 10);
        assert_eq!(withdrawn(&Bucket::new(RetryBudget::new(0, 0)), now), 0);
    }
}
