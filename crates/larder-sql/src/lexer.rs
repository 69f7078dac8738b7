//! A lexer for PostgreSQL's lexical rules.
//!
//! It follows the chapter "Lexical Structure" of PostgreSQL's manual as far as
//! it takes to know where each token ends. What a token means is left to others.

use crate::error::{Construct, Error};
use crate::position::Position;

#[cfg(test)]
mod tests;

/// One token of a statement: its kind, its text and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Token<'a> {
    /// What kind of token it is.
    pub kind: TokenKind,
    /// The text of the token, as written.
    pub text: &'a str,
    /// Where the token starts, in bytes from the start of the text.
    pub start: usize,
}

impl Token<'_> {
    /// Where the token ends, in bytes from the start of the text.
    #[must_use]
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether the token is the unquoted word `keyword`, in any case of its letters.
    #[must_use]
    pub fn is_keyword(&self, keyword: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Whether the token is more than whitespace or a comment.
    #[must_use]
    pub fn is_significant(&self) -> bool {
        !matches!(self.kind, TokenKind::Whitespace | TokenKind::Comment)
    }
}

/// The kinds of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// Spaces, tabs, line ends, form feeds.
    Whitespace,
    /// `-- to the end of the line` (without the line end) or `/* nested /* as it may be */ */`.
    Comment,
    /// A keyword or an unquoted identifier.
    Word,
    /// `"identifier"` or `U&"identifier"`.
    QuotedIdentifier,
    /// A string of any sort: `'..'`, `E'..'`, `U&'..'`, `B'..'`, `X'..'`, `N'..'` or `$tag$..$tag$`.
    /// Parts that PostgreSQL joins across a line end are one token.
    String,
    /// A number, with what directly follows it and cannot be apart from it.
    Number,
    /// A positional parameter: `$1`.
    Positional,
    /// A run of operator characters.
    /// PostgreSQL reads some runs as several operators (`=-` is `=` and `-`); here a run is one token.
    Operator,
    /// `::`
    Cast,
    /// `:=`
    ColonEquals,
    /// A colon that is neither `::` nor `:=`.
    Colon,
    /// `,`
    Comma,
    /// `.`
    Dot,
    /// `;`
    Semicolon,
    /// `(`
    LeftParenthesis,
    /// `)`
    RightParenthesis,
    /// `[`
    LeftBracket,
    /// `]`
    RightBracket,
    /// Any other single character.
    Other,
}

/// An iterator over the tokens of a text, whitespace and comments included.
///
/// The texts of the tokens, put together, are the text that was given. The
/// first error is the last item. `standard_conforming_strings` is taken to be
/// on: a backslash in a plain string is a backslash.
///
/// ```
/// use larder_sql::{Lexer, TokenKind};
///
/// let tokens: Vec<_> = Lexer::new(r"a||E'it\'s'").collect::<Result<_, _>>()?;
/// let kinds: Vec<_> = tokens.iter().map(|token| token.kind).collect();
/// assert_eq!(kinds, [TokenKind::Word, TokenKind::Operator, TokenKind::String]);
/// # Ok::<(), larder_sql::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Lexer<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Lexer<'a> {
    /// A lexer at the start of `text`.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, offset: 0 }
    }

    /// What has not been read yet.
    #[must_use]
    pub fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    /// Reads a word if one starts here.
    ///
    /// This differs from `next` where a word directly before a quote would be
    /// the prefix of a string, as in `e'..'`.
    pub(crate) fn next_word(&mut self) -> Option<Token<'a>> {
        let length = word_length(self.rest().as_bytes());
        (length > 0).then(|| self.take(TokenKind::Word, length))
    }

    fn take(&mut self, kind: TokenKind, length: usize) -> Token<'a> {
        let start = self.offset;
        self.offset += length;
        Token {
            kind,
            text: &self.text[start..self.offset],
            start,
        }
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Result<Token<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest().is_empty() {
            return None;
        }
        match scan(self.rest()) {
            Ok((kind, length)) => Some(Ok(self.take(kind, length))),
            Err(construct) => {
                let position = Position::of(self.offset, self.text);
                self.offset = self.text.len();
                Some(Err(Error::Unterminated {
                    construct,
                    position,
                }))
            }
        }
    }
}

