//! What can go wrong in the demonstration.

use std::io;
use std::net::SocketAddr;

/// Its text reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Larder could not.
    #[error(transparent)]
    Larder(#[from] larder::Error),

    /// A restaurant whose transaction was rolled back is there.
    #[error("roll back: the restaurant is there all the same")]
    NotRolledBack,

    /// The port is taken, or not allowed.
    #[error("listen on {0}: {1}; choose another with --port, 0 takes any")]
    Listen(SocketAddr, io::Error),

    /// The API could not go on.
    #[error("serve: {0}")]
    Serve(io::Error),

    /// Nobody reads what is written.
    #[error("write the report: {0}")]
    Report(io::Error),

    /// Somebody pressed Ctrl-C.
    #[error("finish: interrupted")]
    Interrupted,
}

impl From<larder::database::Error> for Error {
    fn from(error: larder::database::Error) -> Self {
        Self::Larder(error.into())
    }
}

impl From<larder::services::Error> for Error {
    fn from(error: larder::services::Error) -> Self {
        Self::Larder(error.into())
    }
}
