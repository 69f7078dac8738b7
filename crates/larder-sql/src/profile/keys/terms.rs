//! The words and signs of a statement, with the numbers of its parameters.

use std::borrow::Cow;

use crate::lexer::{Lexer, Token, TokenKind};
use crate::profile::names::{cut, is_reserved};
use crate::profile::pieces::{lower, quoted};

/// One word or sign of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Term<'a> {
    /// An unquoted word, in lower case.
    Word(Cow<'a, str>),
    /// A quoted identifier, as it stands between the quotes.
    Quoted(Cow<'a, str>),
    /// `$n`, counted from 0.
    Parameter(u16),
    /// Operators and punctuation; of a run of operator characters the whole run.
    Symbol(&'a str),
    /// A string or a number.
    Value,
}

impl Term<'_> {
    pub(super) fn is_word(&self, expected: &str) -> bool {
        matches!(self, Self::Word(word) if word == expected)
    }

    pub(super) fn is_any_word(&self, expected: &[&str]) -> bool {
        matches!(self, Self::Word(word) if expected.contains(&word.as_ref()))
    }

    pub(super) fn is_symbol(&self, expected: &str) -> bool {
        matches!(self, Self::Symbol(symbol) if *symbol == expected)
    }

    /// The name that it is, if it can be that of a table, a column or an alias.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Word(word) if is_reserved(word) => None,
            Self::Word(name) | Self::Quoted(name) => Some(cut(name)),
            Self::Parameter(_) | Self::Symbol(_) | Self::Value => None,
        }
    }
}

/// The terms of `statement`.
///
/// `None` if one of them cannot be read, if parentheses do not match, or if a keyword stands
/// where it is a name: after a dot or an AS. Every keyword in what is left is one.
pub(super) fn read(statement: &str) -> Option<Vec<Term<'_>>> {
    let mut terms: Vec<Term<'_>> = Vec::with_capacity(statement.len() / 6);
    let mut open = Vec::new();
    for token in Lexer::new(statement) {
        let token = token.ok()?;
        if !token.is_significant() {
            continue;
        }
        let term = term(&token)?;
        match term {
            Term::Symbol(opening @ ("(" | "[")) => open.push(opening),
            Term::Symbol(")") if open.pop() != Some("(") => return None,
            Term::Symbol("]") if open.pop() != Some("[") => return None,
            Term::Symbol(";") => return None,
            Term::Word(ref word) if is_reserved(word) => {
                let before = terms.last();
                if before.is_some_and(|before| before.is_symbol(".") || before.is_word("as")) {
                    return None;
                }
            }
            _ => {}
        }
        terms.push(term);
    }
    open.is_empty().then_some(terms)
}

fn term<'a>(token: &Token<'a>) -> Option<Term<'a>> {
    Some(match token.kind {
        TokenKind::Word => Term::Word(lower(token.text)),
        // Its escapes may be written with another sign.
        TokenKind::QuotedIdentifier if !token.text.starts_with('"') => return None,
        TokenKind::QuotedIdentifier => Term::Quoted(quoted(token.text)?),
        TokenKind::Positional => {
            let number: u16 = token.text.get(1..)?.parse().ok()?;
            Term::Parameter(number.checked_sub(1)?)
        }
        TokenKind::String | TokenKind::Number => Term::Value,
        _ => Term::Symbol(token.text),
    })
}

/// For each term, whether it stands outside all parentheses and brackets; those of the outermost
/// pairs themselves do.
pub(super) fn outside<'t, 'a>(
    terms: &'t [Term<'a>],
) -> impl Iterator<Item = (usize, &'t Term<'a>)> + use<'t, 'a> {
    let mut depth = 0_usize;
    terms.iter().enumerate().filter(move |(_, term)| {
        match term {
            Term::Symbol("(" | "[") => {
                depth += 1;
                return depth == 1;
            }
            Term::Symbol(")" | "]") => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}

/// Where the first of `words` stands outside parentheses; the end if none does.
pub(super) fn first_outside(terms: &[Term<'_>], words: &[&str]) -> usize {
    let mut found = outside(terms).filter(|(_, term)| term.is_any_word(words));
    found.next().map_or(terms.len(), |(at, _)| at)
}

/// The parts of `terms` between the commas outside parentheses.
pub(super) fn between_commas<'t, 'a>(terms: &'t [Term<'a>]) -> Vec<&'t [Term<'a>]> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, term) in outside(terms) {
        if term.is_symbol(",") {
            parts.push(&terms[start..at]);
            start = at + 1;
        }
    }
    parts.push(&terms[start..]);
    parts
}

/// What stands in the parentheses with which `terms` begin, and what follows them.
pub(super) fn in_parentheses<'t, 'a>(
    terms: &'t [Term<'a>],
) -> Option<(&'t [Term<'a>], &'t [Term<'a>])> {
    if !terms.first()?.is_symbol("(") {
        return None;
    }
    let (end, _) = outside(terms).find(|(_, term)| term.is_symbol(")"))?;
    Some((&terms[1..end], &terms[end + 1..]))
}
