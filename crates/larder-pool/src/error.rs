//! What can go wrong between a caller and the server.

use std::sync::Arc;
use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::admission::{AcquireError, OverloadedError};
use crate::connect_error::ConnectError;
use crate::error_class::ErrorClass;
use crate::holders::NestedCheckoutError;
use crate::server_error::{ServerError, SqlState, state_of};
use crate::trouble::Trouble;
use crate::unknown_outcome::UnknownOutcome;

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

    /// More is asked of the pool than it can do, so this caller was sent away.
    #[error(transparent)]
    Overloaded(Box<OverloadedError>),

    /// The task that asked has all connections of the pool already.
    #[error(transparent)]
    NestedCheckout(Box<NestedCheckoutError>),

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

    /// A reader under settings was asked from within a transaction under other ones.
    #[error(
        "run a statement under other settings than the transaction that its task has open: use the transaction's own connection, or read after it"
    )]
    OtherSettings,

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
        /// What the server said when it hung up, if it said something.
        server: Option<Box<ServerError>>,
    },

    /// The server refused the commit itself, as it does for a deferred constraint.
    /// Nothing of the transaction took effect.
    #[error("commit: {0}")]
    CommitRefused(Box<ServerError>),

    /// The connection was lost between COMMIT and its answer, or between a write that commits
    /// by itself and its answer; or that answer did not come in time. It may have taken effect or
    /// not; running it again could do everything twice. [`UnknownOutcome::resolve`] asks the
    /// server which it is.
    #[error(transparent)]
    CommitOutcomeUnknown(Box<UnknownOutcome>),

    /// The deadline of the request has passed, see [`deadline`](crate::deadline).
    #[error(
        "finish within {limit:?}: the deadline of the request passed{}",
        waited_for.map(|what| format!(" while waiting for {what}")).unwrap_or_default()
    )]
    DeadlineExceeded {
        /// How much time the request had in all.
        limit: Duration,
        /// What was waited for, if Larder was waiting for something.
        waited_for: Option<&'static str>,
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
    /// More is asked of the pool than it can do.
    Overloaded,
    /// The task that asked has all connections of the pool already.
    NestedCheckout,
    /// The pool is shut down.
    ShutDown,
    /// The pool could not be drained in time.
    Drain,
    /// A reader under settings was asked from within a transaction under other ones.
    OtherSettings,
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
    /// The deadline of the request has passed.
    DeadlineExceeded,
}

impl Error {
    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Options(_) => ErrorKind::Options,
            Self::Connect(_) => ErrorKind::Connect,
            Self::Acquire(_) => ErrorKind::AcquireTimeout,
            Self::Overloaded(_) => ErrorKind::Overloaded,
            Self::NestedCheckout(_) => ErrorKind::NestedCheckout,
            Self::ShutDown { .. } => ErrorKind::ShutDown,
            Self::Drain { .. } => ErrorKind::Drain,
            Self::OtherSettings => ErrorKind::OtherSettings,
            Self::Statement { .. } => ErrorKind::Statement,
            Self::Aborted { .. } => ErrorKind::Aborted,
            Self::GivenUpInside => ErrorKind::GivenUpInside,
            Self::Lost { .. } => ErrorKind::Lost,
            Self::CommitRefused(_) => ErrorKind::CommitRefused,
            Self::CommitOutcomeUnknown(_) => ErrorKind::CommitOutcomeUnknown,
            Self::DeadlineExceeded { .. } => ErrorKind::DeadlineExceeded,
        }
    }

    /// What a program may do about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Options(_)
            | Self::GivenUpInside
            | Self::NestedCheckout(_)
            | Self::OtherSettings => ErrorClass::Caller,
            Self::Connect(error) => error.class(),
            // Doing it again at once would be more of what there is too much of.
            Self::Acquire(_)
            | Self::Overloaded(_)
            | Self::Drain { .. }
            | Self::DeadlineExceeded { .. } => ErrorClass::Timeout,
            Self::ShutDown { .. } | Self::Lost { .. } => ErrorClass::Connection,
            Self::Statement { server: None, .. } if self.sql_state().is_none() => {
                self.class_of_diesel()
            }
            Self::CommitOutcomeUnknown(_) => ErrorClass::OutcomeUnknown,
            Self::Statement { .. } | Self::Aborted { .. } | Self::CommitRefused(_) => {
                let state = self.sql_state();
                let of_state = || state.map_or(ErrorClass::Caller, |state| state.error_class());
                self.server_error()
                    .map_or_else(of_state, |reply| reply.class())
            }
        }
    }

    /// The class of an error of a statement of which there is no SQLSTATE.
    fn class_of_diesel(&self) -> ErrorClass {
        let Self::Statement { source, .. } = self else {
            return ErrorClass::Caller;
        };
        match (Trouble::of(source), source) {
            (Some(Trouble::Late), _) => ErrorClass::Timeout,
            (Some(Trouble::InDoubt { .. }), _) => ErrorClass::OutcomeUnknown,
            (
                None,
                DieselError::DatabaseError(
                    DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
                    _,
                ),
            ) => ErrorClass::Connection,
            _ => ErrorClass::Caller,
        }
    }

    /// What is known of a commit whose outcome is not.
    pub fn unknown_outcome(&self) -> Option<&UnknownOutcome> {
        match self {
            Self::CommitOutcomeUnknown(unknown) => Some(unknown),
            _ => None,
        }
    }

    /// Adds something to what the server said, or to how the connection was lost.
    pub(crate) fn add_note(&mut self, note: &str) {
        let server = match self {
            Self::Statement { server, .. } => server.as_deref_mut(),
            Self::Aborted { cause } => cause.as_deref_mut(),
            Self::CommitRefused(reply) => Some(&mut **reply),
            Self::Lost { cause, .. } => {
                cause.push_str("; ");
                cause.push_str(note);
                None
            }
            _ => None,
        };
        if let Some(server) = server {
            server.add_note(note);
        }
    }

    /// The error as the server stated it, where it was the server's.
    pub fn server_error(&self) -> Option<&ServerError> {
        match self {
            Self::Statement { server, .. } => server.as_deref(),
            Self::Aborted { cause } => cause.as_deref(),
            Self::CommitRefused(reply) => Some(reply),
            Self::Lost { server, .. } => server.as_deref(),
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

    /// The error of a statement, with what the connection remembers of it. One after which it
    /// is not known whether a write took effect becomes [`Error::CommitOutcomeUnknown`].
    pub fn statement(source: DieselError, last: Option<ServerError>) -> Self {
        if let Some(Trouble::InDoubt(doubt)) = Trouble::of(&source) {
            return Self::CommitOutcomeUnknown(Box::new(UnknownOutcome::new(&source, doubt)));
        }
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
