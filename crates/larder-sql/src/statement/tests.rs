use super::*;

fn split(text: &str) -> Vec<&str> {
    statements(text)
        .map(|statement| statement.unwrap())
        .collect()
}

#[test]
fn semicolons_separate_and_empty_statements_vanish() {
    assert_eq!(split("a;b"), ["a", "b"]);
    assert_eq!(
        split(" ;; -- c\n a ; /* d */ ; b /* e */ c -- f"),
        ["a", "b /* e */ c"]
    );
    assert_eq!(split(""), [""; 0]);
    assert_eq!(split(" ; -- a;b"), [""; 0]);
}

#[test]
fn semicolons_inside_are_part_of_the_statement() {
    for text in [
        "select ';', E'\\';', \";\", $$;$$, $a$ ; $a$",
        "a /* ; */ b",
        "a -- ;\n b",
        "create rule r as on insert to t do (a; b)",
        "do $$ begin commit; end $$",
    ] {
        assert_eq!(split(text), [text]);
        assert_eq!(split(&format!("x;{text};y")), ["x", text, "y"]);
    }
}

#[test]
fn the_body_of_a_routine_is_part_of_its_statement() {
    for text in [
        "create function f() returns int begin atomic select 1; select 2; end",
        "CREATE OR REPLACE PROCEDURE p() LANGUAGE sql BEGIN /* */ ATOMIC SELECT 1; END",
        "create function f(a int) returns int immutable begin atomic \
         select case when a > 1 then 2 else 3 end; select 1 as end; select 2 end; end",
        "create function begin() returns int begin atomic select (1); end",
    ] {
        assert_eq!(split(text), [text]);
        assert_eq!(split(&format!("{text};y")), [text, "y"]);
    }
}

#[test]
fn begin_elsewhere_opens_no_body() {
    assert_eq!(split("begin; commit"), ["begin", "commit"]);
    assert_eq!(split("begin atomic; commit"), ["begin atomic", "commit"]);
    assert_eq!(
        split("create table t(begin atomic); commit"),
        ["create table t(begin atomic)", "commit"]
    );
    assert_eq!(
        split("create function f(begin atomic) returns int as ''; commit"),
        [
            "create function f(begin atomic) returns int as ''",
            "commit"
        ]
    );
    assert_eq!(
        split("create function f() begin as ''; atomic; commit").len(),
        3
    );
    for text in [
        "create view begin atomic; commit",
        "alter function begin atomic; commit",
        "create function f() returns atomic as ''; commit",
    ] {
        assert_eq!(split(text).len(), 2, "{text}");
    }
}

#[test]
fn unbalanced_parentheses_do_not_hide_what_follows() {
    assert_eq!(split("a); b"), ["a)", "b"]);
}

#[test]
fn an_error_ends_the_statements() {
    let mut found = statements("a; 'b");
    assert_eq!(found.next(), Some(Ok("a")));
    assert!(found.next().unwrap().is_err());
    assert_eq!(found.next(), None);
}

#[test]
fn the_leading_keyword_is_the_first_word() {
    assert_eq!(leading_keyword("select 1"), Some("select"));
    assert_eq!(leading_keyword(" ;-- a\n/* b */ ((WITH x"), Some("WITH"));
    for text in ["", ";", "'a'", "\"select\" 1", "1", "'a"] {
        assert_eq!(leading_keyword(text), None, "{text}");
    }
}
