//! The names in a text, whatever they stand for.

use crate::{Lexer, Token, TokenKind};

/// A word or a quoted identifier, as PostgreSQL reads it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// Whether a type may stand where it stands. Aliases look the same in some places.
    pub(super) may_be_type: bool,
}

/// Words before which no type's name follows, beside the operators and signs: a column may.
const BEFORE_COLUMN: &[&str] = &[
    "all",
    "and",
    "any",
    "asc",
    "between",
    "by",
    "case",
    "copy",
    "desc",
    "distinct",
    "else",
    "escape",
    "except",
    "exists",
    "from",
    "having",
    "ilike",
    "in",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "like",
    "limit",
    "not",
    "offset",
    "on",
    "only",
    "or",
    "over",
    "returning",
    "select",
    "set",
    "some",
    "table",
    "then",
    "to",
    "truncate",
    "union",
    "update",
    "using",
    "values",
    "variadic",
    "when",
    "where",
    "with",
];

/// The words of a text, as far as it can be read.
pub(super) fn words(text: &str) -> Vec<Word> {
    let tokens: Vec<Token<'_>> = Lexer::new(text)
        .map_while(Result::ok)
        .filter(Token::is_significant)
        .collect();
    let words = tokens.iter().enumerate();
    words
        .filter_map(|(at, token)| {
            Some(Word {
                text: name(token)?,
                may_be_type: may_be_type(&tokens, at),
            })
        })
        .collect()
}

fn name(token: &Token<'_>) -> Option<String> {
    match token.kind {
        TokenKind::Word => Some(token.text.to_ascii_lowercase()),
        TokenKind::QuotedIdentifier => {
            let inner = token.text.trim_start_matches(['U', 'u', '&']);
            let inner = inner.strip_prefix('"')?.strip_suffix('"')?;
            Some(inner.replace("\"\"", "\""))
        }
        _ => None,
    }
}

/// `a::type`, `cast(a as schema.type)`, `type 'value'`, `type(a)`, `f() as (a type)`.
fn may_be_type(tokens: &[Token<'_>], at: usize) -> bool {
    let mut first = at;
    while first >= 2 && tokens[first - 1].kind == TokenKind::Dot {
        first -= 2;
    }
    let follows = first.checked_sub(1).is_some_and(|before| {
        let before = &tokens[before];
        match before.kind {
            TokenKind::Cast | TokenKind::QuotedIdentifier => true,
            TokenKind::Word => !BEFORE_COLUMN.iter().any(|word| before.is_keyword(word)),
            _ => false,
        }
    });
    let precedes = tokens.get(at + 1).is_some_and(|after| {
        // A value is `?` in a normalised text.
        matches!(after.kind, TokenKind::String | TokenKind::LeftParenthesis) || after.text == "?"
    });
    follows || precedes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_type(text: &str) -> bool {
        let found = words(text);
        let email = found.iter().filter(|word| word.text == "email");
        email.into_iter().any(|word| word.may_be_type)
    }

    #[test]
    fn types_stand_where_types_stand() {
        for text in [
            "select a::email",
            "select a::app.email[]",
            "select a::\"email\"",
            "select cast(a as email)",
            "select cast(a as app.email)",
            "select email ?",
            "select email 'a'",
            "select email(a)",
            "select app.email(a)",
            "select * from f() as (a email)",
            "select * from f() as t(a int, \"b\" app.email)",
            "select * from json_to_record(?) as t(a email, b int)",
        ] {
            assert!(is_type(text), "{text}");
        }
    }

    #[test]
    fn columns_stand_elsewhere() {
        for text in [
            "select email from users",
            "truncate email",
            "copy email to stdout",
            "table email",
            "select distinct u.email, email from users u",
            "select * from users where email = ? and not u.email like ?",
            "select * from users order by email, id",
            "insert into users (id, email) values (?, ?)",
            "update users set email = ? where lower(email) = ? returning email",
            "select case when email is null then email else email end",
        ] {
            assert!(!is_type(text), "{text}");
        }
    }

    #[test]
    fn quotes_are_taken_off() {
        let found: Vec<String> = words("A.\"B\"\"c\" U&\"d\"")
            .into_iter()
            .map(|w| w.text)
            .collect();
        assert_eq!(found, ["a", "B\"c", "d"]);
    }
}
