//! The normal form as a text for the parser.
//!
//! PostgreSQL's grammar has more than the parser knows. Where the difference has nothing to do
//! with tables or functions, it is taken out here: operators become a few that every grammar
//! has, values become plain ones, `ONLY` and the row locks are left out (the locks are noted).
//! What is still not understood is an error of the parser, and the statement is unknown.

use super::names::is_reserved;
use super::pieces::{Piece, Value};
use super::rewrites::{Rewrite, rewrite};

/// What the parser is given.
pub(super) struct ParserText {
    pub(super) sql: String,
    /// Whether the statement locks rows: `FOR UPDATE` and its like.
    pub(super) locks_rows: bool,
}

impl ParserText {
    pub(super) fn of(pieces: &[Piece<'_>]) -> Self {
        let mut text = Self {
            sql: String::with_capacity(pieces.len() * 8),
            locks_rows: false,
        };
        let mut at = 0;
        while at < pieces.len() {
            at = text.take(pieces, at);
        }
        text
    }

    /// Writes the piece at `at`, or what stands for it; gives the index of the next one.
    fn take(&mut self, pieces: &[Piece<'_>], at: usize) -> usize {
        let before = &pieces[..at];
        let rest = &pieces[at..];
        match &rest[0] {
            Piece::Word(word)
                if word == "only" && rest.get(1).is_some_and(|p| p.is_symbol("(")) =>
            {
                return self.take_only(pieces, at);
            }
            Piece::Word(word) => match rewrite(word, before, rest) {
                Some(Rewrite { text, taken, locks }) => {
                    self.locks_rows |= locks;
                    if !text.is_empty() {
                        self.push(text);
                    }
                    return at + taken;
                }
                None => self.push(word),
            },
            Piece::Quoted(name) => {
                self.push("\"");
                self.sql.push_str(&name.replace('"', "\"\""));
                self.sql.push('"');
            }
            Piece::Value(Value::String) => self.push("'s'"),
            Piece::Value(Value::Number) => self.push("1"),
            Piece::Value(Value::Bind) => self.push("$1"),
            // `(row).*`: the parser knows the star only after a name.
            Piece::Symbol(".")
                if before.last().is_some_and(|p| p.is_symbol(")"))
                    && rest.get(1).is_some_and(|p| p.is_symbol("*")) =>
            {
                return at + 2;
            }
            Piece::Symbol(symbol) => self.push(operator(symbol, before.last(), rest.get(1))),
        }
        at + 1
    }

    /// `ONLY (name)`: the name without parentheses, which the parser has only for joins.
    fn take_only(&mut self, pieces: &[Piece<'_>], only: usize) -> usize {
        let mut at = only + 2;
        while pieces.get(at).is_some_and(|p| !p.is_symbol(")")) {
            at = self.take(pieces, at);
        }
        (at + 1).min(pieces.len())
    }

    fn push(&mut self, text: &str) {
        if !self.sql.is_empty() {
            self.sql.push(' ');
        }
        self.sql.push_str(text);
    }
}

/// The operator to write for `symbol`.
///
/// Which operator it is does not matter here, but the parser knows only some, and takes `ANY`
/// after comparisons alone.
fn operator<'a>(
    symbol: &'a str,
    previous: Option<&Piece<'_>>,
    next: Option<&Piece<'_>>,
) -> &'a str {
    let is_operator = symbol
        .bytes()
        .all(|byte| b"~!@#^&|`?+-*/%<>=".contains(&byte));
    let qualified = previous.is_some_and(|p| p.is_symbol(".") || p.is_symbol("("));
    if !is_operator || matches!(symbol, "*" | "=" | "=>" | "+" | "-") {
        return symbol;
    }
    if qualified && next.is_some_and(|p| p.is_symbol(")")) {
        // The name of an operator in `OPERATOR(schema.name)`.
        return "=";
    }
    if !previous.is_some_and(ends_operand) {
        return "+";
    }
    if next.is_some_and(|p| p.is_any_word(&["all", "any", "some"])) {
        "="
    } else {
        match symbol {
            "<" | ">" | "<=" | ">=" | "<>" => symbol,
            _ => "||",
        }
    }
}

/// Whether an operator after `piece` stands between two operands.
fn ends_operand(piece: &Piece<'_>) -> bool {
    match piece {
        Piece::Quoted(_) | Piece::Value(_) => true,
        Piece::Symbol(symbol) => matches!(*symbol, ")" | "]" | "*"),
        Piece::Word(word) => {
            !is_reserved(word)
                || word.starts_with("current_")
                || matches!(
                    word.as_ref(),
                    "default"
                        | "end"
                        | "false"
                        | "localtime"
                        | "localtimestamp"
                        | "null"
                        | "session_user"
                        | "system_user"
                        | "true"
                        | "user"
                )
        }
    }
}
