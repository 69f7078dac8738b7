//! Where one statement ends and the next begins.

use crate::error::Error;
use crate::lexer::{Lexer, Token, TokenKind};

#[cfg(test)]
mod tests;

/// Splits `text` into its statements.
///
/// A semicolon ends a statement unless it stands inside quotes, a comment,
/// parentheses (the actions of `CREATE RULE`) or the body `BEGIN ATOMIC .. END`
/// of `CREATE FUNCTION` and `CREATE PROCEDURE`. Statements are given without
/// their semicolon and without the whitespace and comments around them; empty
/// ones are left out.
///
/// ```
/// use larder_sql::statements;
///
/// let text = "select ';'; -- one\n ; create function f() returns int begin atomic select 1; end;";
/// let found = statements(text).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(
///     found,
///     ["select ';'", "create function f() returns int begin atomic select 1; end"],
/// );
/// # Ok::<(), larder_sql::Error>(())
/// ```
///
/// # Errors
///
/// An item is an error, and the last one, when a string, a comment or a quoted
/// identifier has no end.
pub fn statements(text: &str) -> Statements<'_> {
    Statements {
        text,
        lexer: Lexer::new(text),
    }
}

/// The first word of the first statement in `text`: its keyword, as written.
///
/// Whitespace, comments, semicolons and opening parentheses before it are
/// skipped. `None` if something else than a word comes first, or nothing.
///
/// ```
/// use larder_sql::leading_keyword;
///
/// assert_eq!(leading_keyword("/* all */ (Select 1) union select 2"), Some("Select"));
/// assert_eq!(leading_keyword("-- nothing"), None);
/// ```
#[must_use]
pub fn leading_keyword(text: &str) -> Option<&str> {
    Lexer::new(text)
        .map_while(Result::ok)
        .filter(Token::is_significant)
        .find(|token| {
            !matches!(
                token.kind,
                TokenKind::Semicolon | TokenKind::LeftParenthesis
            )
        })
        .filter(|token| token.kind == TokenKind::Word)
        .map(|token| token.text)
}

/// An iterator over the statements of a text; see [`statements`].
#[derive(Debug, Clone)]
pub struct Statements<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
}

impl<'a> Iterator for Statements<'a> {
    type Item = Result<&'a str, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match next_statement(&mut self.lexer) {
                Err(error) => return Some(Err(error)),
                Ok(Found { first, last, ended }) => match (first, last) {
                    (Some(first), Some(last)) => {
                        return Some(Ok(&self.text[first.start..last.end()]));
                    }
                    _ if ended => {}
                    _ => return None,
                },
            }
        }
    }
}

impl std::iter::FusedIterator for Statements<'_> {}

/// What was read up to the end of a statement.
pub(crate) struct Found<'a> {
    first: Option<Token<'a>>,
    last: Option<Token<'a>>,
    /// Whether a semicolon was read; otherwise the text is at its end.
    pub(crate) ended: bool,
}

/// Reads up to and including the semicolon that ends the statement.
pub(crate) fn next_statement<'a>(lexer: &mut Lexer<'a>) -> Result<Found<'a>, Error> {
    let mut found = Found {
        first: None,
        last: None,
        ended: false,
    };
    let mut parentheses = 0_usize;
    let mut routine = Routine::Start;
    for token in lexer {
        let token = token?;
        if !token.is_significant() {
            continue;
        }
        match token.kind {
            TokenKind::LeftParenthesis => parentheses += 1,
            TokenKind::RightParenthesis => parentheses = parentheses.saturating_sub(1),
            TokenKind::Semicolon if parentheses == 0 && !routine.is_body() => {
                found.ended = true;
                break;
            }
            _ => {}
        }
        if parentheses == 0 {
            routine = routine.after(&token);
        }
        found.first.get_or_insert(token);
        found.last = Some(token);
    }
    Ok(found)
}

/// How far a statement has come in being the definition of a routine whose body is SQL.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Routine {
    /// Nothing has been read.
    Start,
    /// `CREATE`, or `CREATE OR REPLACE`.
    Create,
    /// `CREATE OR`.
    CreateOr,
    /// `CREATE FUNCTION` or `CREATE PROCEDURE`, and any more.
    Definition,
    /// The same, and then `BEGIN`.
    DefinitionBegin,
    /// In the body, after `ATOMIC` or a semicolon: where `END` ends the body.
    /// Elsewhere in it `END` belongs to `CASE` or is a column's name.
    BodyStatementStart,
    /// In the body, within a statement.
    BodyStatement,
    /// Some other statement.
    No,
}

impl Routine {
    fn is_body(self) -> bool {
        matches!(self, Self::BodyStatementStart | Self::BodyStatement)
    }

    fn after(self, token: &Token<'_>) -> Self {
        match self {
            Self::Start if token.is_keyword("create") => Self::Create,
            Self::Create if token.is_keyword("or") => Self::CreateOr,
            Self::CreateOr if token.is_keyword("replace") => Self::Create,
            Self::Create if token.is_keyword("function") || token.is_keyword("procedure") => {
                Self::Definition
            }
            Self::Definition | Self::DefinitionBegin if token.is_keyword("begin") => {
                Self::DefinitionBegin
            }
            Self::DefinitionBegin if token.is_keyword("atomic") => Self::BodyStatementStart,
            Self::Definition | Self::DefinitionBegin => Self::Definition,
            Self::BodyStatementStart if token.is_keyword("end") => Self::Definition,
            Self::BodyStatementStart | Self::BodyStatement
                if token.kind == TokenKind::Semicolon =>
            {
                Self::BodyStatementStart
            }
            Self::BodyStatementStart | Self::BodyStatement => Self::BodyStatement,
            Self::Start | Self::Create | Self::CreateOr | Self::No => Self::No,
        }
    }
}
