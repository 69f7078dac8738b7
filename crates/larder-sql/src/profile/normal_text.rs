//! The normalised text of a statement and its fingerprint.

use std::fmt;

use xxhash_rust::xxh3::Xxh3;

use super::pieces::Piece;

/// A 64-bit hash of a statement's normal form.
///
/// It is XXH3 (64 bits, seed 0), whose output is fixed by its specification: the same statement
/// has the same fingerprint in every build, on every machine.
///
/// The display text is 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The hash as a number.
    #[must_use]
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// The fingerprint of a text whose normal form is not looked at.
    pub(super) fn of_text(text: &str) -> Self {
        let mut hasher = Xxh3::new();
        hasher.update(&[TAG_TEXT]);
        hasher.update(text.as_bytes());
        Self(hasher.digest())
    }

    /// The fingerprint of several statements in one text.
    pub(super) fn of_batch(statements: impl Iterator<Item = Self>) -> Self {
        let mut hasher = Xxh3::new();
        hasher.update(&[TAG_BATCH]);
        for statement in statements {
            hasher.update(&statement.0.to_le_bytes());
        }
        Self(hasher.digest())
    }

    /// The fingerprint of one statement.
    ///
    /// Every piece begins with its kind and its length, so that no two lists of pieces are the
    /// same bytes.
    pub(super) fn of_pieces(pieces: &[Piece<'_>]) -> Self {
        let mut hasher = Xxh3::new();
        for piece in pieces {
            let (tag, text) = match piece {
                Piece::Word(word) => (TAG_WORD, word.as_ref()),
                Piece::Quoted(name) => (TAG_QUOTED, name.as_ref()),
                Piece::Value(_) => (TAG_VALUE, ""),
                Piece::Symbol(symbol) => (TAG_SYMBOL, *symbol),
            };
            hasher.update(&[tag]);
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        Self(hasher.digest())
    }
}

const TAG_WORD: u8 = 1;
const TAG_QUOTED: u8 = 2;
const TAG_VALUE: u8 = 3;
const TAG_SYMBOL: u8 = 4;
const TAG_BATCH: u8 = 5;
const TAG_TEXT: u8 = 6;

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The pieces as a text for people: words in lower case, `?` for each value.
pub(super) fn display(pieces: &[Piece<'_>]) -> String {
    let mut text = String::new();
    let mut previous: Option<&Piece<'_>> = None;
    for piece in pieces {
        if previous.is_some_and(|previous| is_spaced(previous, piece)) {
            text.push(' ');
        }
        match piece {
            Piece::Word(word) => text.push_str(word),
            Piece::Quoted(name) => {
                text.push('"');
                text.push_str(&name.replace('"', "\"\""));
                text.push('"');
            }
            Piece::Value(_) => text.push('?'),
            Piece::Symbol(symbol) => text.push_str(symbol),
        }
        previous = Some(piece);
    }
    text
}

/// Whether a space stands between two pieces.
fn is_spaced(left: &Piece<'_>, right: &Piece<'_>) -> bool {
    let tight_after = matches!(left, Piece::Symbol("(" | "[" | "." | "::"));
    let tight_before = matches!(
        right,
        Piece::Symbol(")" | "]" | "." | "," | ";" | "::" | "[")
    );
    let call = right.is_symbol("(")
        && match left {
            Piece::Word(word) => !is_followed_by_space(word),
            Piece::Quoted(_) => true,
            Piece::Value(_) | Piece::Symbol(_) => false,
        };
    !(tight_after || tight_before || call)
}

/// Whether a parenthesis after `word` opens a list or a subquery and not arguments.
fn is_followed_by_space(word: &str) -> bool {
    super::names::is_reserved(word)
        || matches!(
            word,
            "by" | "exists" | "filter" | "materialized" | "over" | "set" | "values"
        )
}
