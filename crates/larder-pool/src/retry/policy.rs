//! How often something is run again, and after which pauses.

use std::time::Duration;

use super::reason::{FailureCause, RetryReason};
use crate::server_error::SqlState;

/// How often something is run again, after which pauses, and on which errors.
///
/// What is not set is as the pool has it ([`PoolOptions::retry`](crate::PoolOptions::retry)), and
/// what is not set there is: 2 retries, pauses from 0.2 s to 2 s, 30 s in all.
///
/// Pauses grow exponentially and are chosen at random (decorrelated jitter): between the shortest
/// one and three times the one before, and never longer than the longest one.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use larder_pool::{RetryPolicy, SqlState};
///
/// let policy = RetryPolicy::default()
///     .retries(5)
///     .pauses(Duration::from_millis(10), Duration::from_secs(1))
///     .also_on(SqlState::UNIQUE_VIOLATION);
/// assert_ne!(policy, RetryPolicy::default());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "a policy does nothing until something is run by it"]
pub struct RetryPolicy {
    retries: Option<u32>,
    pauses: Option<(Duration, Duration)>,
    max_elapsed: Option<Duration>,
    also_on: Vec<SqlState>,
    never_on: Vec<RetryReason>,
}

impl RetryPolicy {
    /// Nothing is run again.
    pub fn never() -> Self {
        Self::default().retries(0)
    }

    /// How often it is run again at most, after the first time.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    /// The shortest and the longest pause before it is run again.
    pub fn pauses(mut self, shortest: Duration, longest: Duration) -> Self {
        self.pauses = Some((shortest, longest.max(shortest)));
        self
    }

    /// It is not run again where that would begin later than this after the first time began.
    pub fn max_elapsed(mut self, limit: Duration) -> Self {
        self.max_elapsed = Some(limit);
        self
    }

    /// Runs it again on this error of the server too. For a unique violation (23505) of a closure
    /// that looks first and then inserts, for instance: run again, it finds the row.
    pub fn also_on(mut self, state: SqlState) -> Self {
        self.also_on.push(state);
        self
    }

    /// Does not run it again for this reason.
    pub fn never_on(mut self, reason: RetryReason) -> Self {
        self.never_on.push(reason);
        self
    }

    /// This policy, with what is not set in it taken from another one.
    pub(crate) fn over(mut self, default: &Self) -> Self {
        self.retries = self.retries.or(default.retries);
        self.pauses = self.pauses.or(default.pauses);
        self.max_elapsed = self.max_elapsed.or(default.max_elapsed);
        self.also_on.extend(&default.also_on);
        self.never_on.extend(&default.never_on);
        self
    }

    /// How often it is run again for this reason at most.
    pub(super) fn most(&self, reason: RetryReason) -> u32 {
        let retries = self.retries.unwrap_or(2);
        match reason {
            // Who holds the lock may hold it for long, and each try waits for it again. And a
            // connection is made again once for what only a wrong one can have caused.
            RetryReason::LockNotAvailable
            | RetryReason::ReadOnlyServer
            | RetryReason::PreparedStatement => retries.min(1),
            _ => retries,
        }
    }

    /// How long everything may take before another run begins.
    pub(super) fn elapsed_limit(&self) -> Duration {
        self.max_elapsed.unwrap_or(Duration::from_secs(30))
    }

    /// The pause before the next run, after one of `before`.
    pub(super) fn pause(&self, before: Option<Duration>) -> Duration {
        const SHORTEST: Duration = Duration::from_millis(200);
        const LONGEST: Duration = Duration::from_secs(2);
        let (shortest, longest) = self.pauses.unwrap_or((SHORTEST, LONGEST));
        let most = before.unwrap_or(shortest).saturating_mul(3);
        let spread = most.saturating_sub(shortest);
        (shortest + spread.mul_f64(fastrand::f64())).min(longest)
    }

    /// Why it may be run again after such a failure; `None` if it may not.
    pub(super) fn reason(&self, cause: &FailureCause) -> Option<RetryReason> {
        let reason = cause.reason().or_else(|| {
            let state = cause.server()?.state();
            let is_named = self.also_on.contains(&state);
            is_named.then_some(RetryReason::OnRequest(state))
        })?;
        (!self.never_on.contains(&reason)).then_some(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_between_their_limits() {
        let (shortest, longest) = (Duration::from_millis(10), Duration::from_millis(200));
        let policy = RetryPolicy::default().pauses(shortest, longest);
        let mut reached = Duration::ZERO;
        for _ in 0..100 {
            let mut before = None;
            for _ in 0..20 {
                let pause = policy.pause(before);
                let most = before.unwrap_or(shortest) * 3;
                assert!(pause >= shortest && pause <= longest.min(most), "{pause:?}");
                reached = reached.max(pause);
                before = Some(pause);
            }
        }
        assert_eq!(reached, longest);
    }

    #[test]
    fn what_is_not_set_is_as_the_pool_has_it() {
        let default = RetryPolicy::default()
            .retries(7)
            .also_on(SqlState::UNIQUE_VIOLATION);
        let policy = RetryPolicy::default().over(&default);
        assert_eq!(policy.most(RetryReason::Deadlock), 7);
        assert_eq!(policy.most(RetryReason::LockNotAvailable), 1);
        assert_eq!(policy.also_on, [SqlState::UNIQUE_VIOLATION]);
        let policy = RetryPolicy::never().over(&default);
        assert_eq!(policy.most(RetryReason::Deadlock), 0);
        assert_eq!(RetryPolicy::default().most(RetryReason::Deadlock), 2);
    }
}
