//! The reads of the corpus that may be cached, and what they find.

use larder_sql::catalog::TableId;
use larder_sql::statements;

use super::corpus::Entry;
use super::opinion::{Catalogs, Opinion};
use super::server::Server;

/// What readers find is found under these settings, whatever else happened in the transaction.
pub(super) const SETTINGS: &str =
    "RESET ROLE; SET LOCAL search_path = shop, public; SET LOCAL timezone = 'UTC'; DISCARD TEMP;";

/// A read that may be cached, and on what it depends without and with declarations.
pub(super) struct Reader<'e> {
    pub(super) entry: &'e Entry,
    pub(super) undeclared: Option<Vec<TableId>>,
    pub(super) declared: Option<Vec<TableId>>,
}

impl<'e> Reader<'e> {
    pub(super) fn of(entry: &'e Entry, catalogs: &Catalogs) -> Option<Self> {
        let tables = |catalog| {
            let opinion = Opinion::of(&entry.profile, catalog);
            opinion.cacheable().map(<[_]>::to_vec)
        };
        let reader = Self {
            entry,
            undeclared: tables(&catalogs.undeclared),
            declared: tables(&catalogs.declared),
        };
        (reader.undeclared.is_some() || reader.declared.is_some()).then_some(reader)
    }

    /// What it runs, and how many results that has; its own is the last but one if it has to
    /// prepare something, which is then taken back.
    fn script(&self) -> (String, usize) {
        let Entry {
            prepare, statement, ..
        } = self.entry;
        if prepare.is_empty() {
            return (format!("{statement};\n"), 1);
        }
        let script = format!("SAVEPOINT own; {prepare};\n{statement};\nROLLBACK TO own;\n");
        (script, statements(prepare).count() + 3)
    }
}

/// The rows that a read found, or how it failed.
pub(super) type Found = Result<Vec<String>, String>;

/// What all the readers find now, in the middle of a transaction.
pub(super) async fn results(server: &Server, readers: &[Reader<'_>]) -> Vec<Found> {
    let scripts: Vec<_> = readers.iter().map(Reader::script).collect();
    let mut found = Vec::new();
    server.execute("SAVEPOINT readers").await;
    while found.len() < readers.len() {
        let rest = &scripts[found.len()..];
        let text: String = rest.iter().map(|(script, _)| script.as_str()).collect();
        server.execute(SETTINGS).await;
        let (mut results, failure) = server.rows(&text).await;
        for (_, length) in rest {
            if results.len() < *length {
                break;
            }
            let own = results[length.saturating_sub(2)].split_off(0);
            results.drain(..length);
            found.push(Ok(own));
        }
        server.execute("ROLLBACK TO readers").await;
        if let Some(failure) = failure {
            found.push(Err(failure));
        }
    }
    found
}

/// All reads of the corpus that may be cached, without or with declarations.
pub(super) async fn readers<'e>(
    server: &Server,
    base: &Catalogs,
    entries: &'e [Entry],
) -> Vec<Reader<'e>> {
    let mut readers = Vec::new();
    for entry in entries.iter().filter(|entry| entry.profile.is_plain_read()) {
        if entry.prepare.is_empty() {
            readers.extend(Reader::of(entry, base));
        } else {
            server.begin(&entry.prepare).await;
            readers.extend(Reader::of(entry, &Catalogs::load(server).await));
            server.end().await;
        }
    }
    readers
}
