//! What is known of a call that runs: what it has read so far, and whether its result may be kept.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use larder_cache::{Dependency, Key, Snapshot, Touched};
use larder_pool::{EndedStatement, StatementOutcome, TransactionSettings};
use larder_sql::StatementProfile;
use larder_sql::catalog::TableId;

use super::Context;
use crate::coherence::{CatalogState, Picture};
use crate::request_scope::RequestScope;

/// A call of a decorated function, or another result of several statements, while it is made.
pub(crate) struct CallScope {
    /// What its result is kept under.
    key: Key,
    /// The call that has called it.
    around: Option<Arc<CallScope>>,
    /// That of the database that it is cached for.
    pub(super) picture: Arc<Picture>,
    pub(super) state: Arc<CatalogState>,
    pub(super) allow_volatile: bool,
    /// On whose behalf it is made.
    pub(super) request_scope: Option<Arc<RequestScope>>,
    pub(super) kind: CallKind,
    found: Mutex<Found>,
}

/// What a call is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// It reads, and its result is kept.
    Read,
    /// It writes, and what it returns is kept.
    Write,
}

/// What was found while a call ran.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    /// What it has read.
    pub(crate) read: BTreeSet<Dependency>,
    /// What it has written, as a result depends on it.
    pub(crate) written: BTreeSet<Dependency>,
    /// The tables and views of the statements that were sent for it.
    pub(crate) relations: BTreeSet<TableId>,
    /// Why its result must not be kept, if it must not.
    pub(crate) refusal: Option<Cow<'static, str>>,
    /// What all the results that it was given could see; `None` if it was given none.
    snapshot: Option<Snapshot>,
    /// It was given a result of which that is not known, because it does not leave this process.
    is_local: bool,
    /// In part its time alone keeps it right.
    pub(crate) by_time: bool,
    /// How long it may be kept at most, because a part of it may be no longer.
    pub(crate) fresh_for: Option<Duration>,
    /// What the rows take that were read for it, in bytes.
    pub(crate) bytes: u64,
    /// Reads of rows that have not found theirs yet: if they do not, new ones concern them.
    pub(super) unproved: Vec<(Arc<StatementProfile>, Dependency)>,
    /// What its writes have touched, committed or not.
    pub(super) touched: BTreeSet<Dependency>,
    /// Transactions that it has begun, and not committed.
    pub(crate) open_transactions: BTreeSet<u64>,
    /// Those of them that have written, and so may yet make wrong what is read beside them.
    pub(super) writing_transactions: BTreeSet<u64>,
    /// Writes by themselves that were sent and have not ended.
    pub(super) writing_statements: u64,
    /// How often its own writes have invalidated something.
    pub(crate) own_invalidations: u64,
}

impl CallScope {
    /// The scope of a call that is made by the current task.
    pub(crate) fn new(
        key: Key,
        kind: CallKind,
        picture: Arc<Picture>,
        state: Arc<CatalogState>,
        allow_volatile: bool,
        request_scope: Option<Arc<RequestScope>>,
    ) -> Self {
        Self {
            key,
            around: Context::current().call,
            picture,
            state,
            allow_volatile,
            request_scope,
            kind,
            found: Mutex::default(),
        }
    }

    /// Whether this call, or one around it, is the one whose result is kept under this key: it
    /// must not wait for itself.
    pub(crate) fn is_within(&self, key: Key) -> bool {
        let mut call = Some(self);
        while let Some(one) = call {
            if one.key == key {
                return true;
            }
            call = one.around.as_deref();
        }
        false
    }

    /// Whether it is made for the database of this picture.
    pub(crate) fn is_for(&self, picture: &Arc<Picture>) -> bool {
        Arc::ptr_eq(&self.picture, picture)
    }

    /// It reads on somebody's behalf. That of another one is not its own result, which whoever
    /// asks in its scope would be given.
    pub(crate) fn reads_in(&self, settings: &TransactionSettings) {
        if !self.is_in(settings) {
            self.refuse(IN_ANOTHER_SCOPE);
        }
    }

    /// Whether it is made in the scope with these settings.
    pub(super) fn is_in(&self, settings: &TransactionSettings) -> bool {
        let scope = self.request_scope.as_deref();
        scope.is_some_and(|scope| scope.is_same(settings))
    }

    /// Its result must not be kept. The first reason counts.
    pub(crate) fn refuse(&self, reason: impl Into<Cow<'static, str>>) {
        self.lock().refuse(reason.into());
    }

