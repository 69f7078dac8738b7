//! What a person types to find something.

use std::str::FromStr;

use super::check_text;
use crate::error::{Error, InvalidInput, Result};

/// What a person types to find something: not empty, without NUL, 200 characters at most, and
/// without white space around it. Every other character is allowed and means itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SearchTerm(String);

impl SearchTerm {
    /// The most characters that a term may have.
    pub const MAX_CHARS: usize = 200;

    /// Takes what was typed.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where nothing but white space
    /// was typed, where it is too long, or where it has a NUL character.
    pub fn new(typed: &str) -> Result<Self> {
        let term = typed.trim();
        if term.is_empty() {
            return Err(InvalidInput::new("search term", typed, "must not be empty").into());
        }
        check_text("search term", term, Self::MAX_CHARS)?;
        Ok(Self(term.to_owned()))
    }

    /// The term.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A pattern for `ILIKE` that matches what contains the term, letter by letter: `%`, `_` and
    /// `\` in it mean themselves.
    #[must_use]
    pub fn containing_pattern(&self) -> String {
        format!("%{}", self.beginning_pattern())
    }

    /// The same for what begins with the term.
    #[must_use]
    pub fn beginning_pattern(&self) -> String {
        let mut pattern = String::with_capacity(self.0.len() + 2);
        for letter in self.0.chars() {
            if matches!(letter, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern.push('%');
        pattern
    }

    /// The runs of letters and digits in the term.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.0
            .split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| !word.is_empty())
    }
}

impl TryFrom<&str> for SearchTerm {
    type Error = Error;

    fn try_from(typed: &str) -> Result<Self> {
        Self::new(typed)
    }
}

impl TryFrom<&String> for SearchTerm {
    type Error = Error;

    fn try_from(typed: &String) -> Result<Self> {
        Self::new(typed)
    }
}

impl TryFrom<String> for SearchTerm {
    type Error = Error;

    fn try_from(typed: String) -> Result<Self> {
        Self::new(&typed)
    }
}

impl FromStr for SearchTerm {
    type Err = Error;

    fn from_str(typed: &str) -> Result<Self> {
        Self::new(typed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_a_term_is_removed() {
        assert_eq!(
            SearchTerm::new("  sushi bar\n").unwrap().as_str(),
            "sushi bar"
        );
    }

    #[test]
    fn nothing_too_much_and_nul_are_refused() {
        let long = "é".repeat(201);
        for bad in ["", " \t", "a\0b", long.as_str()] {
            assert!(SearchTerm::new(bad).is_err(), "{bad:?}");
        }
        SearchTerm::new(&long[2..]).unwrap();
    }

    #[test]
    fn a_pattern_takes_every_letter_as_itself() {
        let term = SearchTerm::new(r"100% a_b \").unwrap();
        assert_eq!(term.containing_pattern(), r"%100\% a\_b \\%");
        assert_eq!(term.beginning_pattern(), r"100\% a\_b \\%");
        assert_eq!(term.words().collect::<Vec<_>>(), ["100", "a", "b"]);
    }
}
