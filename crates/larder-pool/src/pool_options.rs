//! What a pool is told, and what it tells.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::error::{ConnectError, Error};
use crate::observer::Observer;
use crate::retry::{RetryBudget, RetryPolicy};

/// How many connections a pool keeps, for how long, and how long it lets callers wait.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolOptions {
    /// The name that errors and figures show. `main` by default.
    pub name: String,
    /// Connections kept open. 5 by default.
    pub size: usize,
    /// Connections opened beyond `size` under load; they are closed when they come back
    /// and nobody waits. 10 by default.
    pub overflow: usize,
    /// How long a caller waits for a connection. 30 s by default.
    pub acquire_timeout: Duration,
    /// Age at which a connection is replaced (`recycle`). An hour by default.
    pub max_lifetime: Option<Duration>,
    /// How long a connection may sit idle before it is closed. 10 minutes by default.
    pub idle_timeout: Option<Duration>,
    /// A connection that sat idle for this long is asked whether it is alive before it
    /// is lent. 30 s by default; `None` never asks.
    pub verify_after: Option<Duration>,
    /// How long that question may take. 1 s by default.
    pub verify_timeout: Duration,
    /// How long ending an abandoned transaction on the server may take before its
    /// connection is closed instead. 5 s by default.
    pub rollback_timeout: Duration,
    /// How work is run again where its own policy leaves that open. See [`RetryPolicy`].
    pub retry: RetryPolicy,
    /// How many retries the pool affords in all.
    pub retry_budget: RetryBudget,
    /// Who is told of what happens on the connections. Nobody by default.
    pub observer: Observer,
}

impl PoolOptions {
    /// The defaults, with a name.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            size: 5,
            overflow: 10,
            acquire_timeout: Duration::from_secs(30),
            max_lifetime: Some(Duration::from_secs(3600)),
            idle_timeout: Some(Duration::from_secs(600)),
            verify_after: Some(Duration::from_secs(30)),
            verify_timeout: Duration::from_secs(1),
            rollback_timeout: Duration::from_secs(5),
            retry: RetryPolicy::default(),
            retry_budget: RetryBudget::default(),
            observer: Observer::default(),
        }
    }

    /// # Errors
    ///
    /// [`Error::Options`] for what would make a pool that nobody can use.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let wrong = |problem: &str| Err(Error::Options(format!("pool `{}`: {problem}", self.name)));
        if self.size == 0 {
            return wrong("its size is 0; it needs at least 1");
        }
        if self.acquire_timeout.is_zero() {
            return wrong("its acquire_timeout is 0; nobody would get a connection");
        }
        if self.max_lifetime.is_some_and(|age| age.is_zero())
            || self.idle_timeout.is_some_and(|age| age.is_zero())
        {
            return wrong("a max_lifetime or idle_timeout of 0 is no limit; leave it out instead");
        }
        Ok(())
    }

    pub(crate) fn hard_maximum(&self) -> usize {
        self.size
            .saturating_add(self.overflow)
            .clamp(1, Semaphore::MAX_PERMITS)
    }
}

/// The state of a pool at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PoolStatus {
    /// The name of the pool.
    pub name: String,
    /// Connections that are kept open.
    pub size: usize,
    /// Connections allowed beyond that.
    pub overflow: usize,
    /// Open connections that nobody uses.
    pub idle: usize,
    /// Connections lent out, or being cleaned up after use.
    pub in_use: usize,
    /// Callers waiting.
    pub waiting: usize,
    /// Connections thrown away since the start because they could not be used again.
    pub invalidated: u64,
    /// The last error of connecting, if nothing has succeeded since.
    pub last_connect_error: Option<Arc<ConnectError>>,
}
