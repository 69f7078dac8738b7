//! The error of this crate.

use std::fmt;

use crate::parameters::ParameterFaults;
use crate::position::Position;

/// Why a text cannot be used as a statement.
///
/// The display text reads after "failed to", and never contains what stands
/// inside quotes or what was given as a value.
///
/// ```
/// use larder_sql::{ErrorKind, NamedStatement};
///
/// let error = NamedStatement::parse("select 'Miami").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Unterminated);
/// assert_eq!(
///     error.to_string(),
///     "parse the statement: unterminated string that starts at line 1, column 8",
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text ends inside a string, a comment or a quoted identifier.
    #[error("parse the statement: unterminated {construct} that starts at {position}")]
    #[non_exhaustive]
    Unterminated {
        /// What has no end.
        construct: Construct,
        /// Where it starts.
        position: Position,
    },

    /// A quote directly after a colon: the way in which `psql` splices variables.
    #[error(
        "parse the statement: quote directly after the colon at {position}: \
         a parameter is written :name without quotes, and its value is bound; \
         an identifier cannot be a parameter; \
         a colon that separates, as in json_object('key': 'value'), needs a space after it"
    )]
    #[non_exhaustive]
    QuotedParameter {
        /// Where the colon is.
        position: Position,
    },

    /// Positional parameters (`$1`) beside named ones (`:name`).
    #[error(
        "parse the statement: positional parameter {positional} at {position} beside the \
         named parameter :{named} at {named_position}: use one way for all of them"
    )]
    #[non_exhaustive]
    MixedParameters {
        /// The first positional parameter, such as `$1`.
        positional: String,
        /// Where the first positional parameter is.
        position: Position,
        /// The name of the first named parameter, without its colon.
        named: String,
        /// Where the first named parameter is.
        named_position: Position,
    },

    /// The parameters given are not those that the statement names.
    #[error("bind the parameters: {0}")]
    Parameters(ParameterFaults),
}

/// The kinds of [`Error`], for programs that decide by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text ends inside a string, a comment or a quoted identifier.
    Unterminated,
    /// A quote stands directly after a colon.
    QuotedParameter,
    /// Positional and named parameters stand in one statement.
    MixedParameters,
    /// A parameter is missing, unused or given twice.
    Parameters,
}

impl Error {
    /// The kind of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unterminated { .. } => ErrorKind::Unterminated,
            Self::QuotedParameter { .. } => ErrorKind::QuotedParameter,
            Self::MixedParameters { .. } => ErrorKind::MixedParameters,
            Self::Parameters(_) => ErrorKind::Parameters,
        }
    }

    /// Where in the text the fault is; `None` where the text itself is right.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Unterminated { position, .. }
            | Self::QuotedParameter { position }
            | Self::MixedParameters { position, .. } => Some(*position),
            Self::Parameters(_) => None,
        }
    }
}

/// What has a beginning and an end in the text, and may lack the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Construct {
    /// A string in single quotes, of any prefix.
    String,
    /// A string in dollar quotes.
    DollarQuotedString,
    /// An identifier in double quotes.
    QuotedIdentifier,
    /// A comment that begins with `/*`.
    BlockComment,
}

impl fmt::Display for Construct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "string",
            Self::DollarQuotedString => "dollar-quoted string",
            Self::QuotedIdentifier => "quoted identifier",
            Self::BlockComment => "comment",
        })
    }
}
