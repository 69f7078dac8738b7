//! The options of a cache, and how long a result is good for.

use std::time::Duration;

use crate::clock::Clock;
use crate::lease::Lease;

/// The options of a [`Cache`](crate::Cache).
#[derive(Debug, Clone)]
pub struct CacheOptions {
    /// How many entries are kept at most; 0 keeps none. The bound in bytes holds too.
    ///
    /// The cache is divided into shards with bounds of their own, so it begins to evict a
    /// little earlier.
    pub max_entries: usize,
    /// How many bytes the entries take at most, by the estimate described at
    /// [`Loaded::bytes`](crate::Loaded::bytes). One entry may take 97 % of a shard's part of
    /// it; a heavier one is refused and counted.
    pub max_bytes: u64,
    /// How often [`Cache::run_cleanup`](crate::Cache::run_cleanup) removes entries whose time
    /// is up. They are never served in between.
    pub cleanup_interval: Duration,
    /// The clock: [`Clock::system`], except in tests.
    pub clock: Clock,
    /// Until when entries may be served: [`Lease::permanent`] where nobody writes behind this
    /// process's back.
    pub lease: Lease,
    /// How eagerly an entry is loaded anew before its time is up, so that its readers do not all
    /// miss it in the same moment. 1 is what fits most; 0 waits for the end.
    ///
    /// This is XFetch (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede
    /// Prevention, PVLDB 2015): a reader begins a load if its time now, plus the time that the
    /// last load took, times this, times the negative logarithm of a random number, is past the
    /// end.
    pub early_refresh: f64,
    /// By which share of its `ttl` an entry may live shorter, by chance, so that those which were
    /// stored together do not end together. 0.05 is 5 %.
    pub jitter: f64,
}

impl Default for CacheOptions {
    /// A thousand entries in 64 MiB, cleaned up every minute, on a permanent lease, without early
    /// refresh and jitter.
    fn default() -> Self {
        Self {
            max_entries: 1_000,
            max_bytes: 64 << 20,
            cleanup_interval: Duration::from_secs(60),
            clock: Clock::system(),
            lease: Lease::permanent(),
            early_refresh: 0.0,
            jitter: 0.0,
        }
    }
}

/// How long a result is good for, counted from the end of its load.
///
/// None of this applies to a result that was invalidated: it is never served again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Freshness {
    /// How long it is served as it is. Zero: the read goes past the cache as with
    /// [`Mode::Bypass`](crate::Mode::Bypass).
    pub ttl: Duration,
    /// For how much longer it is served while one load in the background replaces it.
    pub stale_for: Duration,
    /// For how long after `ttl` it is served when a load failed.
    pub stale_if_error: Duration,
}

impl Freshness {
    /// Served for `ttl`, and not a moment longer.
    #[must_use]
    pub fn for_ttl(ttl: Duration) -> Self {
        Self {
            ttl,
            stale_for: Duration::ZERO,
            stale_if_error: Duration::ZERO,
        }
    }
}
