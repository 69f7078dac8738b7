use super::*;
use crate::error::ErrorKind;

/// The rewritten text and the names, which are one-word strings.
fn parse(text: &str) -> (String, String) {
    let statement = NamedStatement::parse(text).unwrap();
    (statement.sql().to_owned(), statement.names().join(" "))
}

#[track_caller]
fn assert_rewritten(cases: &[(&str, &str, &str)]) {
    for (text, sql, names) in cases {
        assert_eq!(
            parse(text),
            ((*sql).to_owned(), (*names).to_owned()),
            "{text}"
        );
    }
}

#[track_caller]
fn assert_unchanged(texts: &[&str]) {
    for text in texts {
        assert_eq!(parse(text), ((*text).to_owned(), String::new()));
    }
}

fn error(text: &str) -> Error {
    NamedStatement::parse(text).unwrap_err()
}

#[test]
fn one_name_is_one_number_in_order_of_appearance() {
    assert_rewritten(&[
        ("select :b, :a, :b", "select $1, $2, $1", "b a"),
        ("select :A, :a", "select $1, $2", "A a"),
        ("select :_é$1, :日本", "select $1, $2", "_é$1 日本"),
        (
            ":a :b :c :d :e :f :g :h :i :j",
            "$1 $2 $3 $4 $5 $6 $7 $8 $9 $10",
            "a b c d e f g h i j",
        ),
    ]);
}

#[test]
fn casts_and_named_notation_are_no_parameters() {
    assert_unchanged(&[
        "select a::int, '1'::text",
        "select f(x := 1, y:=b)",
        "select a:::: b",
    ]);
    assert_rewritten(&[
        ("select :x::text", "select $1::text", "x"),
        ("select array[:x]::int[]", "select array[$1]::int[]", "x"),
        (
            "select f(x := :x, y:=:y)",
            "select f(x := $1, y:=$2)",
            "x y",
        ),
        ("select a:::b", "select a::$1", "b"),
    ]);
}

#[test]
fn quotes_and_comments_are_left_alone() {
    assert_unchanged(&[
        "select ':a', 'it''s :a', '\\', E'\\' :a', e':a', U&':a', B':a', N':a', X':a'",
        r#"select ":a", "x"" :a", U&":a""#,
        "select $$ :a $$, $t$ :a $$ :b $t$",
        "select 1 -- :a ' \n, 2 /* :a /* ' */ :b */",
        "select 'a'\n' :a'",
        "select E'a'\n'\\' :a'",
        "select a$1, tag$x$ , $1 + $2",
    ]);
    assert_rewritten(&[
        ("'\\' :a", "'\\' $1", "a"),
        ("-- it's\n:a", "-- it's\n$1", "a"),
        ("/* /* */ :b */ :a", "/* /* */ :b */ $1", "a"),
    ]);
    // `a$t$` is a word, so what follows is outside quotes, and the last quote has no end.
    assert_eq!(
        error("select a$t$, :x, $t$").kind(),
        ErrorKind::Unterminated
    );
    assert_rewritten(&[("a$t$ :x $", "a$t$ $1 $", "x")]);
}

#[test]
fn a_colon_in_a_subscript_separates_bounds() {
    assert_unchanged(&[
        "a[1:n]",
        "a[:n]",
        "a[ :i ]",
        "a[1:]",
        "a[:]",
        "a[:n+1]",
        "a[lower:upper]",
        "a[lower :upper]",
        "a[b[1]:n]",
        "a[b[:m]:n]",
        "a[1:2][:n]",
        "a /* */ [:n]",
        "(a)[:n]",
        "(array[1, 2])[:n]",
        "array[1, 2][:n]",
        "array[x[:n], y[1:n]]",
        "a['1':'2']",
        "a[:e'1']",
        "t.array[:n]",
        "\"array\"[:n]",
        "a[array[1, 2]:n]",
        "f(a[:n])",
        "a[1::int:n]",
    ]);
    assert_rewritten(&[
        (":x[:n]", "$1[:n]", "x"),
        (":array[:n]", "$1[:n]", "array"),
        ("a[:n] || :n", "a[:n] || $1", "n"),
        ("(a[1:n], :x)", "(a[1:n], $1)", "x"),
    ]);
}

#[test]
fn parentheses_in_a_subscript_bring_parameters_back() {
    assert_rewritten(&[
        ("a[(:i)]", "a[($1)]", "i"),
        ("a[1:(:n)]", "a[1:($1)]", "n"),
        ("a[(:m):(:n)]", "a[($1):($2)]", "m n"),
        ("a[f(:x):n]", "a[f($1):n]", "x"),
        ("a[(b[:n] + :x):n]", "a[(b[:n] + $1):n]", "x"),
    ]);
}

