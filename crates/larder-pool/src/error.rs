//! What can go wrong between a caller and the server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use diesel::result::Error as DieselError;

use crate::connect_error::ConnectError;
use crate::pool_options::PoolStatus;
use crate::server_error::{ServerError, SqlState, state_of};

/// An error of this crate. Its text reads after "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The options for connecting cannot be used.
    #[error("read the connection options: {0}")]
    Options(String),

    /// No connection could be made.
    #[error(transparent)]
    Connect(#[from] Arc<ConnectError>),

    /// No connection became free in time.
    #[error(transparent)]
    Acquire(Box<AcquireError>),

    /// The pool has been shut down.
    #[error("get a connection from pool `{pool}`: it has been shut down")]
    ShutDown {
        /// The name of the pool.
        pool: String,
    },

    /// Sessions were still in use when the deadline of the shutdown passed. Their
    /// connections were closed, and the server rolls back what they had open.
    #[error(
        "drain pool `{pool}` within {deadline:?}: sessions were still in use ({in_use}), and their connections were closed"
    )]
    Drain {
        /// The name of the pool.
        pool: String,
        /// How long the shutdown waited.
        deadline: Duration,
        /// How many sessions had not come back.
        in_use: usize,
    },

    /// A statement failed.
    #[error("run a statement: {}", reason(.source, .server.as_deref()))]
    Statement {
        /// The error as Diesel states it.
        source: DieselError,
        /// The error as the server stated it, if it was the server's.
        server: Option<Box<ServerError>>,
    },

    /// The closure returned `Ok`, but a statement in it had failed, so the server had
    /// nothing to commit. The transaction was rolled back.
    #[error(
        "commit: a statement of the transaction had failed before, so it was rolled back although the closure returned Ok; the failure was: {}",
        cause.as_ref().map_or_else(|| "not read, its future was dropped".to_owned(), ToString::to_string)
    )]
    Aborted {
        /// The first error of the transaction, unless its future was dropped before
        /// the error arrived.
        cause: Option<Box<ServerError>>,
    },

    /// The closure returned `Ok`, but a transaction inside it had been given up: its
    /// future was dropped. Everything was rolled back.
    #[error(
        "commit: a transaction inside this one was given up before its end (its future was dropped), so everything was rolled back"
    )]
    GivenUpInside,

    /// The connection was lost before COMMIT was sent. Nothing of the transaction took effect.
    #[error(
        "commit: the connection was lost before COMMIT was sent, so nothing took effect: {cause}"
    )]
    Lost {
        /// How the connection was lost.
        cause: String,
    },

    /// The server refused the commit itself, as it does for a deferred constraint.
    /// Nothing of the transaction took effect.
    #[error("commit: {0}")]
    CommitRefused(Box<ServerError>),

    /// The connection was lost between COMMIT and its answer. The transaction may have
    /// taken effect or not; running it again could do everything twice. Read the data
    /// to find out.
    #[error(
        "learn whether the transaction was committed: the connection was lost after COMMIT was sent ({cause}); read the data before doing it again"
    )]
    CommitOutcomeUnknown {
        /// How the connection was lost.
        cause: String,
    },
}

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The options cannot be used.
    Options,
    /// No connection could be made.
    Connect,
    /// No connection became free in time.
    AcquireTimeout,
    /// The pool is shut down.
    ShutDown,
    /// The pool could not be drained in time.
    Drain,
    /// A statement failed.
    Statement,
    /// A transaction was rolled back although its closure returned `Ok`.
    Aborted,
    /// A transaction was rolled back because one inside it was given up.
    GivenUpInside,
    /// The connection was lost before COMMIT was sent.
    Lost,
    /// The server refused to commit.
    CommitRefused,
    /// Whether a transaction was committed is not known.
    CommitOutcomeUnknown,
}

impl Error {
    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Options(_) => ErrorKind::Options,
            Self::Connect(_) => ErrorKind::Connect,
            Self::Acquire(_) => ErrorKind::AcquireTimeout,
            Self::ShutDown { .. } => ErrorKind::ShutDown,
            Self::Drain { .. } => ErrorKind::Drain,
            Self::Statement { .. } => ErrorKind::Statement,
            Self::Aborted { .. } => ErrorKind::Aborted,
            Self::GivenUpInside => ErrorKind::GivenUpInside,
            Self::Lost { .. } => ErrorKind::Lost,
            Self::CommitRefused(_) => ErrorKind::CommitRefused,
            Self::CommitOutcomeUnknown { .. } => ErrorKind::CommitOutcomeUnknown,
        }
    }

    /// The error as the server stated it, where it was the server's.
    pub fn server_error(&self) -> Option<&ServerError> {
        match self {
            Self::Statement { server, .. } => server.as_deref(),
            Self::Aborted { cause } => cause.as_deref(),
            Self::CommitRefused(reply) => Some(reply),
            Self::Connect(error) => error.server(),
            _ => None,
        }
    }

    /// The SQLSTATE, where the server gave one.
    pub fn sql_state(&self) -> Option<SqlState> {
        match (self.server_error(), self) {
            (Some(reply), _) => Some(reply.state()),
            // Diesel's error knows some kinds, and nothing else is left of it.
            (
                None,
                Self::Statement {
                    source: DieselError::DatabaseError(kind, _),
                    ..
                },
            ) => state_of(kind),
            _ => None,
        }
    }

    /// The constraint that the server found violated.
    pub fn constraint(&self) -> Option<&str> {
        match (self.server_error(), self) {
            (Some(reply), _) => reply.constraint(),
            (
                None,
                Self::Statement {
                    source: DieselError::DatabaseError(_, information),
                    ..
                },
            ) => information.constraint_name(),
            _ => None,
        }
    }

    /// The error of a statement, with what the connection remembers of it.
    pub fn statement(source: DieselError, last: Option<ServerError>) -> Self {
        let server = last.filter(|last| last.is_reported_by(&source));
        Self::Statement {
            source,
            server: server.map(Box::new),
        }
    }
}

/// Diesel's sentence, or the server's own where there is one: it has the SQLSTATE.
fn reason(diesel: &DieselError, server: Option<&ServerError>) -> String {
    server.map_or_else(|| diesel.to_string(), ToString::to_string)
}

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
        let PoolStatus {
            name,
            size,
            overflow,
            in_use,
            waiting,
            last_connect_error,
            ..
        } = &self.status;
        write!(
            formatter,
            "get a connection from pool `{name}` within {:?}: {in_use} of {} in use (size {size}, overflow {overflow}), {waiting} more waiting",
            self.waited,
            size + overflow,
        )?;
        match last_connect_error {
            Some(error) => write!(formatter, "; the last attempt to connect failed to {error}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for AcquireError {}
