//! Properties that hold for any text: nothing panics, nothing is lost, time is linear, and
//! parameters are found exactly where an independent description of the text puts them.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::{Duration, Instant};

use larder_sql::{Lexer, NamedStatement, leading_keyword, statements, transaction_control};
use proptest::collection::vec;
use proptest::prelude::*;

/// A part of a statement and what is known of it without any lexer.
#[derive(Debug, Clone)]
enum Piece {
    /// Stays as it is.
    Plain(String),
    /// The texts around parameters, and the names between them.
    Parameters(Vec<(String, String)>, String),
}

/// What may stand in quotes: everything that would mean something outside them.
const CONTENT: &str = r#"[a-c:;$'"\\/*\-\[\] \né1]{0,8}"#;

fn quoted() -> impl Strategy<Value = String> {
    (CONTENT, 0..9_u8).prop_map(|(content, form)| {
        let doubled = content.replace('\'', "''");
        match form {
            0 => format!("'{doubled}'"),
            1 => format!("E'{}'", content.replace('\\', r"\\").replace('\'', r"\'")),
            2 => format!("e'{}'", doubled.replace('\\', r"\\")),
            3 => format!("U&'{doubled}'"),
            4 => format!("N'{doubled}'"),
            5 => format!("\"{}\"", content.replace('"', "\"\"")),
            6 => format!("$q_1$ {content} $q_1$"),
            7 => format!("$${}$$", content.replace('$', "")),
            _ => format!("/* {} */", content.replace(['/', '*'], "")),
        }
    })
}

fn plain() -> impl Strategy<Value = Piece> {
    let fixed = prop::sample::select(vec![
        "select",
        "a",
        "a$1",
        "tag$x$",
        "naïve",
        "1",
        "1.5e-3",
        ".5",
        "a::int",
        "::text",
        "f(x := 1)",
        "a[1:n]",
        "a[:n]",
        "a[ :n ]",
        "a[1:]",
        "a[:n+1]",
        "a[b[1]:n]",
        "a[lower:upper]",
        "a[b[:m]:n][:o]",
        "t.array[:n]",
        "array[x[:n]]",
        "+",
        "->>",
        "@>",
        "<=",
        ",",
        "(1)",
        "-- :c '\n",
        "--\n",
        "/* /* :c ' */ */",
        "x'1f'",
        "B'01'",
        "json_object('a': 1)",
        "e",
        "U&",
    ]);
    prop_oneof![fixed.prop_map(str::to_owned), quoted(),].prop_map(Piece::Plain)
}

fn parameters() -> impl Strategy<Value = Piece> {
    let name = || prop::sample::select(vec!["a", "b", "c", "name_1", "é", "e", "u", "array"]);
    let frame = prop::sample::select(vec![
        ("", "", ""),
        ("(", "=", ")"),
        ("x=", "||", ""),
        ("x->", "::text <@", "::int[]"),
        ("array[", ", ", "]"),
        ("array[[", ",1],[", ",2]]"),
        ("ARRAY /* [ */ [x[:n], ", ", y[1:n], ", "][:n]"),
        ("x[(", "):(", ")]"),
        ("x[y[:n]:f(", ", ", ")]"),
        ("f(p:=", ",q := ", ")"),
        ("'", "", ""),
    ]);
    (frame, name(), name()).prop_map(|((before, between, after), first, second)| {
        let pieces = match (before, between) {
            // A string directly before the parameter, and only one parameter.
            ("'", _) => vec![("';:x'".to_owned(), first.to_owned())],
            ("", "") => vec![(String::new(), first.to_owned())],
            _ => vec![
                (before.to_owned(), first.to_owned()),
                (between.to_owned(), second.to_owned()),
            ],
        };
        Piece::Parameters(pieces, after.to_owned())
    })
}

/// The text of `pieces`, the expected SQL and the expected names.
fn assemble(pieces: &[Piece]) -> (String, String, Vec<String>) {
    let (mut text, mut sql, mut names) = (String::new(), String::new(), Vec::<String>::new());
    for piece in pieces {
        match piece {
            Piece::Plain(plain) => {
                text.push_str(plain);
                sql.push_str(plain);
            }
            Piece::Parameters(parameters, after) => {
                for (before, name) in parameters {
                    if !names.contains(name) {
                        names.push(name.clone());
                    }
                    let number = names.iter().position(|known| known == name).unwrap() + 1;
                    text.push_str(&format!("{before}:{name}"));
                    sql.push_str(&format!("{before}${number}"));
                }
                text.push_str(after);
                sql.push_str(after);
            }
        }
        text.push(' ');
        sql.push(' ');
    }
    (text, sql, names)
}

