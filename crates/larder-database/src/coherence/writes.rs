//! From statements to what they touched, by the picture of the catalog.

use std::collections::BTreeSet;
use std::sync::Arc;

use larder_cache::{Dependency, Touched};
use larder_pool::{Effects, Written};
use larder_sql::catalog::{RowWrite, TableId, WriteSet};
use larder_sql::{Effect, QualifiedName, StatementProfile};

use super::rows::{new_rows_touched, row_touched, written_dependencies};
use super::{CatalogState, Picture};
use crate::failpoints;

/// What these statements have written, or may have. Notes where definitions may have changed.
pub(super) fn touched(picture: &Picture, effects: &Effects) -> Touched {
    let noted = effects.notes().iter();
    let noted = noted.filter_map(|note| note.downcast_ref::<Touched>());
    noted.fold(written(picture, effects), Touched::and)
}

/// The same without what somebody has noted on the transaction.
fn written(picture: &Picture, effects: &Effects) -> Touched {
    let statements = effects.written();
    let state = picture.current();
    let changes_schema = |written: &Written| match &state {
        Some(state) => state.catalog.may_change_schema(&written.profile),
        None => written.profile.writes_everything(),
    };
    if statements.iter().any(changes_schema) {
        // Before anything is invalidated: what is loaded from then on is judged by a
        // picture that was taken later.
        picture.changed();
        return Touched::definitions();
    }
    let Some(state) = state else {
        // A read that only read by the last picture hardly writes by the next: were it to count for
        // everything, each change of definitions would make all reads of the fleet count so.
        let last = picture.last();
        let is_harmless = |profile: &Arc<StatementProfile>| match profile.effect {
            Effect::None => profile.functions.is_empty(),
            Effect::Read => last
                .as_ref()
                .is_some_and(|last| last.writes(profile) == WriteSet::Nothing),
            _ => false,
        };
        return if statements.iter().map(|one| &one.profile).all(is_harmless) {
            Touched::default()
        } else {
            Touched::everything()
        };
    };
    let mut touched = BTreeSet::new();
    let mut wrote = false;
    for written in statements {
        let writes = state.writes(&written.profile);
        wrote |= writes != WriteSet::Nothing;
        match writes {
            WriteSet::Nothing => {}
            WriteSet::Tables(tables) => touched.extend(touched_by(&state, written, &tables)),
            WriteSet::Everything(_) => {
                // A function may change definitions too; the digest tells.
                picture.changed();
                return Touched::everything();
            }
        }
    }
    // Under other names it would be other tables. What writes nothing has none.
    let is_nameless = statements.is_empty() && effects.notes().is_empty();
    if effects.is_unclear() && (wrote || is_nameless) {
        return Touched::everything();
    }
    Touched::dependencies(touched).known_by(state.definitions())
}

/// What one statement has touched, which writes to these tables: single rows where it names them.
fn touched_by(state: &CatalogState, written: &Written, tables: &[TableId]) -> Vec<Dependency> {
    let rows = match state.row_write(&written.profile) {
        // Asked once more: the values were taken by a picture that may have been another one.
        Some(RowWrite::Rows(access)) => written.keys.as_ref().and_then(|keys| {
            let are_of_key = *keys.parameters() == *access.parameters;
            let values = keys.values().iter().filter(|_| are_of_key);
            let values = values.map(|key| (key.type_oid, &*key.value));
            let touched = row_touched(&access, values).filter(|_| are_of_key)?;
            Some((access.table, touched))
        }),
        Some(RowWrite::NewRows(table)) => Some((table, new_rows_touched(table).to_vec())),
        None => None,
    };
    match rows {
        Some((table, mut touched)) => {
            // What follows from it in other tables is not known row by row.
            let are_told = !failpoints::is_on("row-with-children");
            let others = tables.iter().copied();
            let others = others.filter(|other| are_told && *other != table);
            touched.extend(written_dependencies(others));
            touched
        }
        None => written_dependencies(tables.iter().copied()).collect(),
    }
}

/// Whether a statement writes to the log, and does nothing else. Told without a picture: a request to
/// warm caches that counted for everything would empty them first.
pub(super) fn writes_log(profile: &StatementProfile) -> bool {
    let mut writes = profile.writes.iter();
    let mut functions = profile.functions.iter();
    let is_note = |name: &QualifiedName| {
        matches!(
            (name.schema(), name.name()),
            (Some("larder"), "note") | (Some("pg_catalog"), "pg_notify")
        )
    };
    let writes_something = !profile.writes.is_empty() || functions.clone().any(is_note);
    let calls_nothing_else = functions.all(|name| is_note(name) || only_computes(name));
    writes_something && calls_nothing_else && writes.all(|name| name.schema() == Some("larder"))
}

/// The functions that statements of the log call for their values.
fn only_computes(name: &QualifiedName) -> bool {
    const ONLY_COMPUTE: [&str; 6] = [
        "clock_timestamp",
        "concat_ws",
        "current_setting",
        "gen_random_uuid",
        "make_interval",
        "now",
    ];
    name.schema() == Some("pg_catalog") && ONLY_COMPUTE.contains(&name.name())
}
