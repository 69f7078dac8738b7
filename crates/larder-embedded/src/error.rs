//! What can go wrong with the embedded database.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// An error of the embedded database. Its text reads after "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process, or another instance in this one, uses the directory.
    #[error(
        "open the embedded database in {}: another process is using it; stop that one or choose another directory",
        directory.display()
    )]
    InUse {
        /// The directory.
        directory: PathBuf,
    },

    /// The directory cannot be made or written to.
    #[error("use {} for the embedded database: {source}", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },

    /// It did not start in time.
    #[error("start the embedded database within {deadline:?}")]
    StartTimeout {
        /// How long was waited.
        deadline: Duration,
    },

    /// It did not stop in time; a connection to it is probably still open.
    #[error("stop the embedded database within {deadline:?}: is a connection still open?")]
    StopTimeout {
        /// How long was waited.
        deadline: Duration,
    },

    /// PostgreSQL could not run.
    #[error("run the embedded database: {0}")]
    Server(String),
}

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The directory is in use.
    InUse,
    /// The directory cannot be used.
    Directory,
    /// A deadline passed.
    Timeout,
    /// PostgreSQL could not run.
    Server,
}

impl Error {
    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InUse { .. } => ErrorKind::InUse,
            Self::Directory { .. } => ErrorKind::Directory,
            Self::StartTimeout { .. } | Self::StopTimeout { .. } => ErrorKind::Timeout,
            Self::Server(_) => ErrorKind::Server,
        }
    }
}
