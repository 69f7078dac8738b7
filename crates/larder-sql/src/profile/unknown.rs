//! Why it is not known what a statement does.

use crate::error::Error;

/// Why it is not known what a statement does.
///
/// The display text is a fragment that reads after "not known what it does: ". It never
/// contains values of the statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownReason {
    /// The text ends inside quotes or a comment.
    #[error("{0}")]
    Lexical(Error),

    /// The parser does not understand it, though PostgreSQL may.
    #[error("not parsed: {0}")]
    NotParsed(Box<str>),

    /// It has something of which the parser does not tell enough.
    #[error("not supported: {0}")]
    Unsupported(&'static str),

    /// It runs what stands elsewhere: DO, CALL, EXECUTE, a program.
    #[error("what it runs is not in its text")]
    Opaque,

    /// The statement begins with no keyword that is known.
    #[error("no known command")]
    NoCommand,

    /// The text, or a statement in it, is too long to be looked at.
    #[error("too long")]
    TooLong,

    /// Parentheses or expressions are nested too deeply.
    #[error("nested too deeply")]
    TooDeep,
}
