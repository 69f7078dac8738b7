//! What this process knows of the others, and what it tells them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use larder_cache::{Cache, Cause, Doubt, Knowledge, Moment, Snapshot, Touched, TransactionId};
use tokio::sync::Notify;
use tokio::task::yield_now;

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
    /// When the history began that is followed now, if it is another one than at the start.
    begun: Mutex<Option<Instant>>,
    /// Transactions of this process that were applied already, and will be found in the log.
    own: Mutex<HashMap<TransactionId, Touched>>,
    /// Writes of which it is not known here which transaction they belong to.
    held: Mutex<Vec<(Moment, Doubt)>>,
    /// What waits for a look into the log that begins later.
    after_look: Mutex<Vec<(Moment, AfterLook)>>,
    /// What the others have not been told of yet.
    owed: Mutex<Touched>,
    /// Writes under way that no row of the log goes along with.
    unlogged: Mutex<HashMap<u64, Touched>>,
    next_unlogged: AtomicU64,
    /// Tells the others to look.
    announce: ArcSwapOption<Announce>,
}

/// What is done after a look into the log. Must not wait.
pub(crate) type AfterLook = Box<dyn FnOnce() + Send>;

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
            begun: Mutex::default(),
            own: Mutex::default(),
            held: Mutex::default(),
            after_look: Mutex::default(),
            owed: Mutex::default(),
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

    /// Since when connections lead to the server whose log is followed now; `None` if that is since
    /// the start.
    pub(crate) fn begun(&self) -> Option<Instant> {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin_history(&self) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        *begun = Some(Instant::now());
    }

    /// Keeps a doubt until a look into the log that begins later than `since` has been applied.
    pub(crate) fn hold_until_looked(&self, since: Moment, doubt: Doubt) {
        /// While nobody looks nothing is served anyway.
        const MOST: usize = 256;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() < MOST {
            held.push((since, doubt));
        }
    }

    /// Does something once a look into the log that begins later than `since` has been applied: all
    /// that was committed by then is known here then. It may not be done at all.
    #[cfg_attr(
        not(feature = "cached-crate"),
        expect(dead_code, reason = "only the store for the crate cached needs it")
    )]
    pub(crate) fn after_look(&self, since: Moment, act: AfterLook) {
        const MOST: usize = 256;
        let mut waiting = self
            .after_look
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST {
            waiting.push((since, act));
        }
    }

    /// The others are told of this as soon as the log can be written: it was invalidated here, and no
    /// row of a transaction says so.
    ///
    /// Until then it is in doubt here, too: what Redis has of it cannot be judged.
    pub(crate) fn owe(&self, cache: &Cache, touched: &Touched) {
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        *owed = std::mem::take(&mut *owed).and(touched);
        drop(owed);
        // In this order: the look that begins later writes the row, and finds it.
        let since = cache.lease_clock().now();
        let versions = cache.versions();
        let doubt = if touched.is_everything() {
            versions.doubt_everything()
        } else {
            versions.doubt(touched.iter())
        };
        self.hold_until_looked(since, doubt);
        self.wake.notify_one();
    }

    /// What the others have to be told of.
    pub(super) fn owed(&self) -> Touched {
        let owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        owed.clone()
    }

    /// They were told of this.
    pub(super) fn told(&self, touched: &Touched) {
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        // Where more has come since, all of it is told once more.
        if *owed == *touched {
            *owed = Touched::default();
        }
    }

    /// A look that began then has been applied.
    pub(super) fn looked(&self, began: Moment) {
        let mut waiting = self
            .after_look
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (later, due): (Vec<_>, Vec<_>) =
            waiting.drain(..).partition(|(since, _)| *since >= began);
        *waiting = later;
        drop(waiting);
        if !due.is_empty() {
            // Not here: whoever looks into the log has the lease to renew.
            tokio::spawn(async move {
                for (_, act) in due {
                    act();
                    yield_now().await;
                }
            });
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|(since, _)| *since >= began);
    }

    /// The statement that writes a row of the log and gives the transaction's id; no id where the
    /// transaction may only read and has written nothing.
    pub(crate) fn row(&self, touched: &Touched) -> String {
        let row = touched.to_row();
        let detail = match &row.detail {
            // Read the same whatever the session takes a backslash for.
            Some(detail) => format!("E'{}'", detail.replace('\\', r"\\").replace('\'', r"\'")),
            None => "NULL".to_owned(),
        };
        let note = format!(
            "larder.note({}::pg_catalog.int2, '{}', {detail})",
            row.format,
            row.array()
        );
        if self.settings.notify {
            format!("SELECT {note} FROM pg_catalog.pg_notify('{CHANNEL}', '')")
        } else {
            format!("SELECT {note}")
        }
    }

    /// A transaction of this process was committed: applies what it touched, before whoever waits
    /// for it hears of it, and tells the others. Gives what [`apply`] gives.
    pub(crate) fn committed(
        &self,
        cache: &Cache,
        touched: &Touched,
        transaction: TransactionId,
        cause: Cause,
    ) -> u64 {
        self.learn(touched, transaction);
        let times = apply(cache, touched, cause);
        // Not before it is applied: the follower leaves out what stands here, and renews the
        // lease for it.
        self.lock_own().insert(transaction, touched.clone());
        self.announce();
        times
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

    /// Whether a row found in the log is this process's own, and applied already. A transaction can
    /// have others: those of triggers.
    pub(super) fn is_applied(&self, transaction: TransactionId, touched: &Touched) -> bool {
        let own = self.lock_own();
        let applied = own.get(&transaction);
        applied.is_some_and(|applied| applied.covers(touched))
    }

    /// Own transactions that this snapshot saw are not found in the log again.
    pub(super) fn forget_applied(&self, seen: &Snapshot) {
        self.lock_own()
            .retain(|transaction, _| !seen.sees(*transaction));
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

    /// All that is being written without a row.
    pub(super) fn all_unlogged(&self) -> Touched {
        let unlogged = self.lock_unlogged();
        let mut all = Touched::default();
        for touched in unlogged.values() {
            all = all.and(touched);
        }
        all
    }

    fn lock_own(&self) -> MutexGuard<'_, HashMap<TransactionId, Touched>> {
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

/// Makes what depends on what was touched wrong, in this process. Gives how many numbers of the
/// sequence of invalidations it took.
pub(crate) fn apply(cache: &Cache, touched: &Touched, cause: Cause) -> u64 {
    if touched.is_everything() {
        return cache.invalidate_everything(cause);
    }
    let by_pattern = touched
        .names()
        .map_or(0, |pattern| cache.invalidate_matching(pattern));
    let dependencies: Vec<_> = touched.iter().collect();
    by_pattern + cache.invalidate(&dependencies, cause)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use larder_cache::{CacheOptions, Dependency};

    use super::*;

    #[test]
    fn own_transactions_are_kept_until_the_log_was_looked_at_with_them_visible() {
        let fleet = Fleet::new(FleetSettings {
            max_staleness: Duration::from_secs(1),
            poll_interval: Duration::from_secs(1),
            notify: false,
            remember: true,
        });
        let cache = Cache::new(CacheOptions::default());
        let touched = Touched::dependencies([Dependency::table(1)]);
        for number in [5, 7, 8] {
            fleet.committed(&cache, &touched, TransactionId(number), Cause::Write);
        }
        // The follower had found 5 before it was noted, 7 still ran, and 8 came later.
        fleet.forget_applied(&"7:8:7".parse().unwrap());
        assert!(!fleet.is_applied(TransactionId(5), &touched));
        assert!(fleet.is_applied(TransactionId(7), &touched));
        assert!(fleet.is_applied(TransactionId(8), &touched));
        let of_a_trigger = Touched::dependencies([Dependency::table(2)]);
        assert!(!fleet.is_applied(TransactionId(8), &of_a_trigger));
    }
}
