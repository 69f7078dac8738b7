//! What can go wrong with an analysis as a whole.

/// An error of an analysis. Its text reads after "failed to".
///
/// What a single check may not see, or what the server does not have, is none: it is
/// [reported](crate::Analysis::not_checked).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database cannot be asked.
    #[error(transparent)]
    Database(#[from] larder_database::Error),

    /// What the server says cannot be read.
    #[error("read what the server says of {subject}: {error}")]
    Answer {
        /// What it was asked about.
        subject: &'static str,
        /// What is wrong with it.
        error: serde_json::Error,
    },

    /// There is no finding of this code.
    #[error(
        "look for `{code}`: there is no finding of this code; the codes are {}",
        crate::codes().join(", ")
    )]
    UnknownCode {
        /// The code.
        code: String,
    },

    /// A statement whose plan was asked for cannot be explained.
    #[error("explain the statement `{statement}`: {reason}")]
    Statement {
        /// The statement.
        statement: String,
        /// Why not.
        reason: String,
    },

    /// A statement of a cure failed.
    #[error("cure it by `{statement}`: {source}")]
    Cure {
        /// The statement.
        statement: String,
        /// Why it failed.
        source: Box<larder_database::Error>,
    },
}

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The database cannot be asked.
    Database,
    /// What the server says cannot be read.
    Answer,
    /// There is no finding of such a code.
    UnknownCode,
    /// A statement whose plan was asked for cannot be explained.
    Statement,
    /// A statement of a cure failed.
    Cure,
}

impl Error {
    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Database(_) => ErrorKind::Database,
            Self::Answer { .. } => ErrorKind::Answer,
            Self::UnknownCode { .. } => ErrorKind::UnknownCode,
            Self::Statement { .. } => ErrorKind::Statement,
            Self::Cure { .. } => ErrorKind::Cure,
        }
    }
}
