//! What can go wrong in the demonstration.

/// Its text reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Larder could not.
    #[error(transparent)]
    Larder(#[from] larder::Error),

    /// A restaurant that has just been written is not there.
    #[error("find restaurant {0} right after it was written")]
    Lost(i64),

    /// A restaurant whose transaction was rolled back is there.
    #[error("roll back: the restaurant is there all the same")]
    NotRolledBack,

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