    /// It was given a result that was kept, or is kept now, by the database of this picture: what
    /// that depends on, this depends on.
    ///
    /// The number that its own load has taken is right for what it was given, too: all
    /// invalidations up to it were complete (see [`Versions::complete`](larder_cache::Versions)), and
    /// what is given is current, so whatever makes it wrong later has a later number. The snapshot
    /// is not: a result that was loaded before may lack what this process has not heard of yet. So
    /// what both snapshots have seen is all that this one has.
    pub(crate) fn was_given(&self, picture: &Arc<Picture>, given: &Given<'_>) {
        if !self.is_for(picture) {
            return self.refuse("it reads from another database");
        }
        if !given.is_storable {
            self.refuse("a part of it must not be kept");
        }
        let mut found = self.lock();
        // One that was loaded just now may have been read before a write of its own that has been
        // committed meanwhile.
        let is_beside = found.writing_statements > 0
            || !found.writing_transactions.is_empty()
            || !given.is_kept && !found.touched.is_empty();
        found.was_given(given);
        drop(found);
        if is_beside {
            self.refuse(BESIDE_ITS_WRITES);
        }
    }

    /// It depends on these too, beside what its statements read.
    pub(crate) fn depends_on(&self, dependencies: impl Iterator<Item = Dependency>) {
        self.lock().read.extend(dependencies);
    }

    /// The body of a call inside it has ended, in whatever way. Where that has failed nothing was
    /// given, and yet that it has failed depends on what it had read.
    pub(super) fn had_inside(&self, inside: &Self) {
        if !self.is_for(&inside.picture) {
            self.refuse("it reads from another database");
            return;
        }
        let part = inside.close();
        let mut found = self.lock();
        found.was_given_live(&part);
        if !part.open_transactions.is_empty() {
            found.refuse("a transaction in it was not committed".into());
        }
        if !found.touched.is_empty() {
            found.refuse(BESIDE_ITS_WRITES.into());
        }
    }

    /// A part of its result is right for its time alone.
    pub(super) fn moves(&self) {
        self.lock().by_time = true;
    }

    pub(crate) fn began_transaction(&self, transaction: u64) {
        self.lock().open_transactions.insert(transaction);
    }

    pub(crate) fn committed_transaction(&self, transaction: u64) {
        let mut found = self.lock();
        found.open_transactions.remove(&transaction);
        found.writing_transactions.remove(&transaction);
    }

    /// What it has written has invalidated these, and taken so many numbers for it.
    pub(crate) fn has_invalidated(&self, touched: &Touched, times: u64) {
        let mut found = self.lock();
        found.own_invalidations += times;
        // By a note on its transaction, or because more is known of its writes now.
        let unforeseen = touched.iter().filter(|one| !found.touched.contains(one));
        let is_wrong = touched.is_everything()
            || touched.names().is_some()
            || found.has_read_any(&unforeseen.collect::<Vec<_>>());
        drop(found);
        if is_wrong {
            self.refuse("it has read what it made wrong itself");
        }
    }

    /// A read in it has failed before it was sent, or was given up.
    pub(crate) fn has_failed(&self) {
        self.refuse(FAILED);
    }

    /// A statement that was sent for it has ended.
    pub(crate) fn ended(&self, statement: &EndedStatement<'_>) {
        let mut found = self.lock();
        found.bytes = found.bytes.saturating_add(statement.bytes);
        if statement.writes_now {
            found.writing_statements = found.writing_statements.saturating_sub(1);
        }
        let is_answered = match statement.outcome {
            StatementOutcome::Answered => true,
            // Whoever reads one row of a result leaves the rest.
            StatementOutcome::Abandoned => statement.rows > 0,
            _ => false,
        };
        if statement.rows > 0 {
            // Of several that ask for rows of a table it does not matter which has found its own:
            // the others leave theirs.
            let is_this =
                |(profile, _): &(Arc<StatementProfile>, _)| **profile == *statement.profile;
            if let Some(at) = found.unproved.iter().position(is_this) {
                found.unproved.swap_remove(at);
            }
        }
        drop(found);
        if !is_answered {
            self.refuse(FAILED);
        }
    }

    /// It has returned. Gives what was found until now; what comes later is noted for nobody.
    pub(crate) fn close(&self) -> Found {
        let mut found = self.lock().clone();
        let unproved = std::mem::take(&mut found.unproved);
        found
            .read
            .extend(unproved.into_iter().map(|(_, new_rows)| new_rows));
        found.read = bounded(std::mem::take(&mut found.read));
        found
    }

    /// Why its result must not be kept, if that is known already.
    pub(crate) fn refusal(&self) -> Option<Cow<'static, str>> {
        self.lock().refusal.clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    fn refuse(&mut self, reason: Cow<'static, str>) {
        self.refusal.get_or_insert(reason);
    }

    fn bound(&mut self, time: Duration) {
        self.by_time = true;
        let least = self.fresh_for.unwrap_or(Duration::MAX);
        self.fresh_for = Some(least.min(time));
    }

