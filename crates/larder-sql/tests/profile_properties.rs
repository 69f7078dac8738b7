//! Properties of classification that hold for any text, or for every statement of the corpus.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use larder_sql::{Effect, Lexer, StatementKind, TokenKind, UnknownReason, classify};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// The statements of the corpus whose quotes and comments end.
fn statements() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    std::fs::read_dir(folder)
        .unwrap()
        .flat_map(|file| {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let cases: Vec<String> = text
                .split("\n\n")
                .map(|case| {
                    let lines = case.lines();
                    let kept: Vec<_> = lines.filter(|line| !line.starts_with(['#', '='])).collect();
                    kept.join("\n")
                })
                .collect();
            cases
        })
        .filter(|statement| Lexer::new(statement).all(|token| token.is_ok()))
        .collect()
}

/// What may stand between two tokens and means nothing.
fn filler() -> impl Strategy<Value = &'static str> {
    select(vec![
        " ",
        "\t ",
        "/* ; */",
        " /* ' /* \" */ $1 */ ",
        "\n",
        " -- ; from x '\n",
        "\r",
        " --\r",
    ])
}

/// `statement` with other fillers and words in another case of their letters.
fn rewritten(statement: &str, fillers: &[&str], upper: &[bool]) -> String {
    let tokens: Vec<_> = Lexer::new(statement).map(Result::unwrap).collect();
    let tokens: Vec<_> = tokens
        .iter()
        .filter(|token| token.is_significant())
        .collect();
    let mut text = String::new();
    let mut previous_end = 0;
    let mut after_string = false;
    for (at, token) in tokens.iter().enumerate() {
        let filler = fillers[at % fillers.len()];
        if token.start > previous_end || filler.starts_with('/') {
            // Two strings with a line end between them would become one.
            let joins = after_string && token.kind == TokenKind::String;
            text.push_str(if joins { " " } else { filler });
        }
        let letters = if token.kind == TokenKind::Word && upper[at % upper.len()] {
            token.text.to_ascii_uppercase()
        } else {
            token.text.to_owned()
        };
        text.push_str(&letters);
        previous_end = token.end();
        after_string = token.kind == TokenKind::String;
    }
    text
}

/// A value, as text.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u32>().prop_map(|number| number.to_string()),
        any::<f32>()
            .prop_filter("has an exponent or a fraction", |number| number.is_finite())
            .prop_map(|number| format!("{:e}", number.abs())),
        "[ -~]{0,10}".prop_map(|text| format!("'{}'", text.replace('\'', "''"))),
        "[a-z ();]{0,10}".prop_map(|text| format!("$q${text}$q$")),
        (1..99_u32).prop_map(|number| format!("${number}")),
        "[0-9a-f]{2}".prop_map(|digits| format!("x'{digits}'")),
    ]
}

fn identifier() -> impl Strategy<Value = String> {
    "[a-z][a-z_]{0,5}".prop_map(|name| format!("{name}_1"))
}

fn pieces_of_sql() -> impl Strategy<Value = String> {
    let words = select(vec![
        "select",
        "from",
        "where",
        "with",
        "recursive",
        "as",
        "insert",
        "into",
        "values",
        "update",
        "set",
        "delete",
        "using",
        "merge",
        "when",
        "matched",
        "then",
        "on",
        "conflict",
        "do",
        "nothing",
        "returning",
        "copy",
        "truncate",
        "table",
        "only",
        "for",
        "share",
        "of",
        "a",
        "b",
        "\"Q\"",
        "(",
        ")",
        "[",
        "]",
        ",",
        ".",
        ";",
        "*",
        "=",
        "::",
        "1",
        "'x'",
        "$1",
        "join",
        "lateral",
        "rows",
        "in",
        "array",
        "union",
        "create",
        "temp",
        "explain",
        "analyze",
        "declare",
        "cursor",
        "refresh",
        "materialized",
        "view",
        "current",
        "exclude",
        "xmlelement",
        "name",
        "values",
        "default",
        "isnull",
        "case",
        "end",
        "not",
        "between",
        "symmetric",
        "->>",
        "U&\"\\0061\"",
        "uescape",
        "fetch",
        "next",
        "limit",
        "all",
        "any",
        "json_table",
        "row",
    ]);
    vec(words, 0..30).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_classified(text in prop_oneof![any::<String>(), pieces_of_sql()]) {
        let profile = classify(&text);
        prop_assert_eq!(profile.unknown_reason().is_some(), matches!(profile.effect, Effect::Unknown(_)));
        if profile.is_plain_read() {
            prop_assert!(profile.writes.is_empty());
        }
        if profile.effect == Effect::Write {
            prop_assert!(!profile.writes.is_empty());
        }
    }

    #[test]
    fn whitespace_comments_and_case_change_nothing(
        statement in any::<Index>(),
        fillers in vec(filler(), 1..8),
        upper in vec(any::<bool>(), 1..8),
    ) {
        let statements = statements();
        let statement = &statements[statement.index(statements.len())];
        let other = rewritten(statement, &fillers, &upper);
        prop_assert_eq!(classify(statement), classify(&other), "{}", other);
    }

    #[test]
    fn values_do_not_change_the_fingerprint(
        first in vec(value(), 4..9),
        second in vec(value(), 4..9),
        table in identifier(),
        column in identifier(),
    ) {
        let text = |values: &[String]| format!(
            "insert into {table} ({column}) select f({}) from {table} where {column} in ({}) \
             and x = any(array[{}]) and y = {}",
            values[0], values[1..].join(", "), values[2..].join(","), values[3],
        );
        let (one, other) = (classify(&text(&first)), classify(&text(&second)));
        prop_assert_eq!(one.fingerprint, other.fingerprint);
        prop_assert_eq!(&one.normalised, &other.normalised);
        prop_assert_eq!(one.effect, Effect::Write);
        prop_assert_eq!(one.writes, other.writes);
        let text = |values: &[String]| format!("insert into {table} values ({})", values.join("), ("));
        prop_assert_eq!(classify(&text(&first)).fingerprint, classify(&text(&second)).fingerprint);
    }

    #[test]
    fn names_change_the_fingerprint(
        table in identifier(),
        other_table in identifier(),
        column in identifier(),
        other_column in identifier(),
    ) {
        let text = |table: &str, column: &str| format!("select {column} from {table} where id = 1");
        let same = table == other_table && column == other_column;
        let one = classify(&text(&table, &column));
        let other = classify(&text(&other_table, &other_column));
        prop_assert_eq!(one.fingerprint == other.fingerprint, same);
        prop_assert_eq!(one.normalised == other.normalised, same);
    }

    #[test]
    fn a_normalised_text_shows_no_value(secret in "[a-z]{12}") {
        let text = format!(
            "select * from t where a = '{secret}' and b = E'{secret}' and c = $q${secret}$q$ \
             -- {secret}\n and d in ('x', '{secret}') /* {secret} */",
        );
        let profile = classify(&text);
        let shown = format!("{profile:?}");
        prop_assert!(!shown.contains(&secret), "{}", shown);
        // Where it is not parsed, the reason must not show one either.
        let broken = classify(&text.replace(" in ", " inn "));
        prop_assert!(broken.unknown_reason().is_some());
        let shown = format!("{broken:?}");
        prop_assert!(!shown.contains(&secret), "{}", shown);
    }
}

