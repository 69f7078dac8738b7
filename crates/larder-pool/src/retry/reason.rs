//! Why something may be run again: only for what is known to have had no effect.

use std::fmt;

use crate::Error;
use crate::connect_error::ConnectErrorCause;
use crate::error_class::ErrorClass;
use crate::server_error::{ServerError, SqlState};

/// Why something may be run again. Each of these is known to have had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetryReason {
    /// A serialization failure (40001).
    SerializationFailure,
    /// A deadlock (40P01).
    Deadlock,
    /// A lock was not free (55P03). Once at most.
    LockNotAvailable,
    /// The connection was lost, and COMMIT had not been sent.
    ConnectionLost,
    /// The server has no connection left (53300), is not ready (57P03), or refuses connections.
    CannotConnect,
    /// The server only reads by now (25006): it is looked for again. Once at most.
    ReadOnlyServer,
    /// A prepared statement was missing or there twice (26000, 42P05). Once at most.
    PreparedStatement,
    /// The policy names this code.
    OnRequest(SqlState),
}

impl RetryReason {
    /// The reason as a word for logs and series.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SerializationFailure => "serialization_failure",
            Self::Deadlock => "deadlock",
            Self::LockNotAvailable => "lock_not_available",
            Self::ConnectionLost => "connection_lost",
            Self::CannotConnect => "cannot_connect",
            Self::ReadOnlyServer => "read_only_server",
            Self::PreparedStatement => "prepared_statement",
            Self::OnRequest(_) => "on_request",
        }
    }

    fn of_server(error: &ServerError) -> Option<Self> {
        Some(match error.state().as_str() {
            "40001" => Self::SerializationFailure,
            "40P01" => Self::Deadlock,
            "55P03" => Self::LockNotAvailable,
            "25006" => Self::ReadOnlyServer,
            "26000" | "42P05" => Self::PreparedStatement,
            // An error of class 08 may come from another server that this one has asked.
            _ if error.ends_connection() && error.class() == ErrorClass::Connection => {
                Self::ConnectionLost
            }
            _ => return None,
        })
    }
}

impl fmt::Display for RetryReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What made something fail, as far as it decides whether it may be run again.
#[derive(Debug)]
pub(crate) enum FailureCause {
    /// The server said no, and nothing took effect.
    Server(Box<ServerError>),
    /// The connection was lost before anything could take effect.
    Lost,
    /// No connection could be made for now.
    CannotConnect,
    /// Nothing of these.
    Other,
}

impl FailureCause {
    /// The one of an error after which nothing has taken effect.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Lost { .. } => Self::Lost,
            Error::Connect(error) => match error.cause() {
                ConnectErrorCause::TooManyConnections
                | ConnectErrorCause::NotReady
                | ConnectErrorCause::WrongServer
                | ConnectErrorCause::Refused => Self::CannotConnect,
                _ => Self::Other,
            },
            Error::Statement { .. } | Error::Aborted { .. } | Error::CommitRefused(_) => {
                match (error.server_error(), error.class()) {
                    (Some(reply), _) => Self::Server(Box::new(reply.clone())),
                    (None, ErrorClass::Connection) => Self::Lost,
                    _ => Self::Other,
                }
            }
            _ => Self::Other,
        }
    }

    pub(crate) fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Server(reply) => Some(reply),
            _ => None,
        }
    }

    pub(super) fn reason(&self) -> Option<RetryReason> {
        match self {
            Self::Server(reply) => RetryReason::of_server(reply),
            Self::Lost => Some(RetryReason::ConnectionLost),
            Self::CannotConnect => Some(RetryReason::CannotConnect),
            Self::Other => None,
        }
    }
}

/// An error of a function that [`Retry::run`](super::Retry::run) may run again.
pub trait RetryableError {
    /// The error of the pool that is behind it, if one is. Only such an error lets the function
    /// be run again.
    fn pool_error(&self) -> Option<&Error>;
}

impl RetryableError for Error {
    fn pool_error(&self) -> Option<&Error> {
        Some(self)
    }
}
