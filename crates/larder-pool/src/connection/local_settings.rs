//! Settings that hold until the end of a transaction, sent in the round trip of BEGIN.
//!
//! They are written as `SET LOCAL` and not as `set_config`: that would be a query, which takes
//! the transaction's snapshot, and after it the isolation level cannot be set any more.

use std::fmt::Write;

/// Settings whose values are lists of names. Given as one string, `SET` would take the whole
/// list for a single name.
const LISTS_OF_NAMES: [&str; 5] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// The SQL that makes these settings hold in the transaction that is open, each statement with
/// its semicolon. Names and values are quoted.
pub(crate) fn set_local<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut sql = String::new();
    for (name, value) in settings {
        let is_list = LISTS_OF_NAMES
            .iter()
            .any(|list| list.eq_ignore_ascii_case(name));
        let value = if is_list {
            let names: Vec<String> = names_in(value).iter().map(|name| literal(name)).collect();
            names.join(", ")
        } else {
            literal(value)
        };
        // Writing to a String does not fail.
        let _ = write!(sql, "SET LOCAL {} = {value}; ", quoted_name(name));
    }
    sql
}

/// The name of a setting. Names of extensions' settings have a dot in them, which may stand
/// inside the quotes.
fn quoted_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string that means the same whatever `standard_conforming_strings` is.
pub(crate) fn literal(value: &str) -> String {
    let quoted = value.replace('\'', "''");
    if quoted.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// The names in a list as PostgreSQL reads it: those without quotes in lower case. An empty
/// list is one empty name, which names nothing.
fn names_in(list: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut characters = list.chars().peekable();
    let mut is_quoted = false;
    while let Some(character) = characters.next() {
        let Some(name) = names.last_mut() else { break };
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                name.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => names.push(String::new()),
            _ if is_quoted => name.push(character),
            _ if character.is_whitespace() => {}
            _ => name.extend(character.to_lowercase()),
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_quoted() {
        let settings = [("statement_timeout", "5s"), ("larder.who", r"o'Hara\")];
        assert_eq!(
            set_local(settings),
            r#"SET LOCAL "statement_timeout" = '5s'; SET LOCAL "larder.who" = E'o''Hara\\'; "#
        );
        assert_eq!(
            set_local([("a\"; DROP TABLE t; --", "")]),
            "SET LOCAL \"a\"\"; DROP TABLE t; --\" = ''; "
        );
    }

    #[test]
    fn a_search_path_stays_a_list() {
        let path = |value| set_local([("Search_Path", value)]);
        assert_eq!(
            path(r#"app, "$user" ,PUBLIC,"Odd, ""name""""#),
            r#"SET LOCAL "Search_Path" = 'app', '$user', 'public', 'Odd, "name"'; "#
        );
        assert_eq!(path(""), r#"SET LOCAL "Search_Path" = ''; "#);
    }
}
