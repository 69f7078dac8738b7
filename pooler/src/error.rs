//! Why a run could not be made.

use std::io;

/// A result of the program's work.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a run could not be made. Its text reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A server is not named.
    #[error("find a server: {0} is not set; `cargo xtask pooler` sets it")]
    NoServer(&'static str),
    /// The database of the run.
    #[error(transparent)]
    Database(#[from] larder_database::Error),
    /// The database of the run could not be made.
    #[error("make a database: {0}")]
    Testing(#[from] larder_testing::Error),
    /// The report could not be written.
    #[error("write the report: {0}")]
    Report(#[from] io::Error),
}