    /// Takes over what a call inside has found while its body ran.
    fn was_given_live(&mut self, part: &Self) {
        self.read.extend(&part.read);
        self.relations.extend(&part.relations);
        if let Some(reason) = &part.refusal {
            self.refuse(reason.clone());
        }
        if let Some(snapshot) = &part.snapshot {
            self.has_seen(snapshot);
        }
        self.is_local |= part.is_local;
        if let Some(time) = part.fresh_for {
            self.bound(time);
        }
        self.by_time |= part.by_time;
    }

    fn was_given(&mut self, given: &Given<'_>) {
        self.read.extend(given.dependencies);
        if given.by_time {
            self.bound(given.fresh_for);
        }
        match given.snapshot {
            Some(snapshot) => self.has_seen(snapshot),
            None => self.is_local = true,
        }
    }

    /// A part of it has seen no more than this.
    fn has_seen(&mut self, snapshot: &Snapshot) {
        self.snapshot = Some(match self.snapshot.take() {
            Some(before) => before.and(snapshot),
            None => snapshot.clone(),
        });
    }

    /// Whether what it has read until now is made wrong by a write that touches these.
    pub(super) fn has_read_any(&self, touched: &[Dependency]) -> bool {
        let is_read = |touched: &Dependency| {
            let mut unproved = self.unproved.iter();
            self.read.contains(touched) || unproved.any(|(_, new_rows)| new_rows == touched)
        };
        touched.iter().any(is_read)
    }

    /// What the result could at least see, of which the load has taken this snapshot itself before
    /// it began; `None` where it must not leave this process.
    pub(crate) fn snapshot(&self, own: Option<Snapshot>) -> Option<Snapshot> {
        if self.is_local || self.by_time {
            return None;
        }
        let own = own?;
        Some(match &self.snapshot {
            Some(given) => own.and(given),
            None => own,
        })
    }
}

/// The same, where a table of which these are many rows counts as a whole: each dependency is
/// looked at with every hit.
fn bounded(dependencies: BTreeSet<Dependency>) -> BTreeSet<Dependency> {
    const MOST: usize = 64;
    let mut rows: BTreeMap<u32, usize> = BTreeMap::new();
    for table in dependencies.iter().filter(|one| one.is_row()) {
        *rows
            .entry(table.table_oid().unwrap_or_default())
            .or_default() += 1;
    }
    rows.retain(|_, rows| *rows > MOST);
    if rows.is_empty() {
        return dependencies;
    }
    let is_of_many = |one: &Dependency| {
        one.is_row()
            && one
                .table_oid()
                .is_some_and(|table| rows.contains_key(&table))
    };
    let mut bounded: BTreeSet<Dependency> = dependencies
        .into_iter()
        .filter(|one| !is_of_many(one))
        .collect();
    bounded.extend(rows.keys().map(|table| Dependency::some_row(*table)));
    bounded
}

/// A result that a call was given.
pub(crate) struct Given<'g> {
    pub(crate) dependencies: &'g [Dependency],
    /// Taken before its load; `None` where it does not leave this process.
    pub(crate) snapshot: Option<&'g Snapshot>,
    pub(crate) by_time: bool,
    pub(crate) is_storable: bool,
    /// It was there when it was asked for.
    pub(crate) is_kept: bool,
    pub(crate) fresh_for: Duration,
}

/// A read that a call waits for. Where it ends without a result, or is given up, nobody knows what
/// the call makes of that: its own result is not kept.
pub(crate) struct Part(Option<Arc<CallScope>>);

impl Part {
    /// The current task begins to wait.
    pub(crate) fn begin() -> Self {
        Self(Context::look(|context| context.call.clone()).flatten())
    }

    /// There is a result, or what is known of its failure has been told.
    pub(crate) fn end(mut self) {
        self.0 = None;
    }

    /// The read has ended with this. Where that is an error, nobody knows what becomes of it.
    pub(crate) fn settle<T, E>(self, outcome: Result<T, E>) -> Result<T, E> {
        if outcome.is_ok() {
            self.end();
        }
        outcome
    }

    /// It depends on these, beside tables.
    pub(crate) fn depends_on(&self, dependencies: impl Iterator<Item = Dependency>) {
        if let Some(call) = &self.0 {
            call.depends_on(dependencies);
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(call) = &self.0 {
            call.refuse(FAILED);
        }
    }
}

pub(super) const IN_ANOTHER_SCOPE: &str =
    "it reads in another scope than the one that it is called in";
const FAILED: &str = "a read in it failed or was given up";
pub(super) const BESIDE_ITS_WRITES: &str =
    "it reads beside a write of its own that is not committed";
