//! Statements that begin or end a transaction or a savepoint.

use std::fmt;

use crate::lexer::{Lexer, Token, TokenKind};
use crate::statement::next_statement;

#[cfg(test)]
mod tests;

/// A statement that begins or ends a transaction or a savepoint.
///
/// The display text gives its words as PostgreSQL's manual writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransactionControl {
    /// `BEGIN`
    Begin,
    /// `START TRANSACTION`
    StartTransaction,
    /// `COMMIT`
    Commit,
    /// `COMMIT AND CHAIN`
    CommitAndChain,
    /// `END`, another word for `COMMIT`
    End,
    /// `END AND CHAIN`
    EndAndChain,
    /// `ROLLBACK`
    Rollback,
    /// `ROLLBACK AND CHAIN`
    RollbackAndChain,
    /// `ABORT`, another word for `ROLLBACK`
    Abort,
    /// `ABORT AND CHAIN`
    AbortAndChain,
    /// `PREPARE TRANSACTION`, the first phase of a two-phase commit
    PrepareTransaction,
    /// `COMMIT PREPARED`
    CommitPrepared,
    /// `ROLLBACK PREPARED`
    RollbackPrepared,
    /// `SAVEPOINT`
    Savepoint,
    /// `RELEASE SAVEPOINT`
    ReleaseSavepoint,
    /// `ROLLBACK TO SAVEPOINT`
    RollbackToSavepoint,
}

impl TransactionControl {
    /// Whether it is about a savepoint inside a transaction and not about the transaction.
    #[must_use]
    pub fn is_savepoint(self) -> bool {
        matches!(
            self,
            Self::Savepoint | Self::ReleaseSavepoint | Self::RollbackToSavepoint
        )
    }

    fn words(self) -> &'static str {
        match self {
            Self::Begin => "BEGIN",
            Self::StartTransaction => "START TRANSACTION",
            Self::Commit => "COMMIT",
            Self::CommitAndChain => "COMMIT AND CHAIN",
            Self::End => "END",
            Self::EndAndChain => "END AND CHAIN",
            Self::Rollback => "ROLLBACK",
            Self::RollbackAndChain => "ROLLBACK AND CHAIN",
            Self::Abort => "ABORT",
            Self::AbortAndChain => "ABORT AND CHAIN",
            Self::PrepareTransaction => "PREPARE TRANSACTION",
            Self::CommitPrepared => "COMMIT PREPARED",
            Self::RollbackPrepared => "ROLLBACK PREPARED",
            Self::Savepoint => "SAVEPOINT",
            Self::ReleaseSavepoint => "RELEASE SAVEPOINT",
            Self::RollbackToSavepoint => "ROLLBACK TO SAVEPOINT",
        }
    }
}

impl fmt::Display for TransactionControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// The first statement in `text` that begins or ends a transaction or a savepoint.
///
/// `text` must be what the server gets: of a statement with named parameters,
/// that is [`NamedStatement::sql`](crate::NamedStatement::sql). Nothing is
/// allocated, and a text without semicolons is read only as far as its first
/// words.
///
/// Not transaction control are `SET TRANSACTION` and `SET SESSION
/// CHARACTERISTICS`, which change settings only, `PREPARE name AS`, the `END` of
/// `CASE` and of a routine's body, and what stands inside quotes, as the body of
/// `DO` does. A text that the lexer cannot read to its end has none after the
/// fault: the server refuses it as a whole.
///
/// ```
/// use larder_sql::{TransactionControl, transaction_control};
///
/// assert_eq!(
///     transaction_control("/* done */ ; Commit work and chain"),
///     Some(TransactionControl::CommitAndChain),
/// );
/// assert_eq!(transaction_control("do $$ begin commit; end $$"), None);
/// ```
#[must_use]
pub fn transaction_control(text: &str) -> Option<TransactionControl> {
    let mut lexer = Lexer::new(text);
    loop {
        let control = recognize(
            lexer
                .clone()
                .map_while(Result::ok)
                .filter(Token::is_significant),
        );
        // Looking for the byte is far cheaper than reading tokens, and most
        // texts are one statement.
        if control.is_some() || !lexer.rest().as_bytes().contains(&b';') {
            return control;
        }
        match next_statement(&mut lexer) {
            Ok(found) if found.ended => {}
            _ => return None,
        }
    }
}

/// What the statement that begins with `tokens` is; reads no further than it must.
fn recognize<'a>(mut tokens: impl Iterator<Item = Token<'a>>) -> Option<TransactionControl> {
    use TransactionControl as Control;

    let first = tokens.next()?;
    let is = |keyword| first.is_keyword(keyword);
    if is("begin") {
        Some(Control::Begin)
    } else if is("start") {
        let next = tokens.next()?;
        next.is_keyword("transaction")
            .then_some(Control::StartTransaction)
    } else if is("commit") {
        Some(match completion(tokens) {
            Completion::Chain => Control::CommitAndChain,
            Completion::Prepared => Control::CommitPrepared,
            Completion::ToSavepoint | Completion::Plain => Control::Commit,
        })
    } else if is("end") {
        Some(match completion(tokens) {
            Completion::Chain => Control::EndAndChain,
            _ => Control::End,
        })
    } else if is("rollback") {
        Some(match completion(tokens) {
            Completion::Chain => Control::RollbackAndChain,
            Completion::Prepared => Control::RollbackPrepared,
            Completion::ToSavepoint => Control::RollbackToSavepoint,
            Completion::Plain => Control::Rollback,
        })
    } else if is("abort") {
        Some(match completion(tokens) {
            Completion::Chain => Control::AbortAndChain,
            _ => Control::Abort,
        })
    } else if is("prepare") {
        prepares_transaction(tokens).then_some(Control::PrepareTransaction)
    } else if is("savepoint") {
        Some(Control::Savepoint)
    } else if is("release") {
        Some(Control::ReleaseSavepoint)
    } else {
        None
    }
}

/// What follows the first word of a statement that ends a transaction.
enum Completion {
    Plain,
    Chain,
    Prepared,
    ToSavepoint,
}

fn completion<'a>(mut tokens: impl Iterator<Item = Token<'a>>) -> Completion {
    let mut next = tokens.next();
    if next.is_some_and(|next| next.is_keyword("work") || next.is_keyword("transaction")) {
        next = tokens.next();
    }
    match next {
        Some(next) if next.is_keyword("prepared") => Completion::Prepared,
        Some(next) if next.is_keyword("to") => Completion::ToSavepoint,
        // `AND NO CHAIN` is what happens without it.
        Some(next) if next.is_keyword("and") => match tokens.next() {
            Some(next) if next.is_keyword("chain") => Completion::Chain,
            _ => Completion::Plain,
        },
        _ => Completion::Plain,
    }
}

/// Whether `TRANSACTION 'id'` follows; a prepared statement may be named `transaction` too.
fn prepares_transaction<'a>(mut tokens: impl Iterator<Item = Token<'a>>) -> bool {
    tokens
        .next()
        .is_some_and(|next| next.is_keyword("transaction"))
        && tokens
            .next()
            .is_none_or(|next| !next.is_keyword("as") && next.kind != TokenKind::LeftParenthesis)
}
