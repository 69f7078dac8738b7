//! The normal form of a statement: what is left of its tokens without values, comments,
//! whitespace and the case of letters.
//!
//! Everything that is said of a statement follows from its normal form alone, but for the numbers
//! of parameters in `key_candidates`. So two texts that
//! differ only in what the normal form leaves out are classified alike, by construction.

use std::borrow::Cow;

use super::UnknownReason;
use crate::lexer::{Lexer, Token, TokenKind};

/// One part of a statement in normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// An unquoted word, in lower case.
    Word(Cow<'a, str>),
    /// A quoted identifier: what stands between the quotes, with escapes resolved.
    Quoted(Cow<'a, str>),
    /// A value, or the place of one.
    Value(Value),
    /// Operators and punctuation.
    Symbol(&'a str),
}

/// What kind of value stood there. All kinds are one in the normalised text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Number,
    String,
    Bind,
}

impl Piece<'_> {
    pub(super) fn is_word(&self, expected: &str) -> bool {
        matches!(self, Self::Word(word) if word == expected)
    }

    pub(super) fn is_any_word(&self, expected: &[&str]) -> bool {
        matches!(self, Self::Word(word) if expected.contains(&word.as_ref()))
    }

    pub(super) fn is_symbol(&self, expected: &str) -> bool {
        matches!(self, Self::Symbol(symbol) if *symbol == expected)
    }

    /// The text of a word or a quoted identifier.
    pub(super) fn identifier(&self) -> Option<&str> {
        match self {
            Self::Word(text) | Self::Quoted(text) => Some(text),
            Self::Value(_) | Self::Symbol(_) => None,
        }
    }
}

/// A statement in normal form.
pub(super) struct Pieces<'a> {
    pub(super) pieces: Vec<Piece<'a>>,
    /// A string that PostgreSQL may read as a time that moves, such as `'now'` or `'today'`.
    pub(super) moving_time: bool,
    /// Why the pieces cannot be trusted to be what PostgreSQL reads.
    pub(super) doubt: Option<UnknownReason>,
}

impl<'a> Pieces<'a> {
    /// The pieces of one statement, with lists of values collapsed.
    pub(super) fn of(statement: &'a str) -> Self {
        let mut found = Self {
            pieces: Vec::with_capacity(statement.len() / 8),
            moving_time: false,
            doubt: None,
        };
        let mut after_unicode = AfterUnicode::Nothing;
        for token in Lexer::new(statement) {
            match token {
                Ok(token) if token.is_significant() => {
                    after_unicode = found.push(&token, after_unicode);
                }
                Ok(_) => {}
                Err(error) => found.doubt = Some(UnknownReason::Lexical(error)),
            }
        }
        found.pieces = super::lists::collapse(found.pieces);
        found
    }

    fn doubt(&mut self, reason: UnknownReason) {
        self.doubt.get_or_insert(reason);
    }

    fn push(&mut self, token: &Token<'a>, after: AfterUnicode) -> AfterUnicode {
        match (after, token.kind) {
            (AfterUnicode::String, TokenKind::Word) if token.is_keyword("uescape") => {
                return AfterUnicode::Uescape;
            }
            (AfterUnicode::Identifier, TokenKind::Word) if token.is_keyword("uescape") => {
                self.doubt(UnknownReason::Unsupported("UESCAPE of an identifier"));
            }
            (AfterUnicode::Uescape, TokenKind::String) => return AfterUnicode::Nothing,
            _ => {}
        }
        let unicode = matches!(token.text.as_bytes(), [b'u' | b'U', b'&', ..]);
        match token.kind {
            TokenKind::Word => self.pieces.push(Piece::Word(lower(token.text))),
            TokenKind::QuotedIdentifier => match quoted(token.text) {
                Some(name) => self.pieces.push(Piece::Quoted(name)),
                None => self.doubt(UnknownReason::Unsupported("escape in an identifier")),
            },
            TokenKind::String => {
                self.moving_time |= may_be_moving_time(token.text);
                self.pieces.push(Piece::Value(Value::String));
            }
            TokenKind::Number => {
                // Before PostgreSQL 15 `1from t` was `1 from t`.
                if !is_number(token.text) {
                    self.doubt(UnknownReason::Unsupported("word directly after a number"));
                }
                self.pieces.push(Piece::Value(Value::Number));
            }
            TokenKind::Positional => self.pieces.push(Piece::Value(Value::Bind)),
            TokenKind::Operator => self.push_operators(token.text),
            _ => self.pieces.push(Piece::Symbol(token.text)),
        }
        match token.kind {
            TokenKind::String if unicode => AfterUnicode::String,
            TokenKind::QuotedIdentifier if unicode => AfterUnicode::Identifier,
            _ => AfterUnicode::Nothing,
        }
    }

