//! The store in the process (L1): entries within bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};

use crate::clock::Moment;
use crate::entry::Entry;
use crate::expiry::{Expiry, Record};
use crate::key::Key;

/// Entries by key, bounded by number and by bytes, with the set of their expiry times.
pub(crate) struct Store {
    entries: Cache<Key, Arc<Entry>, Weight, DefaultHashBuilder, Collect>,
    expiry: Expiry,
    bytes: AtomicU64,
}

/// What became of an insert. Holds the entries that had to go: to be dropped where no lock is
/// held, because dropping a value may run anybody's code.
#[must_use]
pub(crate) struct Inserted {
    /// The entry was too heavy and is not there.
    pub(crate) refused: bool,
    /// How many others had to make room.
    pub(crate) evicted: u64,
    _gone: Vec<(Key, Arc<Entry>)>,
}

/// An entry weighs its bytes, and at least so much that no more entries than may be find room:
/// so one bound holds both.
#[derive(Clone)]
struct Weight {
    least: u64,
}

impl Weighter<Key, Arc<Entry>> for Weight {
    fn weight(&self, _: &Key, entry: &Arc<Entry>) -> u64 {
        entry.weight().max(self.least)
    }
}

/// Collects what an insert pushed out.
#[derive(Clone)]
struct Collect;

impl Lifecycle<Key, Arc<Entry>> for Collect {
    type RequestState = Vec<(Key, Arc<Entry>)>;

    fn on_evict(&self, gone: &mut Self::RequestState, key: Key, entry: Arc<Entry>) {
        gone.push((key, entry));
    }
}

impl Store {
    pub(crate) fn new(max_entries: usize, max_bytes: u64) -> Self {
        let shards = shards(max_entries);
        let max_bytes = if max_entries == 0 { 0 } else { max_bytes };
        // Both rounded down, so that the shards together stay within the bounds.
        let shard_bytes = max_bytes / shards as u64;
        let shard_entries = (max_entries / shards) as u64;
        let mut options = OptionsBuilder::new();
        options
            .shards(shards)
            .estimated_items_capacity(max_entries)
            .weight_capacity(shard_bytes * shards as u64);
        #[expect(clippy::expect_used, reason = "both required options are given")]
        let options = options.build().expect("complete options");
        Self {
            entries: Cache::with_options(
                options,
                Weight {
                    // One entry more than may be is too heavy for a shard by a byte.
                    least: shard_bytes / (shard_entries + 1) + 1,
                },
                DefaultHashBuilder::default(),
                Collect,
            ),
            expiry: Expiry::default(),
            bytes: AtomicU64::new(0),
        }
    }

    /// The entry, counted as used.
    pub(crate) fn get(&self, key: Key) -> Option<Arc<Entry>> {
        self.entries.get(&key)
    }

    /// The entry, not counted as used.
    pub(crate) fn peek(&self, key: Key) -> Option<Arc<Entry>> {
        self.entries.peek(&key)
    }

    pub(crate) fn insert(&self, key: Key, entry: Arc<Entry>) -> Inserted {
        // First the record and then the entry: whoever evicts the entry finds its record.
        self.expiry.insert(key, &entry);
        self.bytes.fetch_add(entry.weight(), Ordering::Relaxed);
        let mut gone = Vec::new();
        self.entries
            .insert_with_lifecycle(key, Arc::clone(&entry), &mut gone);
        let mut inserted = Inserted {
            refused: false,
            evicted: 0,
            _gone: Vec::new(),
        };
        for (other, out) in &gone {
            self.forget(*other, out);
            inserted.refused |= Arc::ptr_eq(out, &entry);
            // Under its own key it was replaced.
            inserted.evicted += u64::from(*other != key);
        }
        inserted._gone = gone;
        inserted
    }

    /// Removes this very entry, if it is still there.
    pub(crate) fn remove(&self, key: Key, entry: &Arc<Entry>) {
        if self
            .entries
            .remove_if(&key, |kept| Arc::ptr_eq(kept, entry))
            .is_some()
        {
            self.forget(key, entry);
        }
    }

    /// Removes the entries whose time is up, and says how many. Does not look at the others.
    pub(crate) fn remove_dead(&self, now: Moment) -> usize {
        self.remove_all(|most| self.expiry.take_due(now, most))
    }

    /// Removes everything.
    pub(crate) fn clear(&self) {
        self.remove_all(|most| self.expiry.take_any(most));
    }

    fn remove_all(&self, take: impl Fn(usize) -> Vec<Record>) -> usize {
        /// So many at a time that those who store do not wait long.
        const BATCH: usize = 256;
        let mut removed = 0;
        loop {
            let batch = take(BATCH);
            for (_, key, flight) in &batch {
                let gone = self
                    .entries
                    .remove_if(key, |entry| entry.facts.flight == *flight);
                if let Some((_, entry)) = gone {
                    self.bytes.fetch_sub(entry.weight(), Ordering::Relaxed);
                    removed += 1;
                }
            }
            if batch.len() < BATCH {
                return removed;
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn forget(&self, key: Key, entry: &Entry) {
        self.expiry.remove(key, entry);
        self.bytes.fetch_sub(entry.weight(), Ordering::Relaxed);
    }
}

/// As many shards as keep threads apart, but none so small that keys spread unevenly fill one
/// long before the others.
fn shards(max_entries: usize) -> usize {
    const LEAST_ENTRIES: usize = 128;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let wanted = (threads * 4).next_power_of_two();
    let possible = (max_entries / LEAST_ENTRIES).max(1);
    // Rounded down to a power of two.
    wanted.min(1 << possible.ilog2())
}

#[cfg(test)]
mod tests;
