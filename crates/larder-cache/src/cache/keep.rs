//! Storing what was loaded.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::Inner;
use crate::clock::Moment;
use crate::entry::{Entry, Facts, Times};
use crate::key::Key;
use crate::options::Freshness;
use crate::patterns::Checked;
use crate::request::{Basis, Loaded};
use crate::slots::Slots;
use crate::versions::Version;

/// What is known of a load beside what it gave.
pub(super) struct Landing<'l> {
    pub(super) key: Key,
    /// Taken before the load began.
    pub(super) as_of: Version,
    /// The number of the load.
    pub(super) flight: u64,
    /// What was known before the load of what the value depends on.
    pub(super) known: &'l Slots,
    pub(super) freshness: Freshness,
    /// What the load took.
    pub(super) took: Duration,
    /// The readable name; `None` if the value may not be stored.
    pub(super) name: Option<String>,
}

/// What became of it.
pub(super) struct Kept {
    pub(super) basis: Basis,
    /// It is stored now.
    pub(super) is_stored: bool,
}

impl Inner {
    /// Stores what was loaded, if it may be and is still current.
    pub(super) fn keep<V>(&self, landing: Landing<'_>, loaded: &Loaded<V>) -> Kept
    where
        V: Clone + Send + Sync + 'static,
    {
        let freshness = loaded.freshness(landing.freshness);
        let mut load_time = landing.took;
        if let Some(kept) = loaded.kept {
            self.counters.fetched.increment();
            load_time = kept.load_time;
        }
        let slots = self.versions.union(landing.known, &loaded.dependencies);
        let now = self.clock.now();
        let times = self.times(now, freshness, load_time);
        let basis = Basis {
            dependencies: slots.clone(),
            snapshot: loaded.snapshot.clone(),
            by_time: loaded.by_time,
            is_storable: loaded.storable,
            fresh_for: times.fresh_for(now),
        };
        let mut is_stored = false;
        if let Some(name) = landing.name
            && self.is_enabled()
            && !freshness.ttl.is_zero()
            && self.versions.are_current(&slots, landing.as_of)
        {
            let facts = Facts {
                as_of: landing.as_of,
                load_time,
                digest: loaded.digest,
                flight: landing.flight,
                slots,
                snapshot: loaded.snapshot.as_ref().map(Arc::clone),
                by_time: loaded.by_time,
                name: name.into(),
                checked: Checked::new(landing.as_of),
                times,
                refreshing: AtomicBool::new(false),
                value_bytes: loaded.bytes,
                value_type: std::any::type_name::<V>(),
            };
            is_stored = self.store(landing.key, Entry::new(facts, loaded.value.clone()));
        }
        Kept { basis, is_stored }
    }

    /// The times of a value stored now, a little shorter than asked for by chance.
    fn times(&self, now: Moment, mut freshness: Freshness, load_time: Duration) -> Times {
        if self.jitter > 0.0 {
            let share = 1.0 - self.jitter * fastrand::f64();
            freshness.ttl = freshness.ttl.mul_f64(share);
        }
        Times::new(now, freshness, self.eagerness(load_time))
    }

    /// Stores an entry, unless there is a good one of a later flight. Says whether it did.
    ///
    /// An invalidation that comes between the check and the store does no harm: the entry
    /// carries the version of its load and is checked again at every read.
    fn store(&self, key: Key, entry: Arc<Entry>) -> bool {
        // Declared before the lock, and so dropped after it.
        let (kept, inserted);
        let _apron = self.flights.lock(key);
        kept = self.store.peek(key);
        if let Some(kept) = &kept
            && kept.facts.flight > entry.facts.flight
            && self.is_current(kept)
        {
            return false;
        }
        if !self.patterns.spare(&entry.facts.name, &entry.facts.checked) {
            return false;
        }
        inserted = self.store.insert(key, entry);
        self.counters.evictions.add(inserted.evicted);
        if inserted.refused {
            self.counters.refused.increment();
        } else {
            self.counters.sets.increment();
        }
        !inserted.refused
    }
}