/// What is shown says all that matters: with values put back in, it is the same statement.
#[test]
fn a_normalised_text_is_the_statement_itself() {
    let mut compared = 0;
    for statement in statements() {
        let profile = classify(&statement);
        let has_value =
            Lexer::new(&statement).any(|token| token.is_ok_and(|token| token.text.contains('?')));
        let again = classify(&profile.normalised.replace('?', "'x'"));
        if !has_value && profile.unknown_reason().is_none() {
            compared += 1;
            assert_eq!(again.fingerprint, profile.fingerprint, "{statement}");
            assert_eq!(again.normalised, profile.normalised, "{statement}");
            // A string does not stand where a number must: then it is not parsed.
            if again.unknown_reason().is_none() {
                assert_eq!(again.reads, profile.reads, "{statement}");
                assert_eq!(again.writes, profile.writes, "{statement}");
            }
        }
    }
    assert!(compared > 300, "{compared}");
}

/// The algorithm and what goes into it are fixed: a number that is kept somewhere stays right.
#[test]
fn fingerprints_are_the_same_in_every_build() {
    let profile = classify("SELECT * FROM restaurants WHERE id IN (1, 2)");
    assert_eq!(profile.fingerprint.to_string(), "b6d4a547d9fbe9ac");
    assert_eq!(
        &*profile.normalised,
        "select * from restaurants where id in (?)"
    );
}

#[test]
fn normalised_texts_read_well() {
    for (text, normalised) in [
        (
            "SELECT Count( * ),a [ 1 ] FROM \"T\" . x WHERE a=-1 AND b IN(1,-2, $3)AND f( 1,2 )",
            "select count(*), a[?] from \"T\".x where a = - ? and b in (?) and f(?, ?)",
        ),
        (
            "INSERT INTO t (a, b) VALUES (1, 'x'), ($1, DEFAULT), (f(3), 4) ON CONFLICT DO NOTHING",
            "insert into t(a, b) values (?, ?), (f(?), ?) on conflict do nothing",
        ),
        (
            "select x::int, array[1,2], 'a' 'b' ; ; select U&\"\\0061\"; ",
            "select x::int, array[?], ? ?; select \"a\"",
        ),
    ] {
        assert_eq!(&*classify(text).normalised, normalised);
    }
}

#[test]
fn what_is_too_long_is_refused() {
    let long = |length: usize| format!("select '{}'", "x".repeat(length));
    assert_eq!(classify(&long(1 << 19)).effect, Effect::Read);
    let profile = classify(&long(1 << 20));
    assert_eq!(profile.kind, StatementKind::Other);
    assert_eq!(profile.unknown_reason(), Some(&UnknownReason::TooLong));
    assert_eq!(&*profile.normalised, "select ...");
    assert_ne!(
        profile.fingerprint,
        classify(&long((1 << 20) + 1)).fingerprint
    );
    let many = "select 1;".repeat(1_001);
    assert_eq!(
        classify(&many).unknown_reason(),
        Some(&UnknownReason::TooLong)
    );
    let deep = format!("select {}1{}", "(".repeat(65), ")".repeat(65));
    assert_eq!(
        classify(&deep).unknown_reason(),
        Some(&UnknownReason::TooDeep)
    );
}