    /// Splits a run of operator characters as PostgreSQL does: an operator ends in a sign only
    /// if it has one of the characters that standard SQL does not use.
    fn push_operators(&mut self, run: &'a str) {
        let special = |operator: &str| operator.contains(|c| "~!@#%^&|`?".contains(c));
        let mut end = run.len();
        while end > 1 && run[..end].ends_with(['+', '-']) && !special(&run[..end]) {
            end -= 1;
        }
        let operator = match &run[..end] {
            "!=" => "<>",
            operator => operator,
        };
        self.pieces.push(Piece::Symbol(operator));
        for at in end..run.len() {
            self.pieces.push(Piece::Symbol(&run[at..=at]));
        }
    }
}

/// What came before, where `UESCAPE` may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AfterUnicode {
    Nothing,
    String,
    Identifier,
    Uescape,
}

pub(super) fn lower(word: &str) -> Cow<'_, str> {
    if word.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(word.to_ascii_lowercase())
    } else {
        Cow::Borrowed(word)
    }
}

/// The identifier in `"..."` or `U&"..."`; `None` if an escape in it is wrong.
pub(super) fn quoted(token: &str) -> Option<Cow<'_, str>> {
    let start = token.find('"')?;
    let inner = token.get(start + 1..token.len() - 1)?;
    let name = if inner.contains('"') {
        Cow::Owned(inner.replace("\"\"", "\""))
    } else {
        Cow::Borrowed(inner)
    };
    if start == 0 || !name.contains('\\') {
        return Some(name);
    }
    let mut decoded = String::with_capacity(name.len());
    let mut rest: &str = &name;
    while let Some(at) = rest.find('\\') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let length = match rest.as_bytes().first()? {
            b'\\' => 0,
            b'+' => 7,
            _ => 4,
        };
        if length == 0 {
            decoded.push('\\');
            rest = &rest[1..];
        } else {
            let digits = rest.get(..length)?.trim_start_matches('+');
            decoded.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
            rest = &rest[length..];
        }
    }
    decoded.push_str(rest);
    Some(Cow::Owned(decoded))
}

/// Whether all of `token` is a number, so that no word was glued to it.
fn is_number(token: &str) -> bool {
    let mut digits = token.chars().filter(|&c| c != '_');
    let prefixed = token.len() > 2
        && match token.as_bytes()[..2] {
            [b'0', b'x' | b'X'] => digits.clone().skip(2).all(|c| c.is_ascii_hexdigit()),
            [b'0', b'o' | b'O' | b'b' | b'B'] => digits.clone().skip(2).all(|c| c.is_ascii_digit()),
            _ => false,
        };
    let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    prefixed
        || (!exponent.is_empty()
            && exponent.bytes().all(|byte| byte.is_ascii_digit())
            && mantissa
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b"._".contains(&byte)))
        || digits.all(|c| c.is_ascii_digit())
}

/// Whether PostgreSQL's date and time input may read `string` as a time relative to now.
fn may_be_moving_time(string: &str) -> bool {
    /// Such inputs are short: the longest has a time of day and a zone.
    const LONGEST: usize = 80;
    string.len() <= LONGEST
        && string
            .split(|c: char| !c.is_ascii_alphabetic())
            .any(|word| {
                ["now", "today", "tomorrow", "yesterday"]
                    .iter()
                    .any(|moving| word.eq_ignore_ascii_case(moving))
            })
}
