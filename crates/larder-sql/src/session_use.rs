//! What a statement leaves on its session beyond the end of its transaction, by its own words.

use std::borrow::Cow;

use crate::lexer::{Lexer, Token, TokenKind};
use crate::statement::statements;

#[cfg(test)]
mod tests;

/// The words by which a statement in `text` changes or uses what only a session has, and what
/// outlasts a transaction: settings, prepared statements, subscriptions, cursors `WITH HOLD`,
/// temporary tables, locks of the session. `None` if there are none.
///
/// A pooler that lends a connection of the server for one transaction cannot carry these: they
/// stay with whoever gets that connection next. What ends with the transaction does not count,
/// such as `SET LOCAL` and `set_config` whose last argument is `true`. What a function or a
/// `DO` block does inside is not seen.
///
/// ```
/// use larder_sql::session_use;
///
/// assert_eq!(session_use("set statement_timeout = 0").as_deref(), Some("SET"));
/// assert_eq!(session_use("set local statement_timeout = 0"), None);
/// assert_eq!(session_use("select pg_advisory_lock(1)").as_deref(), Some("pg_advisory_lock"));
/// ```
#[must_use]
pub fn session_use(text: &str) -> Option<Cow<'static, str>> {
    statements(text)
        .map_while(Result::ok)
        .find_map(of_statement)
}

fn of_statement(statement: &str) -> Option<Cow<'static, str>> {
    let tokens: Vec<Token<'_>> = Lexer::new(statement)
        .map_while(Result::ok)
        .filter(Token::is_significant)
        .collect();
    by_command(&tokens)
        .map(Cow::Borrowed)
        .or_else(|| by_function(&tokens))
}

fn by_command(tokens: &[Token<'_>]) -> Option<&'static str> {
    let first = tokens.first()?;
    let second = |words: &[&str]| {
        let second = tokens.get(1);
        second.is_some_and(|second| words.iter().any(|word| second.is_keyword(word)))
    };
    let command = [
        "reset",
        "discard",
        "listen",
        "unlisten",
        "load",
        "execute",
        "deallocate",
    ]
    .into_iter()
    .find(|word| first.is_keyword(word));
    if let Some(command) = command {
        return Some(match command {
            "reset" => "RESET",
            "discard" => "DISCARD",
            "listen" => "LISTEN",
            "unlisten" => "UNLISTEN",
            "load" => "LOAD",
            "execute" => "EXECUTE",
            _ => "DEALLOCATE",
        });
    }
    if first.is_keyword("set") {
        return (!second(&["local", "transaction", "constraints"])).then_some("SET");
    }
    if first.is_keyword("prepare") {
        return (!second(&["transaction"])).then_some("PREPARE");
    }
    if first.is_keyword("declare") {
        return has_sequence(tokens, &["with", "hold"]).then_some("DECLARE .. WITH HOLD");
    }
    let is_temporary =
        |token: &Token<'_>| token.is_keyword("temp") || token.is_keyword("temporary");
    let goes_with_transaction = has_sequence(tokens, &["on", "commit", "drop"]);
    if first.is_keyword("create") {
        let mut rest = tokens[1..].iter();
        // `CREATE [OR REPLACE] [GLOBAL | LOCAL] TEMPORARY ..`
        let before = ["or", "replace", "global", "local"];
        let name = rest.find(|token| !before.iter().any(|word| token.is_keyword(word)));
        let is_temporary = name.is_some_and(is_temporary);
        return (is_temporary && !goes_with_transaction).then_some("CREATE TEMPORARY");
    }
    let into_temporary = tokens
        .windows(2)
        .any(|pair| pair[0].is_keyword("into") && is_temporary(&pair[1]));
    into_temporary.then_some("INTO TEMPORARY")
}

fn has_sequence(tokens: &[Token<'_>], words: &[&str]) -> bool {
    tokens.windows(words.len()).any(|window| {
        window
            .iter()
            .zip(words)
            .all(|(token, word)| token.is_keyword(word))
    })
}

/// Functions whose effect is the session's.
fn by_function(tokens: &[Token<'_>]) -> Option<Cow<'static, str>> {
    tokens.iter().enumerate().find_map(|(index, token)| {
        let is_called = tokens.get(index + 1)?.kind == TokenKind::LeftParenthesis;
        let is_name = matches!(token.kind, TokenKind::Word | TokenKind::QuotedIdentifier);
        if !is_called || !is_name {
            return None;
        }
        let name = token.text.trim_matches('"').to_ascii_lowercase();
        let is_lock = name.starts_with("pg_advisory_") || name.starts_with("pg_try_advisory_");
        if is_lock && !name.contains("_xact_") {
            return Some(Cow::Owned(name));
        }
        let outlasts = name == "set_config" && !is_local(&tokens[index + 1..]);
        outlasts.then_some(Cow::Borrowed("set_config(.., false)"))
    })
}

/// Whether the last of the arguments in these parentheses is `true`, written out.
fn is_local(arguments: &[Token<'_>]) -> bool {
    let mut depth = 0_usize;
    let mut last = None;
    let mut is_alone = false;
    for token in arguments {
        match token.kind {
            TokenKind::LeftParenthesis => depth += 1,
            TokenKind::RightParenthesis if depth <= 1 => break,
            TokenKind::RightParenthesis => depth -= 1,
            _ => {}
        }
        is_alone = matches!(last, Some(TokenKind::Comma)) && token.is_keyword("true");
        last = Some(token.kind);
    }
    is_alone
}