#[test]
fn an_array_constructor_has_parameters() {
    assert_rewritten(&[
        ("array[:x, :y]", "array[$1, $2]", "x y"),
        ("ARRAY [:x]", "ARRAY [$1]", "x"),
        (
            "array[[:a,:b],[:c,:d]]",
            "array[[$1,$2],[$3,$4]]",
            "a b c d",
        ),
        (
            "array[[[:a]], /* */ [[:b]]]",
            "array[[[$1]], /* */ [[$2]]]",
            "a b",
        ),
        ("array[a[:n], :x]", "array[a[:n], $1]", "x"),
        ("array[:x][:n]", "array[$1][:n]", "x"),
        ("array[:x[:n]]", "array[$1[:n]]", "x"),
        ("a[array[:x]:n]", "a[array[$1]:n]", "x"),
        ("array[f(:a, b[:n]), :c]", "array[f($1, b[:n]), $2]", "a c"),
        ("a[1:n] = array[:x]", "a[1:n] = array[$1]", "x"),
    ]);
}

#[test]
fn operators_do_not_swallow_the_colon() {
    assert_rewritten(&[
        ("a <:b", "a <$1", "b"),
        ("a=:b", "a=$1", "b"),
        ("a||:b", "a||$1", "b"),
        ("a->:b", "a->$1", "b"),
        ("a@>:b", "a@>$1", "b"),
        ("a ?:b", "a ?$1", "b"),
        ("-:b+:c", "-$1+$2", "b c"),
        (":a&:b", "$1&$2", "a b"),
        // A name before a quote is a name, not the prefix of a string.
        (":u&'1'", "$1&'1'", "u"),
        (":e'\\'", "$1'\\'", "e"),
    ]);
}

#[test]
fn a_space_keeps_a_parameter_apart_from_a_word() {
    assert_rewritten(&[
        ("limit:n", "limit $1", "n"),
        ("1:n", "1 $1", "n"),
        (":a:b", "$1 $2", "a b"),
        ("é:n", "é $1", "n"),
        ("$:a$", "$ $1", "a$"),
        ("(:n)", "($1)", "n"),
    ]);
}

#[test]
fn other_colons_are_left_alone() {
    assert_unchanged(&[
        "json_object('a': 1)",
        "json_object('a': b, 'c':1, 'd' : 'e')",
        "a : b",
        ":",
        ":1",
        ":(a)",
        "a :",
        ":/* */a",
    ]);
    assert_rewritten(&[("json_object('a': :b)", "json_object('a': $1)", "b")]);
}

#[test]
fn closing_what_is_not_open_does_no_harm() {
    assert_rewritten(&[
        (")] :a", ")] $1", "a"),
        ("a[) :n] :a", "a[) :n] $1", "a"),
        ("(] :a", "(] $1", "a"),
        ("a[(] :a", "a[(] $1", "a"),
    ]);
}

#[test]
fn quotes_after_a_colon_are_refused_with_a_cure() {
    for text in ["select\n :'x'", "select\n :\"x\""] {
        let error = error(text);
        assert_eq!(error.kind(), ErrorKind::QuotedParameter);
        assert_eq!(error.position().unwrap().to_string(), "line 2, column 2");
        assert!(error.to_string().contains("written :name without quotes"));
    }
}

#[test]
fn positional_parameters_cannot_be_mixed_in() {
    let texts = ["select :a, $1", "select $1, :a", "select a[$1:(:a)]"];
    let expected = [
        "positional parameter $1 at line 1, column 12 beside the named parameter :a at line 1, column 8",
        "positional parameter $1 at line 1, column 8 beside the named parameter :a at line 1, column 12",
        "positional parameter $1 at line 1, column 10 beside the named parameter :a at line 1, column 14",
    ];
    for (text, expected) in texts.into_iter().zip(expected) {
        let error = error(text);
        assert_eq!(error.kind(), ErrorKind::MixedParameters);
        assert_eq!(
            error.to_string(),
            format!("parse the statement: {expected}: use one way for all of them")
        );
    }
    assert_rewritten(&[(
        "'$1' \"$2\" $$ $3 $$ a$4 :a -- $5",
        "'$1' \"$2\" $$ $3 $$ a$4 $1 -- $5",
        "a",
    )]);
}
