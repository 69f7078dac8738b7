//! Getting the plans of statements, with and without values.

use std::sync::atomic::{AtomicU64, Ordering};

use larder_database::Connection;
use larder_sql::{Lexer, TokenKind};
use serde_json::Value;

use crate::connection::{Refusal, Unanswered, explain, run};

/// Makes the server plan for any values instead of for those of one call. For the transaction.
pub(super) const GENERIC: &str = "SET LOCAL plan_cache_mode = force_generic_plan";

/// The plan of a statement. One with `$1` in place of values is prepared, and planned for any
/// values. With `is_run` it is run, if it has values and only reads.
pub(super) async fn plan(
    connection: &mut Connection,
    text: &str,
    is_run: bool,
) -> Result<Value, Unanswered> {
    let Some(parameters) = only_statement(text).map(parameters) else {
        return Err(Unanswered::Refused(Refusal {
            why: "it is not one statement".to_owned(),
            cure: "give one statement at a time",
        }));
    };
    if parameters == 0 {
        let options = match is_run {
            true => "ANALYZE, BUFFERS, VERBOSE, FORMAT JSON",
            false => "VERBOSE, FORMAT JSON",
        };
        return explain(connection, &format!("EXPLAIN ({options}) {text}")).await;
    }
    // A prepared statement is there until it is told to go, whatever becomes of the transaction.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("larder_analysis_{}_{number}", std::process::id());
    run(connection, &format!("PREPARE {name} AS {}", cast(text))).await?;
    let values = vec!["NULL"; parameters].join(", ");
    let question = format!("EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE {name}({values})");
    let explained = explain(connection, &question).await;
    run(connection, &format!("DEALLOCATE {name}")).await?;
    explained
}

/// The text without what would end it, if it is one statement.
pub(super) fn only_statement(text: &str) -> Option<&str> {
    let mut statements = larder_sql::statements(text);
    match (statements.next(), statements.next()) {
        (Some(Ok(only)), None) => Some(only),
        _ => None,
    }
}

/// The number of the last parameter.
fn parameters(text: &str) -> usize {
    let tokens = Lexer::new(text).flatten();
    let positional = tokens.filter(|token| token.kind == TokenKind::Positional);
    let numbers = positional.filter_map(|token| token.text.trim_start_matches('$').parse().ok());
    numbers.max().unwrap_or(0)
}

/// `interval '1 day'` becomes `interval $1` where values are left out, which is no SQL: here it is
/// `$1::interval`.
fn cast(text: &str) -> String {
    const TYPES: [&str; 10] = [
        "interval",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "uuid",
        "json",
        "jsonb",
        "inet",
        "numeric",
    ];
    let mut tokens: Vec<(TokenKind, String)> = Lexer::new(text)
        .flatten()
        .map(|token| (token.kind, token.text.to_owned()))
        .collect();
    for place in 2..tokens.len() {
        let before = tokens[place - 2].1.to_ascii_lowercase();
        let is_apart = tokens[place - 1].0 == TokenKind::Whitespace;
        let is_value = tokens[place].0 == TokenKind::Positional;
        if is_value && is_apart && TYPES.contains(&before.as_str()) {
            tokens[place - 2].1.clear();
            tokens[place].1 += &format!("::{before}");
        }
    }
    tokens.into_iter().map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_a_type_become_casts() {
        assert_eq!(
            cast("SELECT now() - INTERVAL $1"),
            "SELECT now() -  $1::interval"
        );
        assert_eq!(
            cast("SELECT a.date, $1 LIMIT $2"),
            "SELECT a.date, $1 LIMIT $2"
        );
    }

    #[test]
    fn parameters_are_counted_outside_of_texts() {
        assert_eq!(parameters("SELECT $2, $1, '$7' -- $9"), 2);
        assert_eq!(parameters("SELECT 1"), 0);
        assert_eq!(only_statement("SELECT 1; "), Some("SELECT 1"));
        assert_eq!(only_statement("SELECT 1; DROP TABLE x"), None);
        assert_eq!(only_statement(""), None);
    }
}
