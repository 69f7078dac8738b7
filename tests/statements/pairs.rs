//! Each write with each cacheable read: if the write changes the result, the two must meet.
//!
//! Of reads that are alike (the same was said of them, and the same was true) two take part, of
//! writes one: what differs between others is their syntax, which is judged elsewhere.

use std::collections::HashMap;

use larder_sql::catalog::DIGEST_QUERY;

use super::Faults;
use super::corpus::Entry;
use super::deeds;
use super::opinion::{Catalogs, Opinion};
use super::readers::{Found, Reader, SETTINGS, readers, results};
use super::server::Server;

/// How many pairs there were.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) reads: usize,
    pub(super) writes: usize,
    /// Pairs of a cacheable read and a write of which something precise was said.
    pub(super) judged: usize,
    /// Those in which the write changed what the read found.
    pub(super) changed: usize,
}

/// How many statements there were of each sort.
#[derive(Default)]
struct Sorts(HashMap<String, usize>);

impl Sorts {
    /// Whether one more of `sort` takes part, of which `most` may.
    fn admit(&mut self, sort: String, most: usize) -> bool {
        let count = self.0.entry(sort).or_default();
        *count += 1;
        *count <= most
    }
}

/// Runs every write, and before and after it every read.
pub(super) async fn judge(server: &Server, entries: &[Entry], faults: &mut Faults) -> Tally {
    let base = Catalogs::load(server).await;
    let all_readers = different(server, &base, readers(server, &base, entries).await).await;
    server.begin(SETTINGS).await;
    let digest = server.value(DIGEST_QUERY).await;
    let undisturbed = results(server, &all_readers).await;
    server.end().await;
    let mut sorts = Sorts::default();
    let mut tally = Tally {
        reads: all_readers.len(),
        ..Tally::default()
    };
    for entry in entries.iter().filter(|entry| may_write(entry)) {
        server.begin(&entry.prepare).await;
        if entry.prepare.is_empty() {
            let write = Write::of(entry, &base);
            if write.is_judged(server, &mut sorts).await {
                write
                    .judge(server, &all_readers, &undisturbed, &mut tally, faults)
                    .await;
            }
        } else {
            let write = Write::of(entry, &Catalogs::load(server).await);
            if write.is_judged(server, &mut sorts).await {
                // What the write prepares may change what a read depends on; and what both
                // prepare may collide.
                let changed = changed_catalogs(server, &digest).await;
                let catalogs = changed.as_ref().unwrap_or(&base);
                let of_others = all_readers.iter().map(|reader| reader.entry);
                let of_others = of_others.filter(|entry| entry.prepare.is_empty());
                let readers: Vec<_> = of_others
                    .filter_map(|entry| Reader::of(entry, catalogs))
                    .collect();
                let before = results(server, &readers).await;
                write
                    .judge(server, &readers, &before, &mut tally, faults)
                    .await;
            }
        }
        server.end().await;
    }
    tally
}

/// Whether `entry` is looked at as a write. What a query with functions of its own does is judged
/// elsewhere.
fn may_write(entry: &Entry) -> bool {
    let is_plain = entry.prepare.is_empty() || !entry.profile.is_plain_read();
    is_plain && !entry.is_alone
}

/// Those of `readers` that take part.
async fn different<'e>(
    server: &Server,
    base: &Catalogs,
    readers: Vec<Reader<'e>>,
) -> Vec<Reader<'e>> {
    let mut sorts = Sorts::default();
    let mut different = Vec::new();
    for reader in readers {
        server.begin(&reader.entry.prepare).await;
        let relations = deeds::relations_read(server, &reader.entry.statement).await;
        server.end().await;
        let names: Vec<_> = relations
            .into_values()
            .map(|relation| relation.name)
            .collect();
        let said = |catalog| {
            Opinion::of(&reader.entry.profile, catalog)
                .words()
                .to_owned()
        };
        let sort = format!(
            "{} {} {names:?}",
            said(&base.undeclared),
            said(&base.declared)
        );
        if sorts.admit(sort, 2) {
            different.push(reader);
        }
    }
    different
}

/// The catalogs as readers find them, if they are not those that have `digest`.
async fn changed_catalogs(server: &Server, digest: &str) -> Option<Catalogs> {
    server
        .execute(&format!("SAVEPOINT catalog; {SETTINGS}"))
        .await;
    let has_changed = server.value(DIGEST_QUERY).await != digest;
    let catalogs = if has_changed {
        Some(Catalogs::load(server).await)
    } else {
        None
    };
    server.execute("ROLLBACK TO catalog").await;
    catalogs
}

/// A write and what was said of it.
struct Write<'e> {
    entry: &'e Entry,
    is_read: bool,
    undeclared: Opinion,
    declared: Opinion,
}

impl<'e> Write<'e> {
    fn of(entry: &'e Entry, catalogs: &Catalogs) -> Self {
        Self {
            entry,
            is_read: Reader::of(entry, catalogs).is_some(),
            undeclared: Opinion::of(&entry.profile, &catalogs.undeclared),
            declared: Opinion::of(&entry.profile, &catalogs.declared),
        }
    }

    /// Whether something precise was said of it, and it is not like others that were judged.
    async fn is_judged(&self, server: &Server, sorts: &mut Sorts) -> bool {
        // What may be cached writes nothing: that is judged elsewhere.
        let says_everything =
            self.undeclared.writes_everything() && self.declared.writes_everything();
        if self.is_read || says_everything {
            return false;
        }
        server.execute("SAVEPOINT sort").await;
        let before = server.tables().await;
        let run = server
            .run(&self.entry.statement, self.entry.input.as_deref())
            .await;
        let written = match run {
            Ok(()) => deeds::written(&before, &server.tables().await, false),
            // It fails again when it is judged, and is reported then.
            Err(_) => return true,
        };
        server.execute("ROLLBACK TO sort").await;
        let (said, declared) = (self.undeclared.words(), self.declared.words());
        let names: Vec<_> = written.into_values().collect();
        let sort = format!("{} {said} {declared} {names:?}", self.entry.profile.kind);
        sorts.admit(sort, 1)
    }

    async fn judge(
        &self,
        server: &Server,
        readers: &[Reader<'_>],
        before: &[Found],
        tally: &mut Tally,
        faults: &mut Faults,
    ) {
        let run = server.run(&self.entry.statement, self.entry.input.as_deref());
        if run.await.is_err()
            || server
                .run("SET CONSTRAINTS ALL IMMEDIATE", None)
                .await
                .is_err()
        {
            return faults.add(self.entry, "the server refused");
        }
        tally.writes += 1;
        let after = results(server, readers).await;
        for ((reader, before), after) in readers.iter().zip(before).zip(&after) {
            tally.judged += 1;
            if before == after {
                continue;
            }
            tally.changed += 1;
            for (how, write, tables) in [
                ("without declarations", &self.undeclared, &reader.undeclared),
                ("with declarations", &self.declared, &reader.declared),
            ] {
                if let Some(tables) = tables
                    && !write.writes_any(tables)
                {
                    let fault = format!(
                        "{how} ({}) it is not said to change the result of\n    {}\n    before {before:?}\n    after  {after:?}",
                        write.words(),
                        reader.entry,
                    );
                    faults.add(self.entry, &fault);
                }
            }
        }
    }
}
