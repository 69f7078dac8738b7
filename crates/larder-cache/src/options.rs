//! The options of a cache, and how long a result is good for.

use std::time::Duration;

use crate::clock::Clock;

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