impl std::iter::FusedIterator for Lexer<'_> {}

/// The kind and the length of the token at the start of `rest`, which is not empty.
///
/// Every token ends at an ASCII character or takes whole characters, because
/// every byte of a longer character belongs to an identifier: so lengths in
/// bytes are always character boundaries.
fn scan(rest: &str) -> Result<(TokenKind, usize), Construct> {
    use TokenKind as Kind;

    let bytes = rest.as_bytes();
    Ok(match *bytes {
        [b'-', b'-', ..] => (Kind::Comment, line_comment_length(bytes)),
        [b'/', b'*', ..] => (Kind::Comment, block_comment_length(bytes)?),
        [b'\'', ..] => (Kind::String, string_length(bytes, 0, Backslash::Ordinary)?),
        [b'e' | b'E', b'\'', ..] => (Kind::String, string_length(bytes, 1, Backslash::Escapes)?),
        [b'b' | b'B' | b'n' | b'N' | b'x' | b'X', b'\'', ..] => {
            (Kind::String, string_length(bytes, 1, Backslash::Ordinary)?)
        }
        [b'u' | b'U', b'&', b'\'', ..] => {
            (Kind::String, string_length(bytes, 2, Backslash::Ordinary)?)
        }
        [b'u' | b'U', b'&', b'"', ..] => {
            (Kind::QuotedIdentifier, quoted_identifier_length(bytes, 2)?)
        }
        [b'"', ..] => (Kind::QuotedIdentifier, quoted_identifier_length(bytes, 0)?),
        [b'$', b'0'..=b'9', ..] => (Kind::Positional, 1 + digits_length(&bytes[1..])),
        [b'$', ..] => dollar(rest)?,
        [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..] => (Kind::Number, number_length(bytes)),
        [b':', b':', ..] => (Kind::Cast, 2),
        [b':', b'=', ..] => (Kind::ColonEquals, 2),
        [first, ..] if starts_word(first) => (Kind::Word, word_length(bytes)),
        [first, ..] if is_space(first) => (Kind::Whitespace, run_length(bytes, is_space)),
        [first, ..] if is_operator(first) => (Kind::Operator, operator_length(bytes)),
        [b':', ..] => (Kind::Colon, 1),
        [b',', ..] => (Kind::Comma, 1),
        [b'.', ..] => (Kind::Dot, 1),
        [b';', ..] => (Kind::Semicolon, 1),
        [b'(', ..] => (Kind::LeftParenthesis, 1),
        [b')', ..] => (Kind::RightParenthesis, 1),
        [b'[', ..] => (Kind::LeftBracket, 1),
        [b']', ..] => (Kind::RightBracket, 1),
        _ => (Kind::Other, 1),
    })
}

/// Whether `byte` can begin an unquoted identifier. All of every non-ASCII character can.
fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

/// Whether `byte` can stand in an unquoted identifier after its first.
pub(crate) fn continues_word(byte: u8) -> bool {
    starts_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c')
}

fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn is_operator(byte: u8) -> bool {
    b"~!@#^&|`?+-*/%<>=".contains(&byte)
}

fn run_length(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes
        .iter()
        .position(|&byte| !belongs(byte))
        .unwrap_or(bytes.len())
}

fn digits_length(bytes: &[u8]) -> usize {
    run_length(bytes, |byte| byte.is_ascii_digit())
}

/// The length of the word at the start of `bytes`, 0 if there is none.
fn word_length(bytes: &[u8]) -> usize {
    match bytes.first() {
        Some(&first) if starts_word(first) => run_length(bytes, continues_word),
        _ => 0,
    }
}

