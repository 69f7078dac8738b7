//! Why somebody was sent away.

use std::fmt;
use std::time::Duration;

use crate::pool_options::PoolStatus;

/// The pool is asked for more than it can do, so this caller was sent away. Trying again at once
/// makes it worse: wait, or answer that the service is busy.
#[derive(Debug, Clone)]
pub struct OverloadedError {
    pub(crate) cause: OverloadCause,
    pub(crate) waited: Duration,
    pub(crate) status: PoolStatus,
}

/// What showed that a pool is overloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OverloadCause {
    /// For longer than `interval` nobody had waited for less than `target`.
    Delay {
        /// `overload_target` of the pool.
        target: Duration,
        /// `overload_interval` of the pool.
        interval: Duration,
    },
    /// As many callers waited as may.
    QueueFull {
        /// `max_waiting` of the pool.
        max_waiting: usize,
    },
}

impl OverloadedError {
    /// What showed it.
    pub fn cause(&self) -> OverloadCause {
        self.cause
    }

    /// How long the caller had waited; nothing where the queue was full.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// The pool at that moment; the caller itself counts as waiting no longer.
    pub fn status(&self) -> &PoolStatus {
        &self.status
    }
}

impl fmt::Display for OverloadedError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "get a connection from pool `{}`: it is overloaded; ",
            self.status.name
        )?;
        match self.cause {
            OverloadCause::Delay { target, interval } => write!(
                formatter,
                "sent away after {:?}, since for {interval:?} nobody had waited for less than {target:?} (pool.overload_target)",
                self.waited
            )?,
            OverloadCause::QueueFull { max_waiting } => write!(
                formatter,
                "as many callers wait as may ({max_waiting}, pool.max_waiting)"
            )?,
        }
        write!(formatter, "; {}", self.status.in_words())
    }
}

impl std::error::Error for OverloadedError {}

/// No connection became free in time: what was waited for, and what stood in the way.
#[derive(Debug, Clone)]
pub struct AcquireError {
    pub(crate) waited: Duration,
    pub(crate) status: PoolStatus,
}

impl AcquireError {
    /// How long the caller waited.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// The pool at the moment of giving up; the caller itself counts as waiting no longer.
    pub fn status(&self) -> &PoolStatus {
        &self.status
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "get a connection from pool `{}` within {:?}: {}",
            self.status.name,
            self.waited,
            self.status.in_words()
        )
    }
}

impl std::error::Error for AcquireError {}
