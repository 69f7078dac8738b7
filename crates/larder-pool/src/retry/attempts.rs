//! Counting attempts: whether there is another one, and the pause before it.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::policy::RetryPolicy;
use super::reason::{FailureCause, RetryReason};
use crate::Pool;
use crate::deadline;
use crate::observer::{RetryEvent, RetryRefusal};
use crate::server_error::SqlState;

tokio::task_local! {
    /// Within something that is run again if it fails.
    static INSIDE: ();
}

/// The attempts at one piece of work.
pub(super) struct Attempts {
    pool: Pool,
    policy: RetryPolicy,
    name: &'static str,
    started: Instant,
    made: u32,
    pause: Option<Duration>,
    /// Something around it is run again as a whole, and this with it.
    is_inside: bool,
}

/// Why there is no further attempt, where there might have been one.
pub(super) struct GaveUp(pub(super) String);

impl Attempts {
    pub(super) fn begin(pool: &Pool, policy: &RetryPolicy, name: &'static str) -> Self {
        let is_inside = INSIDE.try_with(|()| ()).is_ok() || pool.is_in_transaction();
        if !is_inside {
            pool.0.retry_budget.call();
        }
        Self {
            policy: policy.clone().over(&pool.0.options.retry),
            pool: pool.clone(),
            name,
            started: Instant::now(),
            made: 0,
            pause: None,
            is_inside,
        }
    }

    /// Runs one attempt.
    pub(super) async fn attempt<T>(&mut self, attempt: impl Future<Output = T>) -> T {
        self.made += 1;
        INSIDE.scope((), attempt).await
    }

    /// The last attempt succeeded.
    pub(super) fn succeeded(&self) {
        if self.made > 1 {
            let observer = &self.pool.0.options.observer;
            observer.tell(|observer| observer.retry_recovered(self.name));
        }
    }

    /// Waits for the next attempt after a failure, if there is one. `None` where this failure is
    /// never run again.
    pub(super) async fn next(&mut self, cause: &FailureCause) -> Option<Result<(), GaveUp>> {
        let reason = self.policy.reason(cause)?;
        let pause = self.policy.pause(self.pause);
        if let Err(refusal) = self.check(reason, pause) {
            let gave_up = self.give_up(reason, refusal);
            return Some(Err(gave_up));
        }
        self.tell(reason, pause, cause.server().map(|error| error.state()));
        self.pause = Some(pause);
        let waiting = deadline::Wait::begin("the pause before a retry");
        sleep(pause).await;
        drop(waiting);
        if reason == RetryReason::ReadOnlyServer {
            // The server that takes writes is another one by now.
            self.pool.retire_connections();
        }
        Some(Ok(()))
    }

    fn check(&self, reason: RetryReason, pause: Duration) -> Result<(), RetryRefusal> {
        if self.is_inside {
            return Err(RetryRefusal::Nested);
        }
        if self.made > self.policy.most(reason) {
            return Err(RetryRefusal::Attempts);
        }
        let is_too_late = self.started.elapsed() + pause > self.policy.elapsed_limit()
            || deadline::remaining().is_some_and(|left| left <= pause);
        if is_too_late {
            return Err(RetryRefusal::Time);
        }
        if !self.pool.0.retry_budget.withdraw() {
            return Err(RetryRefusal::Budget);
        }
        Ok(())
    }

    fn tell(&self, reason: RetryReason, pause: Duration, state: Option<SqlState>) {
        let event = RetryEvent {
            name: self.name,
            attempt: self.made,
            reason,
            pause,
            state,
        };
        let observer = &self.pool.0.options.observer;
        observer.tell(|observer| observer.retried(&event));
        tracing::info!(
            pool = self.pool.0.options.name,
            name = self.name,
            attempt = self.made,
            reason = reason.as_str(),
            state = state.map(tracing::field::display),
            ?pause,
            "retry"
        );
    }

    fn give_up(&self, reason: RetryReason, refusal: RetryRefusal) -> GaveUp {
        let observer = &self.pool.0.options.observer;
        observer.tell(|observer| observer.retry_refused(self.name, refusal));
        let pool = &self.pool.0.options.name;
        tracing::warn!(
            pool,
            name = self.name,
            attempts = self.made,
            reason = reason.as_str(),
            refusal = refusal.as_str(),
            "gave up retrying"
        );
        let times = match self.made {
            1 => "once".to_owned(),
            made => format!("{made} times"),
        };
        GaveUp(match refusal {
            RetryRefusal::Attempts => format!("it was run {times}"),
            RetryRefusal::Time => {
                format!("it was run {times}, and there was no time left to run it again")
            }
            RetryRefusal::Budget => format!(
                "it was run {times} and not again: the retry budget of pool `{pool}` was spent"
            ),
            RetryRefusal::Nested => "it was not run again by itself: it runs inside a transaction or a retry, which has to be run again as a whole".to_owned(),
        })
    }
}
