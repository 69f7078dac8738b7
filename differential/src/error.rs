//! Why a run could not be made.

use std::fmt::Display;

/// A result of the program's work.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a run could not be made. Its text reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Ctrl-C, or a request to end.
    #[error("finish: interrupted")]
    Interrupted,
    /// A step failed.
    #[error("{what}: {cause}")]
    Step {
        /// What was tried.
        what: String,
        /// Why it failed.
        cause: String,
    },
}

impl Error {
    pub(crate) fn step(what: impl Into<String>, cause: impl Display) -> Self {
        Self::Step {
            what: what.into(),
            cause: cause.to_string(),
        }
    }

    /// With what a client of PostgreSQL's hides in its sources.
    pub(crate) fn judge(what: impl Into<String>, error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(server) => Self::step(what, server),
            None => Self::step(what, error),
        }
    }
}
