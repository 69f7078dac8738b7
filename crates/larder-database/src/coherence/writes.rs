//! From statements to what they touched, by the picture of the catalog.

use std::collections::BTreeSet;
use std::sync::Arc;

use larder_cache::{Dependency, Touched};
use larder_pool::Effects;
use larder_sql::catalog::WriteSet;
use larder_sql::{Effect, QualifiedName, StatementProfile};

use super::Picture;

/// What these statements have written, or may have. Notes where definitions may have changed.
pub(super) fn touched(picture: &Picture, effects: &Effects) -> Touched {
    let statements = || effects.statements();
    let state = picture.current();
    let changes_schema = |profile: &Arc<StatementProfile>| match &state {
        Some(state) => state.catalog.may_change_schema(profile),
        None => profile.writes_everything(),
    };
    if statements().any(changes_schema) {
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
        return if statements().all(is_harmless) {
            Touched::default()
        } else {
            Touched::everything()
        };
    };
    let mut tables = BTreeSet::new();
    let mut wrote = false;
    for profile in statements() {
        let writes = state.writes(profile);
        wrote |= writes != WriteSet::Nothing;
        match writes {
            WriteSet::Nothing => {}
            WriteSet::Tables(written) => tables.extend(written.iter().map(|table| table.0)),
            WriteSet::Everything(_) => {
                // A function may change definitions too; the digest tells.
                picture.changed();
                return Touched::everything();
            }
        }
    }
    // Under other names it would be other tables. What writes nothing has none.
    if effects.is_unclear() && (wrote || effects.written().is_empty()) {
        return Touched::everything();
    }
    let tables = tables.into_iter().map(Dependency::table);
    Touched::dependencies(tables).known_by(state.definitions())
}

/// Whether a statement writes to the log, and does nothing else.
pub(super) fn writes_log(profile: &StatementProfile) -> bool {
    let mut writes = profile.writes.iter();
    let is_note = |name: &QualifiedName| {
        matches!(
            (name.schema(), name.name()),
            (Some("larder"), "note") | (Some("pg_catalog"), "pg_notify")
        )
    };
    let calls_nothing_else = profile.functions.iter().all(is_note);
    let does_something = !profile.functions.is_empty() || !profile.writes.is_empty();
    does_something && calls_nothing_else && writes.all(|name| name.schema() == Some("larder"))
}
