//! What a cache has done.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde::Serialize;

/// What invalidated something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// A write that was committed.
    Write,
    /// A write of which it is not known whether it was committed.
    Doubt,
    /// A commit of another process.
    Remote,
    /// It cannot be told what other processes have written: the log has a gap, or the database
    /// has another history than before.
    Gap,
    /// A change of the schema.
    Schema,
    /// A caller named tables.
    Table,
    /// A caller named tags.
    Tag,
    /// A caller named a service.
    Service,
    /// A caller gave a pattern.
    Pattern,
    /// A caller asked for everything.
    Everything,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 10] = [
        Self::Write,
        Self::Doubt,
        Self::Remote,
        Self::Gap,
        Self::Schema,
        Self::Table,
        Self::Tag,
        Self::Service,
        Self::Pattern,
        Self::Everything,
    ];

    /// Its name, as a label of metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Doubt => "doubt",
            Self::Remote => "remote",
            Self::Gap => "gap",
            Self::Schema => "schema",
            Self::Table => "table",
            Self::Tag => "tag",
            Self::Service => "service",
            Self::Pattern => "pattern",
            Self::Everything => "everything",
        }
    }
}

/// What a cache has done since it was made, and what it holds.
///
/// Each read counts once as a hit, a stale hit, a miss, joined or bypassed. Reading does not
/// stop the counting, so sums may be off by what happens meanwhile.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CacheStatistics {
    /// Reads served by a fresh entry.
    pub hits: u64,
    /// Reads served by an entry past its time while it was replaced in the background.
    pub stale_hits: u64,
    /// Reads that began a load and waited for it.
    pub misses: u64,
    /// Reads that waited for a load that another one had begun.
    pub joined: u64,
    /// Reads that went past the cache: by their mode, by a `ttl` of zero, or because the cache
    /// is off.
    pub bypassed: u64,
    /// Misses and joined reads that were served an entry past its time because the load failed.
    pub stale_on_error: u64,
    /// Loads begun: those of misses, of refreshes in the background, and past the cache.
    pub loads: u64,
    /// Loads that a second tier answered, so that the database was not asked.
    pub fetched: u64,
    /// Loads that failed or panicked.
    pub load_errors: u64,
    /// Results stored.
    pub sets: u64,
    /// Entries that made room for others.
    pub evictions: u64,
    /// Entries removed by the clean-up because their time was up.
    pub expired: u64,
    /// Results not stored because they were too heavy.
    pub refused: u64,
    /// Invalidations, by what caused them.
    pub invalidations: BTreeMap<Cause, u64>,
    /// Entries held, including those that were invalidated and not yet replaced.
    pub entries: u64,
    /// What they weigh, in bytes.
    pub bytes: u64,
    /// Hits and stale hits among all reads that did not go past the cache, from 0 to 1; 0 before
    /// the first.
    pub hit_rate: f64,
}

/// The counters behind [`CacheStatistics`].
pub(crate) struct Counters {
    lookups: [Lookups; STRIPES],
    pub(crate) bypassed: Counter,
    pub(crate) stale_on_error: Counter,
    pub(crate) loads: Counter,
    pub(crate) fetched: Counter,
    pub(crate) load_errors: Counter,
    pub(crate) sets: Counter,
    pub(crate) evictions: Counter,
    pub(crate) expired: Counter,
    pub(crate) refused: Counter,
    invalidations: [Counter; Cause::ALL.len()],
}

/// The counters that every read touches, one set for each of a few groups of threads, so that
/// threads do not take the same cache line from each other on every hit.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Lookups {
    pub(crate) hits: Counter,
    pub(crate) stale_hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) joined: Counter,
}

const STRIPES: usize = 16;

/// A number that grows. Relaxed: nothing is concluded from it.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    pub(crate) fn increment(&self) {
        self.add(1);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            lookups: std::array::from_fn(|_| Lookups::default()),
            bypassed: Counter::default(),
            stale_on_error: Counter::default(),
            loads: Counter::default(),
            fetched: Counter::default(),
            load_errors: Counter::default(),
            sets: Counter::default(),
            evictions: Counter::default(),
            expired: Counter::default(),
            refused: Counter::default(),
            invalidations: std::array::from_fn(|_| Counter::default()),
        }
    }

    /// This thread's set.
    pub(crate) fn lookups(&self) -> &Lookups {
        thread_local! {
            static STRIPE: usize = {
                static NEXT: AtomicUsize = AtomicUsize::new(0);
                NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES
            };
        }
        // A thread that ends has no number any more.
        &self.lookups[STRIPE.try_with(|stripe| *stripe).unwrap_or(0)]
    }

    pub(crate) fn invalidated(&self, cause: Cause) {
        self.invalidations[cause as usize].increment();
    }

    pub(crate) fn statistics(&self, doubts: u64, entries: u64, bytes: u64) -> CacheStatistics {
        let sum = |of: fn(&Lookups) -> &Counter| -> u64 {
            self.lookups.iter().map(|lookups| of(lookups).get()).sum()
        };
        let (hits, stale_hits) = (sum(|of| &of.hits), sum(|of| &of.stale_hits));
        let (misses, joined) = (sum(|of| &of.misses), sum(|of| &of.joined));
        let served = hits + stale_hits;
        let mut invalidations: BTreeMap<Cause, u64> = Cause::ALL
            .into_iter()
            .map(|cause| (cause, self.invalidations[cause as usize].get()))
            .collect();
        *invalidations.entry(Cause::Doubt).or_default() += doubts;
        CacheStatistics {
            hits,
            stale_hits,
            misses,
            joined,
            bypassed: self.bypassed.get(),
            stale_on_error: self.stale_on_error.get(),
            loads: self.loads.get(),
            fetched: self.fetched.get(),
            load_errors: self.load_errors.get(),
            sets: self.sets.get(),
            evictions: self.evictions.get(),
            expired: self.expired.get(),
            refused: self.refused.get(),
            invalidations,
            entries,
            bytes,
            hit_rate: served as f64 / (served + misses + joined).max(1) as f64,
        }
    }
}
