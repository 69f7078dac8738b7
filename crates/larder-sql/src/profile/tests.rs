//! Hostile texts, and what the corpus cannot show.

use std::time::{Duration, Instant};

use super::*;

/// Every text is classified in bounded time on the small stack of a thread.
#[test]
fn hostile_texts_neither_overflow_the_stack_nor_take_long() {
    let repeated = |part: &str, times: usize| part.repeat(times);
    let nested = |open: &str, middle: &str, close: &str, times: usize| {
        format!("{}{middle}{}", open.repeat(times), close.repeat(times))
    };
    let mut texts = Vec::new();
    for times in [10, 20, 30, 60, 150, 4_900, 9_900, 100_000] {
        for (open, middle, close) in [
            ("(", "select 1", ")"),
            ("select * from (", "a", ") x"),
            ("select * from (", "select 1", ") x"),
            ("select (", "1", ")"),
            ("select a in (", "1", ")"),
            ("select f(", "1", ")"),
            ("with a as (", "select 1", ") select 1"),
            ("select case when ", "a", " then b end"),
            ("select array[", "1", "]"),
            ("insert into a values (", "1", ")"),
            ("values (", "1", ")"),
            ("explain ", "select 1", ""),
            ("explain (", "select 1", ")"),
            ("copy (", "select 1", ") to stdout"),
            ("create table a as ", "select 1", ""),
            ("select ", "1", ""),
            ("table ", "a", ""),
            ("only (", "a", ")"),
        ] {
            texts.push(nested(open, middle, close, times));
        }
        for (before, open, middle, close) in [
            ("select ", "(", "1", ")"),
            ("select * from ", "(", "a join b on true", ")"),
            ("select * from ", "(", "select 1", ") x"),
            ("select * from t where ", "(", "a", " and b)"),
            ("select * from ", "(", "a", " join b on true)"),
            ("select * from a where x in ", "(", "select 1", ")"),
            ("select * from a where ", "not ", "b", ""),
            ("select ", "-", "1", ""),
            ("select ", "- ", "1", ""),
            ("select ", "array[", "1", "]"),
            ("select ", "f(", "1", ")"),
            ("select ", "case when a then ", "1", " end"),
            ("select ", "cast(", "1", " as int)"),
        ] {
            texts.push(format!("{before}{}", nested(open, middle, close, times)));
        }
        for (before, part) in [
            ("select 1", " + 1"),
            ("select a", " || b"),
            ("select 1", " union select 1"),
            ("select a", ", a"),
            ("select a", "::int"),
            ("select a", ".b"),
            ("select a", "[1]"),
            ("select * from a", " join b on true"),
            ("select * from a", ", b"),
            ("select * from a where b", " and c"),
            ("select * from a where b", " is null"),
            ("select * from a where b in (1", ", 1"),
            ("insert into a values (1)", ", (1)"),
            ("insert into a values (f(1))", ", (g(b))"),
            ("with a as (select 1)", ", b as (select 1)"),
            ("select 1", "; select 1"),
            ("", "values ("),
            ("", "for update of a, "),
            ("select ", "on conflict ("),
            ("", "returning with ("),
            ("", "exclude "),
        ] {
            texts.push(format!("{before}{}", repeated(part, times)));
        }
    }
    for text in texts {
        let started = Instant::now();
        let profile = classify(&text);
        let took = started.elapsed();
        let shown: String = text.chars().take(60).collect();
        assert!(
            took < Duration::from_secs(5),
            "{shown} ({} bytes): {took:?}, {:?}",
            text.len(),
            profile.effect
        );
    }
}
