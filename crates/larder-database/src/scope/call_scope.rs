//! What is known of a call that runs: what it has read so far, and whether its result may be kept.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use larder_cache::{Basis, Dependency, Key, Snapshot};
use larder_sql::catalog::TableId;

use super::Context;
use crate::coherence::{CatalogState, Picture};

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
    pub(crate) snapshot: Option<Snapshot>,
    /// It was given a result of which that is not known, because it does not leave this process.
    pub(crate) is_local: bool,
    /// In part its time alone keeps it right.
    pub(crate) by_time: bool,
    /// How long it may be kept at most, because a part of it may be no longer.
    pub(crate) fresh_for: Option<Duration>,
    /// What the rows take that were read for it, in bytes.
    pub(crate) bytes: u64,
    /// Transactions that were begun and not committed.
    pub(crate) open_transactions: u64,
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
    ) -> Self {
        Self {
            key,
            around: Context::current().call,
            picture,
            state,
            allow_volatile,
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

    /// Its result must not be kept. The first reason counts.
    pub(crate) fn refuse(&self, reason: impl Into<Cow<'static, str>>) {
        let mut found = self.lock();
        if found.refusal.is_none() {
            found.refusal = Some(reason.into());
        }
    }

    /// It was given a result that was kept, or is kept now: what that depends on, this depends on.
    ///
    /// The number that its own load has taken is right for what it was given, too: that was current
    /// when it was given, so whatever makes it wrong later has a later number. The snapshot is
    /// not: a result that was loaded before may lack what this process has not heard of yet. So
    /// what both snapshots have seen is all that this one has.
    pub(crate) fn was_given(&self, basis: &Basis) {
        let mut found = self.lock();
        found.was_given(basis.dependencies.dependencies(), basis.snapshot.as_deref());
        if basis.by_time {
            found.by_time = true;
            let least = found.fresh_for.unwrap_or(Duration::MAX);
            found.fresh_for = Some(least.min(basis.fresh_for));
        }
    }

    /// It was given a result that Redis had.
    pub(crate) fn was_fetched(
        &self,
        dependencies: impl Iterator<Item = Dependency>,
        snapshot: Option<&Snapshot>,
    ) {
        self.lock().was_given(dependencies, snapshot);
    }

    /// A part of its result is right for its time alone.
    pub(super) fn moves(&self) {
        self.lock().by_time = true;
    }

    /// Rows of so many bytes were read for it.
    pub(crate) fn has_read(&self, bytes: u64) {
        let mut found = self.lock();
        found.bytes = found.bytes.saturating_add(bytes);
    }

    pub(crate) fn began_transaction(&self) {
        self.lock().open_transactions += 1;
    }

    pub(crate) fn committed_transaction(&self) {
        let mut found = self.lock();
        found.open_transactions = found.open_transactions.saturating_sub(1);
    }

    /// What it has written has invalidated something, so often.
    pub(crate) fn has_invalidated(&self, times: u64) {
        self.lock().own_invalidations += times;
    }

    /// It has returned. Gives what was found until now; what comes later is noted for nobody.
    pub(crate) fn close(&self) -> Found {
        self.lock().clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    fn was_given(
        &mut self,
        dependencies: impl Iterator<Item = Dependency>,
        snapshot: Option<&Snapshot>,
    ) {
        self.read.extend(dependencies);
        self.is_local |= snapshot.is_none();
        if let Some(snapshot) = snapshot {
            self.snapshot = Some(match self.snapshot.take() {
                Some(before) => before.and(snapshot),
                None => snapshot.clone(),
            });
        }
    }

    /// Whether what it has read until now is made wrong by a write that touches these.
    pub(super) fn has_read_any(&self, touched: &[Dependency]) -> bool {
        touched.iter().any(|touched| self.read.contains(touched))
    }
}
