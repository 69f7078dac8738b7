//! What a statement did, as the server tells it.

use std::collections::BTreeMap;

use larder_sql::catalog::{CATALOG_QUERY, DIGEST_QUERY};
use larder_sql::{StatementKind, StatementProfile};

use super::corpus::Entry;
use super::opinion::Catalogs;
use super::server::{Relation, Server, SessionState, Table};

/// What there is before a statement.
pub(super) struct Before {
    pub(super) catalogs: Catalogs,
    pub(super) session: SessionState,
    digest: String,
    tables: BTreeMap<u32, Table>,
}

impl Before {
    pub(super) async fn of(server: &Server) -> Self {
        Self {
            catalogs: Catalogs::load(server).await,
            session: server.session().await,
            digest: server.value(DIGEST_QUERY).await,
            tables: server.tables().await,
        }
    }
}

/// What a statement did.
pub(super) struct Deeds {
    /// The tables that it wrote; temporary ones, on which nothing cached depends, are left out.
    pub(super) written: BTreeMap<u32, String>,
    /// What the session is like after it.
    pub(super) session: SessionState,
    pub(super) definitions: Definitions,
}

/// What the catalog query gives after a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Definitions {
    Same,
    /// Something else, and the digest tells it.
    Changed,
    /// Something else, but the digest is the same.
    ChangedUnseen,
}

/// Runs the statement of `entry`, in a transaction or on its own.
pub(super) async fn run(server: &Server, entry: &Entry, before: &Before) -> Result<Deeds, String> {
    server.run(&entry.statement, entry.input.as_deref()).await?;
    let session = server.session().await;
    let definitions = if changes_rows_at_most(&entry.profile) {
        Definitions::Same
    } else {
        definitions(server, entry, before).await
    };
    if !entry.is_alone {
        // What was deferred would happen at COMMIT.
        server.run("SET CONSTRAINTS ALL IMMEDIATE", None).await?;
    }
    let is_maintenance = entry.profile.kind == StatementKind::Maintenance;
    Ok(Deeds {
        written: written(&before.tables, &server.tables().await, is_maintenance),
        session,
        definitions,
    })
}

async fn definitions(server: &Server, entry: &Entry, before: &Before) -> Definitions {
    let digest_tells = server.value(DIGEST_QUERY).await != before.digest;
    if digest_tells && before.catalogs.undeclared.may_change_schema(&entry.profile) {
        return Definitions::Changed;
    }
    let document = server.value(CATALOG_QUERY).await;
    let known = &before.catalogs.document;
    if document == *known || in_order(&document) == in_order(known) {
        Definitions::Same
    } else if digest_tells {
        Definitions::Changed
    } else {
        Definitions::ChangedUnseen
    }
}

/// What the server locks for a query, and what it plans to read.
pub(super) async fn relations_read(server: &Server, query: &str) -> BTreeMap<u32, Relation> {
    let before = server.locked().await;
    server.execute(query).await;
    let mut oids = &server.locked().await - &before;
    oids.append(&mut server.planned(query).await);
    server.relations(&oids).await
}

fn changes_rows_at_most(profile: &StatementProfile) -> bool {
    use StatementKind as Kind;
    let changes_rows = matches!(
        profile.kind,
        Kind::Select | Kind::Insert | Kind::Update | Kind::Delete | Kind::Merge
    );
    changes_rows && !profile.writes_everything()
}

/// The tables that are not as they were, but for temporary ones.
pub(super) fn written(
    before: &BTreeMap<u32, Table>,
    after: &BTreeMap<u32, Table>,
    is_maintenance: bool,
) -> BTreeMap<u32, String> {
    let mut written = BTreeMap::new();
    for (&oid, table) in before.iter().chain(after) {
        let was_written = match (before.get(&oid), after.get(&oid)) {
            (Some(before), Some(after)) => before.was_written(after, is_maintenance),
            // Made or dropped.
            _ => true,
        };
        if was_written && !table.is_temporary {
            written.insert(oid, table.name.clone());
        }
    }
    written
}

/// A document of the catalog query, its lists in one order: rows of the catalog move about. What
/// is temporary is empty until a table is made in it, which the session's state tells.
fn in_order(document: &str) -> serde_json::Value {
    let mut document: serde_json::Value = serde_json::from_str(document).unwrap();
    for (part, list) in document.as_object_mut().unwrap() {
        let Some(list) = list.as_array_mut() else {
            continue;
        };
        if part == "search_path" {
            list.retain(|schema| !schema.as_str().unwrap().starts_with("pg_temp"));
        } else {
            list.sort_by_cached_key(serde_json::Value::to_string);
        }
    }
    document
}
