//! The normal form as a text for the parser.
//!
//! PostgreSQL's grammar has more than the parser knows. Where the difference has nothing to do
//! with tables or functions, it is taken out here: operators become a few that every grammar
//! has, values become plain ones, `ONLY` and the row locks are left out (the locks are noted).
//! What is still not understood is an error of the parser, and the statement is unknown.

use super::names::is_reserved;
use super::pieces::{Piece, Value};

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
        let previous = at.checked_sub(1).map(|at| &pieces[at]);
        let rest = &pieces[at..];
        match &rest[0] {
            Piece::Word(word) => match word.as_ref() {
                "for" if lock_length(rest) > 0 => {
                    self.locks_rows = true;
                    return at + lock_length(rest);
                }
                "only" if !previous.is_some_and(|p| p.is_any_word(&["row", "rows"])) => {}
                "table" if is_table_command(previous) => self.push("select * from"),
                // `current of cursor`: no more is known than that it is a condition.
                "current" if rest.get(1).is_some_and(|next| next.is_word("of")) => {
                    self.push("true");
                    return at + 3;
                }
                "overriding"
                    if rest
                        .get(1)
                        .is_some_and(|next| next.is_any_word(&["system", "user"]))
                        && rest.get(2).is_some_and(|next| next.is_word("value")) =>
                {
                    return at + 3;
                }
                word => self.push(word),
            },
            Piece::Quoted(name) => {
                self.push("\"");
                self.sql.push_str(&name.replace('"', "\"\""));
                self.sql.push('"');
            }
            Piece::Value(Value::String) => self.push("'s'"),
            Piece::Value(Value::Number) => self.push("1"),
            Piece::Value(Value::Bind) => self.push("$1"),
            Piece::Symbol(symbol) => self.push(operator(symbol, previous, rest.get(1))),
        }
        at + 1
    }

    fn push(&mut self, text: &str) {
        if !self.sql.is_empty() {
            self.sql.push(' ');
        }
        self.sql.push_str(text);
    }
}

/// Whether `TABLE` begins the command `TABLE name`, after `previous`.
fn is_table_command(previous: Option<&Piece<'_>>) -> bool {
    !previous.is_some_and(|p| p.is_any_word(&["into", "temp", "temporary", "unlogged"]))
}

/// How many pieces `FOR UPDATE OF a, b SKIP LOCKED` and its like take; 0 if they do not stand
/// at the start of `pieces`.
fn lock_length(pieces: &[Piece<'_>]) -> usize {
    let strengths: [&[&str]; 4] = [
        &["update"],
        &["no", "key", "update"],
        &["share"],
        &["key", "share"],
    ];
    let starts_with = |at: usize, words: &[&str]| {
        words
            .iter()
            .enumerate()
            .all(|(index, word)| pieces.get(at + index).is_some_and(|p| p.is_word(word)))
    };
    let Some(strength) = strengths.iter().find(|words| starts_with(1, words)) else {
        return 0;
    };
    let mut at = 1 + strength.len();
    if starts_with(at, &["of"]) {
        at += 1;
        // Names, and dots and commas between them.
        while pieces.get(at).is_some_and(|p| p.identifier().is_some()) {
            at += 1;
            match pieces.get(at) {
                Some(p) if p.is_symbol(",") || p.is_symbol(".") => at += 1,
                _ => break,
            }
        }
    }
    if starts_with(at, &["nowait"]) {
        at += 1;
    } else if starts_with(at, &["skip", "locked"]) {
        at += 2;
    }
    at
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