/// Text that is mostly made of what has a meaning for the lexer.
fn any_text() -> impl Strategy<Value = String> {
    let fragments = prop::sample::select(vec![
        "'",
        "''",
        "E'",
        "e'\\'",
        "U&'",
        "U&\"",
        "\"",
        "$",
        "$$",
        "$a$",
        "$1",
        ":",
        "::",
        ":=",
        ":a",
        ":'x'",
        "--",
        "/*",
        "*/",
        "\n",
        "\r",
        " ",
        "\\",
        "[",
        "]",
        "(",
        ")",
        ",",
        ".",
        ";",
        "a",
        "é",
        "array",
        "1",
        "1e",
        "+",
        "-",
        "/",
        "*",
        "begin ",
        "atomic ",
        "end ",
        "commit ",
        "create ",
        "function ",
        "\0",
        "日",
        "\u{a0}",
    ]);
    prop_oneof![
        vec(fragments, 0..24).prop_map(|fragments| fragments.concat()),
        any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parameters_are_found_where_they_were_put(
        pieces in vec(prop_oneof![plain(), parameters()], 0..8),
    ) {
        let (text, sql, names) = assemble(&pieces);
        let statement = NamedStatement::parse(&text).unwrap();
        prop_assert_eq!(statement.sql(), sql);
        prop_assert_eq!(statement.names(), &names);
    }

    #[test]
    fn a_text_without_parameters_stays_as_it_is(pieces in vec(plain(), 0..8)) {
        let (text, _, _) = assemble(&pieces);
        let statement = NamedStatement::parse(&text).unwrap();
        prop_assert_eq!(statement.sql(), &text);
        prop_assert!(statement.names().is_empty());
    }

    #[test]
    fn any_text_is_taken_apart_without_loss(text in any_text()) {
        let tokens: Vec<_> = Lexer::new(&text).map_while(Result::ok).collect();
        let mut end = 0;
        for token in &tokens {
            prop_assert_eq!(token.start, end);
            prop_assert!(!token.text.is_empty());
            end = token.end();
            prop_assert_eq!(token.text, &text[token.start..end]);
        }
        let failed = Lexer::new(&text).any(|token| token.is_err());
        prop_assert_eq!(failed, end < text.len());
    }

    #[test]
    fn any_text_is_answered(text in any_text()) {
        let control = transaction_control(&text);
        let keyword = leading_keyword(&text);
        prop_assert!(keyword.is_none_or(|keyword| text.contains(keyword)));

        let parts: Result<Vec<_>, _> = statements(&text).collect();
        if let Ok(parts) = parts {
            // Each statement by itself is one statement, and one of them is the control.
            for part in &parts {
                prop_assert_eq!(statements(part).collect::<Vec<_>>(), vec![Ok(*part)]);
            }
            let first = parts.iter().find_map(|part| transaction_control(part));
            prop_assert_eq!(control, first);
        }
    }

    #[test]
    fn what_was_rewritten_has_no_named_parameters_left(text in any_text()) {
        if let Ok(statement) = NamedStatement::parse(&text) {
            let again = NamedStatement::parse(statement.sql()).unwrap();
            prop_assert_eq!(again.sql(), statement.sql());
            prop_assert!(again.names().is_empty());
            let order = statement.bind_order(statement.names().iter().map(String::as_str));
            prop_assert_eq!(order.unwrap(), (0..statement.names().len()).collect::<Vec<_>>());
        }
    }
}

/// A quarter of a million bytes take milliseconds; time that grows with the square would be minutes.
#[test]
fn time_is_linear_in_the_length() {
    let started = Instant::now();
    for unit in [
        "''\n",
        "'' ",
        "'' --\n",
        "E'\\'' ",
        "\"\"",
        "$a",
        "$a$b$a$ ",
        "$a$",
        "/*",
        "/**/",
        "+/**/",
        "+",
        "-",
        "[",
        "a[:n",
        "array[",
        "(",
        "]",
        ":a ",
        ":é$ ",
        "::",
        ";",
        "; ",
        "begin;",
        "prepare a;",
        "1.",
        "create function begin atomic;",
        "'';",
        "a -- ;\n",
        "select /* ; */ ';';",
    ] {
        let text = unit.repeat(256 * 1024 / unit.len());
        let _ = NamedStatement::parse(&text);
        let _ = transaction_control(&text);
        let _ = statements(&text).count();
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "slow at {unit:?}"
        );
    }
}

#[test]
fn many_names_are_bound_and_reported_in_time() {
    let started = Instant::now();
    let names: Vec<String> = (0..60_000).map(|n| format!("name_{n}")).collect();
    let text: String = names.iter().map(|name| format!(":{name} ")).collect();
    let statement = NamedStatement::parse(&text).unwrap();
    assert!(
        statement
            .bind_order(names.iter().map(String::as_str))
            .is_ok()
    );
    let others: Vec<String> = names.iter().map(|name| format!("{name}_")).collect();
    assert!(
        statement
            .bind_order(others.iter().map(String::as_str))
            .is_err()
    );
    assert!(started.elapsed() < Duration::from_secs(20));
}
