//! The token that opens the pages of the instance, which cannot be printed.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

/// What a visitor of the pages has to show: at least 16 letters, digits and signs of ASCII.
///
/// `Display` and `Debug` mask it; [`expose`](AdminToken::expose) gives it, for comparing.
#[derive(Clone)]
pub struct AdminToken(Arc<SecretString>);

impl AdminToken {
    /// The fewest characters: fewer could be guessed.
    pub const SHORTEST: usize = 16;

    /// Reads a token. `None` if it is too short, or has anything but visible ASCII in it, which
    /// would not survive a header.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_token =
            text.len() >= Self::SHORTEST && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_token.then(|| AdminToken(Arc::new(SecretString::from(text))))
    }

    /// The token. For comparing only.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Display for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_and_never_shown() {
        let token = AdminToken::parse(" 0123456789abcdef\n").unwrap();
        assert_eq!(token.expose(), "0123456789abcdef");
        assert_eq!(format!("{token} {token:?}"), "*** AdminToken(***)");
    }

    #[test]
    fn what_can_be_guessed_or_does_not_fit_a_header_is_no_token() {
        for text in [
            "",
            "hunter2",
            "0123456789abcde",
            "0123456789 abcdef",
            "0123456789abcd\u{e9}f",
        ] {
            assert!(AdminToken::parse(text).is_none(), "{text}");
        }
    }
}
