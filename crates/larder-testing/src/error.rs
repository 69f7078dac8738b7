//! What can go wrong when a test wants a database.

/// An error of this crate. Its text reads after "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no server to make a database on.
    #[error(
        "find a PostgreSQL for the test: set LARDER_TEST_DATABASE_URL or DATABASE_URL, or switch on the feature `embedded` of larder-testing"
    )]
    NoServer,

    /// The variable does not hold a URL.
    #[error("read {variable}: it is not a URL such as postgres://user@host/database")]
    Url {
        /// The variable.
        variable: &'static str,
    },

    /// The server refused.
    #[error("make a database for the test: {0}")]
    Database(#[from] larder_database::Error),

    /// The migrations cannot be read.
    #[error("read the migrations: {0}")]
    Migrations(String),

    /// A proxy cannot be started, or led to a server.
    #[error("start a proxy: {0}")]
    Proxy(String),

    /// A server of the test's own cannot be started or stopped.
    #[error("{0}")]
    Server(String),

    /// The embedded database did not start.
    #[cfg(feature = "embedded")]
    #[error("make a database for the test: {0}")]
    Embedded(#[from] larder_embedded::Error),
}

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no server.
    NoServer,
    /// A variable or a migration cannot be read.
    Input,
    /// The server refused.
    Database,
    /// A proxy or a server of a test's own did not start, or did not end.
    Tool,
}

impl Error {
    pub(crate) fn proxy(problem: impl ToString) -> Self {
        Self::Proxy(problem.to_string())
    }

    #[cfg(unix)]
    pub(crate) fn server(problem: impl Into<String>) -> Self {
        Self::Server(problem.into())
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoServer => ErrorKind::NoServer,
            Self::Url { .. } | Self::Migrations(_) => ErrorKind::Input,
            Self::Database(_) => ErrorKind::Database,
            Self::Proxy(_) | Self::Server(_) => ErrorKind::Tool,
            #[cfg(feature = "embedded")]
            Self::Embedded(_) => ErrorKind::Database,
        }
    }
}
