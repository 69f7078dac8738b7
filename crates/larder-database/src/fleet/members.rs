//! What this process knows of the others, and what it tells them.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use larder_cache::{Cache, Cause, Knowledge, Snapshot, Touched, TransactionId};
use tokio::sync::Notify;

use super::statistics::Counters;

/// How this process takes part.
#[derive(Debug, Clone)]
pub(crate) struct FleetSettings {
    /// How long another process may serve what a commit has made wrong.
    pub(crate) max_staleness: Duration,
    /// How often the log is looked at.
    pub(crate) poll_interval: Duration,
    /// Whether each commit also notifies through PostgreSQL.
    pub(crate) notify: bool,
    /// Whether what transactions invalidated has to be known one by one, because results come
    /// from a second tier.
    pub(crate) remember: bool,
}

/// What this process shares with the others on the same database.
pub(crate) struct Fleet {
    pub(crate) settings: FleetSettings,
    pub(crate) knowledge: Arc<Knowledge>,
    /// Wakes the follower: something may have been committed.
    pub(crate) wake: Arc<Notify>,
    pub(crate) counters: Counters,
    /// Which history of which database this is; part of every key.
    identity: ArcSwapOption<String>,
    /// Transactions of this process that were applied already, and will be found in the log.
    own: Mutex<HashSet<TransactionId>>,
    /// Writes under way that no row of the log goes along with.
    unlogged: Mutex<HashMap<u64, Touched>>,
    next_unlogged: AtomicU64,
    /// Tells the others to look.
    announce: ArcSwapOption<Announce>,
}

/// Tells other processes that something was committed. Must not wait.
pub(crate) type Announce = Box<dyn Fn() + Send + Sync>;

/// The channel of NOTIFY.
pub(crate) const CHANNEL: &str = "larder_invalidation";

impl Fleet {
    pub(crate) fn new(settings: FleetSettings) -> Self {
        Self {
            settings,
            knowledge: Arc::default(),
            wake: Arc::default(),
            counters: Counters::default(),
            identity: ArcSwapOption::empty(),
            own: Mutex::default(),
            unlogged: Mutex::default(),
            next_unlogged: AtomicU64::new(0),
            announce: ArcSwapOption::empty(),
        }
    }

    /// Which history of which database this is; `None` before the first look at it.
    pub(crate) fn identity(&self) -> Option<Arc<String>> {
        self.identity.load_full()
    }

    pub(super) fn set_identity(&self, identity: String) {
        self.identity.store(Some(Arc::new(identity)));
    }

    /// The statement that writes a row of the log, and gives the transaction's id.
    pub(crate) fn row(&self, touched: &Touched) -> String {
        let row = touched.to_row();
        let detail = match &row.detail {
            Some(detail) => format!("'{}'", detail.replace('\'', "''")),
            None => "NULL".to_owned(),
        };
        let insert = format!(
            "INSERT INTO larder.invalidation (format, touched, detail) VALUES ({}, '{}', {detail}) RETURNING xid",
            row.format,
            row.array()
        );
        if self.settings.notify {
            format!(
                "WITH written AS ({insert}) SELECT xid::text FROM written, pg_catalog.pg_notify('{CHANNEL}', '')"
            )
        } else {
            insert + "::text"
        }
    }

    /// A transaction of this process was committed: applies what it touched, before whoever waits
    /// for it hears of it, and tells the others.
    pub(crate) fn committed(
        &self,
        cache: &Cache,
        touched: &Touched,
        transaction: TransactionId,
        cause: Cause,
    ) {
        self.lock_own().insert(transaction);
        self.learn(touched, transaction);
        apply(cache, touched, cause);
        self.announce();
    }

    /// Tells the others that something was committed.
    pub(crate) fn announce(&self) {
        if let Some(announce) = &*self.announce.load() {
            announce();
        }
    }

    pub(crate) fn announce_by(&self, announce: Announce) {
        self.announce.store(Some(Arc::new(announce)));
    }

    /// Remembers which transaction touched what.
    pub(super) fn learn(&self, touched: &Touched, transaction: TransactionId) {
        if !self.settings.remember {
            return;
        }
        if touched.is_everything() {
            self.knowledge.learn_everything(transaction);
        }
        if let Some(pattern) = touched.names() {
            self.knowledge.learn_pattern(transaction, pattern);
        }
        self.knowledge.learn(transaction, touched.iter());
    }

    /// Whether a transaction found in the log was this process's own, and is applied already.
    pub(super) fn is_applied(&self, transaction: TransactionId) -> bool {
        self.lock_own().remove(&transaction)
    }

    /// Forgets own transactions that a look at the log has seen: they are not found again. One that
    /// was found before its writer had heard of its commit would otherwise stay for ever.
    pub(super) fn settle(&self, seen: &Snapshot) {
        self.lock_own()
            .retain(|transaction| !seen.sees(*transaction));
    }

    /// Another history has begun: nothing of the old one is found again.
    pub(super) fn forget(&self) {
        self.lock_own().clear();
        self.knowledge.forget();
    }

    /// Writes begin that no row of the log can go along with. While what this gives lives, the
    /// follower writes rows for them.
    pub(crate) fn unlogged(self: &Arc<Self>, touched: Touched) -> Unlogged {
        let number = self.next_unlogged.fetch_add(1, Ordering::Relaxed);
        self.lock_unlogged().insert(number, touched);
        Unlogged {
            fleet: Arc::clone(self),
            number,
        }
    }

    pub(super) fn all_unlogged(&self) -> Vec<Touched> {
        self.lock_unlogged().values().cloned().collect()
    }

    fn lock_own(&self) -> MutexGuard<'_, HashSet<TransactionId>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_unlogged(&self) -> MutexGuard<'_, HashMap<u64, Touched>> {
        self.unlogged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes under way that no row of the log goes along with.
pub(crate) struct Unlogged {
    fleet: Arc<Fleet>,
    number: u64,
}

impl Drop for Unlogged {
    fn drop(&mut self) {
        self.fleet.lock_unlogged().remove(&self.number);
    }
}

/// Makes what depends on what was touched wrong, in this process.
pub(crate) fn apply(cache: &Cache, touched: &Touched, cause: Cause) {
    if touched.is_everything() {
        cache.invalidate_everything(cause);
        return;
    }
    if let Some(pattern) = touched.names() {
        cache.invalidate_matching(pattern);
    }
    let dependencies: Vec<_> = touched.iter().collect();
    cache.invalidate(&dependencies, cause);
}

#[cfg(test)]
mod tests {
    use larder_cache::{CacheOptions, InvalidSnapshot};

    use super::*;

    #[test]
    fn own_transactions_are_forgotten_when_they_were_seen() -> Result<(), InvalidSnapshot> {
        let fleet = Fleet::new(FleetSettings {
            max_staleness: Duration::from_secs(1),
            poll_interval: Duration::from_millis(250),
            notify: false,
            remember: false,
        });
        let cache = Cache::new(CacheOptions::default());
        let touched = Touched::everything();
        for transaction in [10, 11, 12] {
            fleet.committed(&cache, &touched, TransactionId(transaction), Cause::Write);
        }
        // Found in the log, or seen there before its writer had heard of it, or not seen yet.
        assert!(fleet.is_applied(TransactionId(10)));
        let seen: Snapshot = "12:14:12".parse()?;
        fleet.settle(&seen);
        assert!(!fleet.is_applied(TransactionId(11)));
        assert!(fleet.is_applied(TransactionId(12)));
        Ok(())
    }
}
