//! What can go wrong while something is measured.

use std::error::Error as StdError;

/// The result of a step of the bench.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of any contender's library.
pub(crate) type Cause = Box<dyn StdError + Send + Sync>;

/// Why nothing was measured. Its text reads after "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// No server for the bench.
    #[error(
        "find a server: LARDER_TEST_DATABASE_URL is not set; start this program by cargo xtask bench pool"
    )]
    NoServer,

    /// The variable has no URL. What it has may hold a password.
    #[error("read LARDER_TEST_DATABASE_URL: it is not a URL of PostgreSQL ({0})")]
    Url(url::ParseError),

    /// No database, or none with the rows.
    #[error("prepare the database of the bench: {}", chain(.0))]
    Fixture(#[from] tokio_postgres::Error),

    /// A contender's pool.
    #[error("open the pool of {0}: {1}")]
    Open(&'static str, #[source] Cause),

    /// A read.
    #[error("read a row through {0}: {1}")]
    Read(&'static str, #[source] Cause),

    /// A read that gave another row than it was asked for.
    #[error("read a row through {0}: it is not the one that was asked for")]
    WrongRow(&'static str),

    /// There is no contender of this name.
    #[error("find the contender {0:?}; there are: {1}")]
    NoContender(String, String),

    /// The report cannot be written.
    #[error("write the report: {0}")]
    Report(#[from] std::io::Error),

    /// The bench has a mistake; the message is on standard error.
    #[error("go on after a panic")]
    Panicked,

    /// Ctrl-C.
    #[error("finish: interrupted")]
    Interrupted,
}

/// tokio-postgres says what went wrong in the sources of its errors.
fn chain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
