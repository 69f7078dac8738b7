//! The call of the parser, guarded against what it cannot bear.

use std::collections::HashMap;

use sqlparser::ast::Statement;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};

use super::parser_text::ParserText;
use super::pieces::Piece;
use super::tree::{self, Touched};
use super::{StatementKind, UnknownReason, selection};
use crate::lexer::{Lexer, TokenKind};

/// The most pieces that a statement may have to be parsed.
const MOST_PIECES: usize = 20_000;

/// The most parentheses and brackets that may be open at one time.
const DEEPEST: usize = 64;

/// How far the parser may descend.
const RECURSION_LIMIT: usize = 250;

/// The parser descends through each parenthesis in many and large frames, and a chain such as
/// `1 + 1 + 1 ..` makes a tree as deep as it is long, which is walked and freed by recursion.
/// Neither fits into the stack of every thread, so a stack is made for the call: enough for the
/// worst statement in a build without optimisation. The system gives memory only to what of it
/// is used.
const STACK: usize = 64 << 20;

/// What the parser found.
pub(super) struct Parsed {
    pub(super) kind: StatementKind,
    pub(super) touched: Touched,
    pub(super) locks_rows: bool,
    pub(super) is_simple_selection: bool,
    pub(super) finds_rows: bool,
}

/// Parses a query, an INSERT, an UPDATE, a DELETE or a MERGE.
pub(super) fn parse(pieces: &[Piece<'_>]) -> Result<Parsed, UnknownReason> {
    if pieces.len() > MOST_PIECES {
        return Err(UnknownReason::TooLong);
    }
    if depth(pieces) > DEEPEST {
        return Err(UnknownReason::TooDeep);
    }
    stacker::grow(STACK, || parse_here(pieces))
}

fn parse_here(pieces: &[Piece<'_>]) -> Result<Parsed, UnknownReason> {
    let text = ParserText::of(pieces);
    let statements = Parser::new(&PostgreSqlDialect {})
        .with_recursion_limit(RECURSION_LIMIT)
        .try_with_sql(&text.sql)
        .and_then(|mut parser| parser.parse_statements())
        .map_err(reason)?;
    let [statement] = statements.as_slice() else {
        return Err(UnknownReason::Unsupported("several statements in one"));
    };
    if loses_words(&text.sql, statement) {
        return Err(UnknownReason::Unsupported(
            "word that the parser leaves out",
        ));
    }
    let (kind, touched) = tree::read(statement)?;
    Ok(Parsed {
        kind,
        touched,
        locks_rows: text.locks_rows,
        is_simple_selection: selection::is_simple(statement),
        finds_rows: selection::finds_rows(statement),
    })
}

fn reason(error: ParserError) -> UnknownReason {
    match error {
        ParserError::RecursionLimitExceeded => UnknownReason::TooDeep,
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => {
            // Lines and columns are those of the text that the parser was given.
            let message = message.split(" at Line:").next().unwrap_or_default();
            UnknownReason::NotParsed(message.into())
        }
    }
}

fn depth(pieces: &[Piece<'_>]) -> usize {
    let mut open = 0_usize;
    let mut deepest = 0;
    for piece in pieces {
        match piece {
            Piece::Symbol("(" | "[") => open += 1,
            Piece::Symbol(")" | "]") => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

/// Whether the tree lacks a word of the text that it was made from.
///
/// The parser skips some words that it has no place for. A tree that gives all words back when
/// it is written out has lost nothing that could be a name.
fn loses_words(sql: &str, statement: &Statement) -> bool {
    let mut balance: HashMap<String, isize> = HashMap::new();
    let written = statement.to_string();
    for (text, step) in [(written.as_str(), 1), (sql, -1)] {
        for token in Lexer::new(text).map_while(Result::ok) {
            if matches!(token.kind, TokenKind::Word | TokenKind::QuotedIdentifier) {
                *balance.entry(token.text.to_ascii_lowercase()).or_default() += step;
            }
        }
    }
    balance
        .iter()
        .any(|(word, &balance)| balance < 0 && !NOISE.contains(&word.as_str()))
}

/// Words that mean nothing where the parser leaves them out.
const NOISE: &[&str] = &["as", "first", "inner", "outer", "row", "rows"];
