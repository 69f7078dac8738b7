use super::*;

/// The significant tokens of `text`, each as its kind and its text.
fn tokens(text: &str) -> Vec<(TokenKind, &str)> {
    Lexer::new(text)
        .map(|token| token.unwrap())
        .filter(Token::is_significant)
        .map(|token| (token.kind, token.text))
        .collect()
}

fn error(text: &str) -> String {
    Lexer::new(text).find_map(Result::err).unwrap().to_string()
}

#[test]
fn strings_of_every_sort_are_one_token() {
    for text in [
        "''",
        "'it''s'",
        r"'\'",
        r"E'\''",
        r"e'\\\''",
        "E'a''b'",
        r"U&'\0041'",
        r"u&'\'",
        "B'01'",
        "x'1f'",
        "N'é'",
        "$$$$",
        "$$ ' $a$ $$",
        "$tag$ $$ $ta $tagg$ $tag$",
        "$a$ $b$a$",
        "$é_1$ ' $é_1$",
    ] {
        assert_eq!(tokens(text), [(TokenKind::String, text)]);
    }
}

#[test]
fn a_string_goes_on_after_a_line_end() {
    for text in [
        "'a'\n'b'",
        "'a' \t\r 'b'",
        "'a' -- c'\n -- d\n 'b''c'",
        // The second part is read as the first one was.
        "E'a'\n'\\''",
        "'a'\n'b'\n'c'",
    ] {
        assert_eq!(tokens(text), [(TokenKind::String, text)], "{text}");
    }
    for text in ["'a' 'b'", "'a' /*\n*/ 'b'", "'a'\n/**/'b'", "'a'\nE'b'"] {
        assert_eq!(tokens(text).len(), 2, "{text}");
    }
    // Here the second string begins anew, so the backslash is ordinary.
    assert_eq!(tokens(r"E'a' '\'").len(), 2);
}

#[test]
fn words_contain_dollars_and_any_non_ascii_character() {
    for text in ["a$1", "tag$x$", "a$$", "_é", "日本$", "\u{a0}", "e1", "U"] {
        assert_eq!(tokens(text), [(TokenKind::Word, text)]);
    }
    use TokenKind::{Operator, String, Word};
    assert_eq!(
        tokens("xe'a' au&'b'"),
        [
            (Word, "xe"),
            (String, "'a'"),
            (Word, "au"),
            (Operator, "&"),
            (String, "'b'"),
        ]
    );
}

#[test]
fn quoted_identifiers_double_their_quotes() {
    for text in [r#""""#, r#""a""b""#, r#""'""#, r#"U&"\0041""#, r#"u&"""""#] {
        assert_eq!(tokens(text), [(TokenKind::QuotedIdentifier, text)]);
    }
}

#[test]
fn comments_nest_and_end_operators() {
    use TokenKind::{Comment, Operator, Whitespace};
    let all = |text: &'static str| -> Vec<_> {
        Lexer::new(text)
            .map(|token| token.unwrap())
            .map(|token| (token.kind, token.text))
            .collect()
    };
    assert_eq!(
        all("/* /* ' */ \" */-- $$\n"),
        [
            (Comment, "/* /* ' */ \" */"),
            (Comment, "-- $$"),
            (Whitespace, "\n"),
        ]
    );
    assert_eq!(all("/*/ **/"), [(Comment, "/*/ **/")]);
    assert_eq!(all("+/**/"), [(Operator, "+"), (Comment, "/**/")]);
    assert_eq!(all("@--"), [(Operator, "@"), (Comment, "--")]);
    assert_eq!(all("--\r"), [(Comment, "--"), (Whitespace, "\r")]);
}

#[test]
fn numbers_operators_and_punctuation() {
    use TokenKind::*;
    assert_eq!(
        tokens("1 1.5 .5 1e-3 1. 0x1F 1_000 1..2"),
        [
            (Number, "1"),
            (Number, "1.5"),
            (Number, ".5"),
            (Number, "1e-3"),
            (Number, "1."),
            (Number, "0x1F"),
            (Number, "1_000"),
            (Number, "1"),
            (Dot, "."),
            (Number, ".2"),
        ]
    );
    assert_eq!(
        tokens("a.b::c:=:d->>[1:2]($1,$a;{"),
        [
            (Word, "a"),
            (Dot, "."),
            (Word, "b"),
            (Cast, "::"),
            (Word, "c"),
            (ColonEquals, ":="),
            (Colon, ":"),
            (Word, "d"),
            (Operator, "->>"),
            (LeftBracket, "["),
            (Number, "1"),
            (Colon, ":"),
            (Number, "2"),
            (RightBracket, "]"),
            (LeftParenthesis, "("),
            (Positional, "$1"),
            (Comma, ","),
            (Other, "$"),
            (Word, "a"),
            (Semicolon, ";"),
            (Other, "{"),
        ]
    );
}

#[test]
fn what_has_no_end_is_told_with_its_start() {
    for (text, expected) in [
        ("select 'a''", "string that starts at line 1, column 8"),
        ("\n é 'a", "string that starts at line 2, column 4"),
        (r"E'\'", "string that starts at line 1, column 1"),
        (r"E'a\", "string that starts at line 1, column 1"),
        ("'a'\n'b", "string that starts at line 1, column 1"),
        (
            "a \"b\"\"",
            "quoted identifier that starts at line 1, column 3",
        ),
        (
            "a $x$ $y$",
            "dollar-quoted string that starts at line 1, column 3",
        ),
        ("a /* /* */", "comment that starts at line 1, column 3"),
    ] {
        assert_eq!(
            error(text),
            format!("parse the statement: unterminated {expected}")
        );
    }
}

#[test]
fn an_error_is_the_last_item() {
    let mut lexer = Lexer::new("a 'b");
    assert_eq!(lexer.by_ref().filter(Result::is_err).count(), 1);
    assert!(lexer.next().is_none());
}
