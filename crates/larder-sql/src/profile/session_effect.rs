//! What a statement leaves behind on its session.

use super::commands::Outcome;
use super::pieces::Piece;
use super::{Effect, StatementKind};
use crate::builtin_names;

/// What a statement leaves behind on the session that runs it, by its text alone.
///
/// What ends with the transaction counts too: until then it is there. In this order: of several
/// statements the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum SessionEffect {
    /// Nothing.
    #[default]
    None,
    /// Something that the session has from then on: a setting, a prepared statement, a cursor,
    /// a lock, a subscription; or it calls a function that is not known to leave nothing.
    State,
    /// The same names may mean other tables from then on, or the same tables may show other
    /// rows: the search path, the role, temporary tables; or it is not known what it does.
    Names,
}

/// Settings that decide which tables names mean, or which of their rows are visible.
const NAME_SETTINGS: &[&str] = &[
    "role",
    "row_security",
    "schema",
    "search_path",
    "session_authorization",
    "session_replication_role",
];

/// What the statement of `pieces`, of which `outcome` is known, leaves behind.
pub(super) fn of_statement(pieces: &[Piece<'_>], outcome: &Outcome) -> SessionEffect {
    use StatementKind as Kind;

    if mentions_temporary_schema(pieces) {
        return SessionEffect::Names;
    }
    match outcome.kind {
        Kind::Set => of_setting(pieces),
        Kind::Ddl => of_definition(pieces),
        // What it prepares runs later, by an EXECUTE of which nothing is known.
        Kind::Prepare | Kind::Listen => SessionEffect::State,
        _ if matches!(outcome.effect, Effect::Unknown(_)) => SessionEffect::Names,
        _ if outcome.touched.creates_table && has_word(pieces, TEMPORARY) => SessionEffect::Names,
        Kind::Cursor => of_cursor(pieces).max(of_functions(outcome)),
        _ => of_functions(outcome),
    }
}

const TEMPORARY: &[&str] = &["temp", "temporary"];

fn has_word(pieces: &[Piece<'_>], words: &[&str]) -> bool {
    pieces.iter().any(|piece| piece.is_any_word(words))
}

/// Tables in `pg_temp` are the session's own: what is made there hides others, and what is
/// read there is no one else's.
fn mentions_temporary_schema(pieces: &[Piece<'_>]) -> bool {
    pieces
        .iter()
        .filter_map(Piece::identifier)
        .any(|name| name == "pg_temp" || name.starts_with("pg_temp_"))
}

/// `SET [SESSION | LOCAL] name ..`, `RESET name`, `DISCARD what`.
fn of_setting(pieces: &[Piece<'_>]) -> SessionEffect {
    let mut rest = pieces.iter().filter_map(Piece::identifier);
    let command = rest.next();
    let mut name = rest.next();
    if command == Some("set") && matches!(name, Some("session" | "local")) {
        name = rest.next();
    }
    let authorization = name == Some("session") && rest.next() == Some("authorization");
    let changes_names = match name {
        // Of RESET and DISCARD.
        Some("all" | "temp" | "temporary") => true,
        // `SET SESSION AUTHORIZATION`, after its SESSION was taken for the scope.
        Some("authorization") => true,
        Some(name) => authorization || NAME_SETTINGS.contains(&name.to_ascii_lowercase().as_str()),
        None => true,
    };
    if changes_names {
        SessionEffect::Names
    } else {
        SessionEffect::State
    }
}

/// Definitions belong to the database. Temporary ones belong to the session, and some
/// definitions run queries of which nothing is known.
fn of_definition(pieces: &[Piece<'_>]) -> SessionEffect {
    /// `CREATE OR REPLACE GLOBAL TEMPORARY ..`
    const BEFORE_NAME: usize = 5;
    if has_word(&pieces[..pieces.len().min(BEFORE_NAME)], TEMPORARY) {
        SessionEffect::Names
    } else if has_word(pieces, &["select", "values", "execute"]) {
        SessionEffect::State
    } else {
        SessionEffect::None
    }
}

fn of_cursor(pieces: &[Piece<'_>]) -> SessionEffect {
    if pieces.first().is_some_and(|piece| piece.is_word("declare")) {
        SessionEffect::State
    } else {
        SessionEffect::None
    }
}

fn of_functions(outcome: &Outcome) -> SessionEffect {
    let effects = outcome.touched.functions.iter().map(|function| {
        match (function.schema(), function.name()) {
            (None | Some("pg_catalog"), "set_config") => SessionEffect::Names,
            (None | Some("pg_catalog"), name) if builtin_names::leaves_nothing(name) => {
                SessionEffect::None
            }
            _ => SessionEffect::State,
        }
    });
    effects.max().unwrap_or_default()
}

#[cfg(test)]
mod tests;