/// The length of a number: `1`, `1.5`, `.5`, `1e-3`, `0x1f`, `1_000`.
fn number_length(bytes: &[u8]) -> usize {
    let mut end = digits_length(bytes);
    // `1..2` is a range of PL/pgSQL: the first dot is not part of the number.
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1) != Some(&b'.') {
        end += 1;
        end += digits_length(&bytes[end..]);
    }
    if let [b'e' | b'E', b'+' | b'-', b'0'..=b'9', ..] = bytes[end..] {
        end += 2;
        end += digits_length(&bytes[end..]);
    }
    end + word_length(&bytes[end..])
}

/// The length of a run of operator characters; the start of a comment ends the run.
fn operator_length(bytes: &[u8]) -> usize {
    // It must not look past the start of a comment, or many comments between
    // operators would each look at all that follows.
    let starts_comment = |at| matches!(bytes[at..], [b'-', b'-', ..] | [b'/', b'*', ..]);
    let mut at = 1;
    while at < bytes.len() && is_operator(bytes[at]) && !starts_comment(at) {
        at += 1;
    }
    at
}

fn line_comment_length(bytes: &[u8]) -> usize {
    run_length(bytes, |byte| !is_newline(byte))
}

fn block_comment_length(bytes: &[u8]) -> Result<usize, Construct> {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Ok(at);
                }
            }
            _ => at += 1,
        }
    }
    Err(Construct::BlockComment)
}

/// What a backslash does in a string.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Backslash {
    Ordinary,
    /// It takes away the meaning of the character after it.
    Escapes,
}

/// The length of the string whose opening quote stands at `quote`, with its continuations.
fn string_length(bytes: &[u8], quote: usize, backslash: Backslash) -> Result<usize, Construct> {
    let mut at = quote + 1;
    loop {
        match bytes.get(at) {
            None => return Err(Construct::String),
            Some(b'\\') if backslash == Backslash::Escapes => at += 2,
            Some(b'\'') if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            Some(b'\'') => match continuation_length(&bytes[at + 1..]) {
                // A continued string keeps the rules of its first part.
                Some(length) => at += 1 + length,
                None => return Ok(at + 1),
            },
            Some(_) => at += 1,
        }
    }
}

/// The length of what lies between the two quotes of `'a'` and `'b'` on a later line, and of
/// the second quote; `None` if the string is not continued.
///
/// Only spaces, line ends and `--` comments may lie between, and at least one line end must.
fn continuation_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut newline = false;
    loop {
        match bytes[at..] {
            [b'\'', ..] if newline => return Some(at + 1),
            [b'-', b'-', ..] => at += line_comment_length(&bytes[at..]),
            [byte, ..] if is_space(byte) => {
                newline |= is_newline(byte);
                at += 1;
            }
            _ => return None,
        }
    }
}

fn quoted_identifier_length(bytes: &[u8], quote: usize) -> Result<usize, Construct> {
    let mut at = quote + 1;
    loop {
        match bytes[at..] {
            [] => return Err(Construct::QuotedIdentifier),
            [b'"', b'"', ..] => at += 2,
            [b'"', ..] => return Ok(at + 1),
            _ => at += 1,
        }
    }
}

/// A dollar-quoted string, or a dollar sign by itself if no `$tag$` stands here.
fn dollar(rest: &str) -> Result<(TokenKind, usize), Construct> {
    let tag = match rest.as_bytes().get(1) {
        Some(&first) if starts_word(first) => run_length(&rest.as_bytes()[1..], |byte| {
            continues_word(byte) && byte != b'$'
        }),
        _ => 0,
    };
    if rest.as_bytes().get(tag + 1) != Some(&b'$') {
        return Ok((TokenKind::Other, 1));
    }
    let (delimiter, body) = rest.split_at(tag + 2);
    match body.find(delimiter) {
        Some(length) => Ok((TokenKind::String, length + 2 * delimiter.len())),
        None => Err(Construct::DollarQuotedString),
    }
}
