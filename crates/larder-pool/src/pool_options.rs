//! What a pool is told, and what it tells.

use std::sync::Arc;
use std::time::Duration;

use crate::advisor::PoolAdvice;
use crate::checkout::ConnectFailure;
use crate::connect_error::ConnectError;
use crate::error::Error;
use crate::holders::Holder;
use crate::lanes::{LaneOptions, LaneStatus};
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
    /// Whether the limit of connections in use begins at `size` and moves up to
    /// `size + overflow` as soon as somebody has waited for `overload_target`, and down again when
    /// the pool was hardly used for half a minute. `true` by default. `false` lends up to
    /// `size + overflow` at any time.
    pub adaptive: bool,
    /// Connections that the pool opens by itself at the start and whenever they are missing, at
    /// most `size`; they are also kept where nobody uses them. None by default.
    pub keep_open: usize,
    /// Connections that are being opened at the same time, at most. 4 by default.
    pub connect_parallelism: usize,
    /// What happens if the first connection cannot be made. [`PoolStart::FailFast`] by default.
    pub start: PoolStart,
    /// How long a caller waits for a connection. 30 s by default.
    pub acquire_timeout: Duration,
    /// Callers that may wait at the same time; further ones are refused at once. 1000 by default.
    pub max_waiting: usize,
    /// A wait that is too long if it does not pass: where even the oldest waiter stays above it
    /// for an [`overload_interval`](Self::overload_interval), those who have waited for longer
    /// are sent away at once with [`Error::Overloaded`], but for as many as may have a
    /// connection. 50 ms by default; zero never sends anybody away.
    pub overload_target: Duration,
    /// For how long waits have to stay above the target. 500 ms by default.
    pub overload_interval: Duration,
    /// A connection held for longer is warned of in the log, once. 30 s by default.
    pub held_warning: Option<Duration>,
    /// Age at which a connection is replaced (`recycle`), less up to a tenth, so that those that
    /// were opened together are not replaced together. An hour by default.
    pub max_lifetime: Option<Duration>,
    /// How long a connection may sit idle before it is closed, unless it is one of those that
    /// are kept open. 10 minutes by default.
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
    /// The connections that many reads share, beside those that are lent.
    pub lanes: LaneOptions,
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
            adaptive: true,
            keep_open: 0,
            connect_parallelism: 4,
            start: PoolStart::FailFast,
            acquire_timeout: Duration::from_secs(30),
            max_waiting: 1_000,
            overload_target: Duration::from_millis(50),
            overload_interval: Duration::from_millis(500),
            held_warning: Some(Duration::from_secs(30)),
            max_lifetime: Some(Duration::from_secs(3600)),
            idle_timeout: Some(Duration::from_secs(600)),
            verify_after: Some(Duration::from_secs(30)),
            verify_timeout: Duration::from_secs(1),
            rollback_timeout: Duration::from_secs(5),
            retry: RetryPolicy::default(),
            retry_budget: RetryBudget::default(),
            lanes: LaneOptions::default(),
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
        if self.connect_parallelism == 0 {
            return wrong("its connect_parallelism is 0; it could never connect");
        }
        if self.held_warning.is_some_and(|held| held.is_zero()) {
            return wrong("a held_warning of 0 would warn of everybody; leave it out instead");
        }
        if self.max_lifetime.is_some_and(|age| age.is_zero())
            || self.idle_timeout.is_some_and(|age| age.is_zero())
        {
            return wrong("a max_lifetime or idle_timeout of 0 is no limit; leave it out instead");
        }
        Ok(())
    }

    pub(crate) fn hard_maximum(&self) -> usize {
        // bb8 counts them in 32 bits, and so does the queue.
        const MOST: usize = 1 << 30;
        self.size.saturating_add(self.overflow).clamp(1, MOST)
    }

    /// How many connections may be in use at first.
    pub(crate) fn first_limit(&self) -> usize {
        if self.adaptive {
            self.size.min(self.hard_maximum())
        } else {
            self.hard_maximum()
        }
    }

    /// How many connections are open, come what may.
    pub(crate) fn kept_open(&self) -> usize {
        // Whoever is to keep trying has to try at least for one.
        let least = usize::from(self.start == PoolStart::KeepTrying);
        self.keep_open.max(least).min(self.size)
    }
}

/// What happens if the first connection of a pool cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PoolStart {
    /// Opening the pool fails.
    #[default]
    FailFast,
    /// The pool opens, and connects as soon as it can. What cannot get better by itself, such as
    /// a wrong password, still fails.
    KeepTrying,
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
    /// Connections that are open although nobody has used them for long.
    pub kept_open: usize,
    /// Connections that may be in use at the same time now: between `size` and
    /// `size + overflow`.
    pub limit: usize,
    /// Open connections that nobody uses.
    pub idle: usize,
    /// Connections lent out, or being cleaned up after use.
    pub in_use: usize,
    /// Callers waiting.
    pub waiting: usize,
    /// Attempts to connect that are under way or wait for their turn.
    pub connecting: usize,
    /// Whether callers who wait too long are being sent away.
    pub is_overloaded: bool,
    /// Callers sent away since the start because they had waited too long.
    pub shed: u64,
    /// Callers refused since the start because as many waited as may.
    pub turned_away: u64,
    /// Connections thrown away since the start because they could not be used again.
    pub invalidated: u64,
    /// The lanes, which count beside all these.
    pub lanes: LaneStatus,
    /// Connections that were held for longer than `held_warning`, since the start.
    pub held_long: u64,
    /// Callers who asked for a connection and had all of them already, since the start.
    pub nested: u64,
    /// Who has connections, the longest first.
    pub holders: Vec<Holder>,
    /// The last error of connecting, if nothing has succeeded since.
    pub last_connect_error: Option<Arc<ConnectError>>,
    /// The last errors of connecting, with their times, the oldest first.
    pub connect_failures: Vec<ConnectFailure>,
    /// How many connections the pool should have, and why.
    pub advice: PoolAdvice,
}

impl PoolStatus {
    /// What an error says of it.
    pub(crate) fn in_words(&self) -> String {
        let most = self.size.saturating_add(self.overflow);
        let mut words = format!(
            "{} of {most} in use (size {}, overflow {}), {} more waiting",
            self.in_use, self.size, self.overflow, self.waiting
        );
        if !self.holders.is_empty() {
            words.push_str("; held longest ");
            let longest: Vec<_> = self
                .holders
                .iter()
                .take(3)
                .map(ToString::to_string)
                .collect();
            words.push_str(&longest.join(", "));
        }
        if let Some(error) = &self.last_connect_error {
            words.push_str(&format!("; the last attempt to connect failed to {error}"));
        }
        words
    }
}
