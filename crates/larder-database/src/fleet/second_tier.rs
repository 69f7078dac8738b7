//! The second tier: results of other processes, in Redis, believed only as far as is known here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder_cache::l2::{Codec, Fetch, Header, Redis, UndecodableKind};
use larder_cache::{Cache, Dependency, Disbelief, Freshness, Kept, Key, Knowledge, Snapshot};
use larder_pool::deadline;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::failpoints;
use crate::warming::{HotKeys, Reserve};

/// How many results are asked for at once, or given: little enough that others who use the
/// connection do not wait long.
pub(crate) const PIECE: usize = 256;

/// Results that processes share through Redis.
///
/// Redis holds values and nothing else. Whether one is right is decided here: by the snapshot that
/// it carries, taken before its load, and by what this process knows of invalidations.
pub(crate) struct SecondTier {
    redis: Redis,
    codec: Codec,
    knowledge: Arc<Knowledge>,
    cache: Cache,
    /// What the keys begin with.
    prefix: String,
    /// How long a load of another process is waited for.
    load_lock: Duration,
    counters: Counters,
    /// Which results are read most.
    pub(crate) hot_keys: HotKeys,
    /// What was fetched before it is asked for.
    pub(crate) reserve: Reserve,
}

/// What a result is looked for and kept under in the second tier.
#[derive(Debug, Clone)]
pub(crate) struct SharedRead {
    pub(crate) key: Key,
    pub(crate) fingerprint: u128,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) freshness: Freshness,
    pub(crate) name: String,
}

/// A result of another process.
pub(crate) struct FoundValue {
    pub(crate) payload: Vec<u8>,
    pub(crate) kept: Kept,
    pub(crate) dependencies: Vec<Dependency>,
    /// Taken before its load.
    pub(crate) snapshot: Snapshot,
    bytes: Vec<u8>,
}

/// Whether this process may load, or another one does.
pub(crate) enum Turn {
    Found(FoundValue),
    /// Nobody else loads, as far as is known; said again when it is over.
    Mine,
    NotAsked,
}

/// What became of reads from the second tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SecondTierStatistics {
    /// Results that were served.
    pub hits: u64,
    /// Reads that found nothing.
    pub misses: u64,
    /// Results that were not believed, because something they depend on was written since.
    pub invalidated: u64,
    /// Results that were not believed, because the log no longer tells what happened since.
    pub beyond_horizon: u64,
    /// Values that could not be read: of another version, truncated, foreign.
    pub undecodable: u64,
    /// Reads that Redis did not answer in time, or that were not sent because it is in trouble.
    pub unavailable: u64,
    /// Results that were given to Redis.
    pub stored: u64,
    /// Results that were served from what was fetched before anybody asked. They count as hits too.
    pub from_reserve: u64,
}

#[derive(Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    invalidated: AtomicU64,
    beyond_horizon: AtomicU64,
    undecodable: AtomicU64,
    unavailable: AtomicU64,
    stored: AtomicU64,
}

impl SecondTier {
    /// The longest that a result is kept there. The log tells at least an hour.
    const LONGEST: Duration = Duration::from_secs(55 * 60);

    pub(crate) fn new(
        redis: Redis,
        codec: Codec,
        knowledge: Arc<Knowledge>,
        cache: Cache,
        namespace: &str,
        load_lock: Duration,
        hot_keys: HotKeys,
    ) -> Self {
        Self {
            redis,
            codec,
            knowledge,
            cache,
            prefix: format!("larder:{namespace}:"),
            load_lock,
            counters: Counters::default(),
            hot_keys,
            reserve: Reserve::default(),
        }
    }

    pub(crate) fn redis(&self) -> &Redis {
        &self.redis
    }

    pub(crate) fn statistics(&self) -> SecondTierStatistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        SecondTierStatistics {
            hits: read(&counters.hits),
            misses: read(&counters.misses),
            invalidated: read(&counters.invalidated),
            beyond_horizon: read(&counters.beyond_horizon),
            undecodable: read(&counters.undecodable),
            unavailable: read(&counters.unavailable),
            stored: read(&counters.stored),
            from_reserve: self.reserve.count_served(),
        }
    }

    /// The result, if it is there and to be believed. One round trip, bounded by the deadline.
    pub(crate) async fn fetch(&self, read: &SharedRead) -> Option<FoundValue> {
        if let Some(found) = self.fetch_from_reserve(read) {
            return Some(found);
        }
        let key = self.key(read.key);
        let fetched = deadline::in_time("Redis", self.redis.get(&key)).await;
        let fetched = fetched.unwrap_or(Fetch::Unavailable);
        self.judge(read, &key, fetched)
    }

    /// The result, if it was fetched before anybody asked for it. Believed as one that Redis
    /// answers now: it says itself as of when it is, and how much of its time has passed is known.
    fn fetch_from_reserve(&self, read: &SharedRead) -> Option<FoundValue> {
        let fetched = self.reserve.take(read.key)?;
        // What is not believed counts when Redis has answered: it may have a newer one.
        let found = self.weigh(read, &self.key(read.key), fetched).ok()?;
        count(&self.counters.hits);
        self.reserve.served();
        Some(found)
    }

    /// The same for several, some hundreds in one round trip together. Once Redis has not answered
    /// it is not asked for more: so many keys would soon look like so many faults.
    pub(crate) async fn fetch_many(&self, reads: &[SharedRead]) -> Vec<Option<FoundValue>> {
        let mut found = Vec::with_capacity(reads.len());
        let mut answers = true;
        for reads in reads.chunks(PIECE) {
            let mut reserved: Vec<_> = reads
                .iter()
                .inspect(|read| self.hot_keys.missed(read.key))
                .map(|read| self.fetch_from_reserve(read))
                .collect();
            let asked = reads.iter().zip(&mut reserved);
            let asked = asked.filter(|(_, found)| found.is_none());
            let (keys, asked): (Vec<String>, Vec<_>) =
                asked.map(|asked| (self.key(asked.0.key), asked)).unzip();
            let fetched = if answers {
                let fetched = deadline::in_time("Redis", self.redis.get_many(&keys)).await;
                fetched.unwrap_or_else(|| vec![Fetch::Unavailable; keys.len()])
            } else {
                vec![Fetch::Unavailable; keys.len()]
            };
            answers = keys.is_empty() || fetched.iter().any(|fetch| *fetch != Fetch::Unavailable);
            for (((read, found), key), fetched) in asked.into_iter().zip(&keys).zip(fetched) {
                *found = self.judge(read, key, fetched);
            }
            found.extend(reserved);
        }
        found
    }

    /// Whether a result would be taken now: asked before one is written, because that takes time.
    pub(crate) fn has_room(&self) -> bool {
        self.redis.has_room()
    }

    /// Looks for the result, and where another process loads it just now, waits a while for that.
    pub(crate) async fn take_turn(&self, read: &SharedRead) -> Turn {
        /// How often it is looked whether the other one has finished.
        const LOOK: Duration = Duration::from_millis(10);
        // Without the lease nothing would be believed.
        if !self.has_lease() || !self.is_open_to(&read.dependencies) {
            return Turn::NotAsked;
        }
        self.hot_keys.missed(read.key);
        if let Some(found) = self.fetch(read).await {
            return Turn::Found(found);
        }
        if self.load_lock.is_zero() || !self.redis.is_available() {
            return Turn::NotAsked;
        }
        let lock = self.lock(read.key);
        if self.redis.try_lock(&lock, self.load_lock).await {
            return Turn::Mine;
        }
        let since = Instant::now();
        while since.elapsed() < self.load_lock && self.redis.is_available() {
            sleep(LOOK).await;
            if let Some(found) = self.fetch(read).await {
                return Turn::Found(found);
            }
            // The other one may have ended without a result.
            if self.redis.try_lock(&lock, self.load_lock).await {
                return Turn::Mine;
            }
        }
        Turn::NotAsked
    }

    /// The load that was this process's turn is over.
    pub(crate) fn end_turn(&self, key: Key) {
        self.redis.unlock(self.lock(key));
    }

    /// Gives a result to Redis. Nobody waits for that.
    pub(crate) fn store(
        &self,
        read: SharedRead,
        snapshot: Snapshot,
        load_time: Duration,
        payload: &[u8],
    ) {
        if !self.is_open_to(&read.dependencies) || !self.has_room() {
            return;
        }
        let ttl = read.freshness.ttl.min(Self::LONGEST);
        let beyond = read.freshness.stale_for.max(read.freshness.stale_if_error);
        let key = self.key(read.key);
        let header = Header {
            fingerprint: read.fingerprint,
            stored_at_ms: now_ms(),
            ttl,
            stale_for: read.freshness.stale_for,
            stale_if_error: read.freshness.stale_if_error,
            load_time,
            snapshot,
            dependencies: read.dependencies,
            name: read.name,
        };
        let value = self.codec.encode(&key, &header, payload);
        count(&self.counters.stored);
        self.redis
            .put(key, value, ttl.saturating_add(beyond).min(Self::LONGEST));
    }

    /// A value that was believed did not fit what it was read as.
    pub(crate) fn does_not_fit(&self, key: Key, found: FoundValue) {
        count(&self.counters.undecodable);
        self.redis.remove_if_unchanged(self.key(key), found.bytes);
    }

    /// The result, if it is to be believed, and counts what became of it.
    fn judge(&self, read: &SharedRead, key: &str, fetched: Fetch) -> Option<FoundValue> {
        let weighed = self.weigh(read, key, fetched);
        count(match &weighed {
            Ok(_) => &self.counters.hits,
            Err(counter) => counter,
        });
        weighed.ok()
    }

    /// The result, if it is to be believed; otherwise as what it counts.
    fn weigh(
        &self,
        read: &SharedRead,
        key: &str,
        fetched: Fetch,
    ) -> Result<FoundValue, &AtomicU64> {
        let (bytes, life) = match fetched {
            Fetch::Found { bytes, life } => (bytes, life),
            Fetch::Missing => {
                return Err(&self.counters.misses);
            }
            Fetch::Unavailable => {
                return Err(&self.counters.unavailable);
            }
        };
        let (header, payload) = match self.codec.decode(key, &bytes, read.fingerprint) {
            Ok(decoded) => decoded,
            Err(error) => {
                tracing::debug!("failed to {error}: a result in Redis is not used");
                // What another version or another holder of keys can read is theirs: two that
                // removed each other's results would never keep any.
                let is_anybodys = matches!(
                    error.kind,
                    UndecodableKind::Version
                        | UndecodableKind::Fingerprint
                        | UndecodableKind::Sealed
                );
                if !is_anybodys {
                    self.redis.remove_if_unchanged(key.to_owned(), bytes);
                }
                return Err(&self.counters.undecodable);
            }
        };
        let dependencies = header
            .dependencies
            .iter()
            .chain(&read.dependencies)
            .copied();
        let belief = self
            .knowledge
            .check(&header.snapshot, dependencies, &read.name);
        match belief {
            _ if failpoints::is_on("trust-l2") => {}
            // What is known is forgotten where another history begins, after the lease has ended.
            Ok(()) if self.has_lease() && self.is_open_to(&header.dependencies) => {}
            Ok(()) | Err(Disbelief::Invalidated) => {
                return Err(&self.counters.invalidated);
            }
            Err(_) => {
                return Err(&self.counters.beyond_horizon);
            }
        }
        let Some(fresh_for) = fresh_for(&header, life) else {
            return Err(&self.counters.misses);
        };
        Ok(FoundValue {
            payload,
            kept: Kept {
                fresh_for,
                load_time: header.load_time,
            },
            dependencies: header.dependencies,
            snapshot: header.snapshot,
            bytes,
        })
    }

    fn has_lease(&self) -> bool {
        self.cache.lease().holds(self.cache.lease_clock().now())
    }

    /// Whether none of these is switched off, or in doubt: nothing of them is served then, wherever
    /// it is kept.
    fn is_open_to(&self, dependencies: &[Dependency]) -> bool {
        let versions = self.cache.versions();
        versions.are_current(&versions.slots(dependencies), versions.now())
    }

    /// The channel of hints between processes on this database.
    pub(crate) fn channel(&self, database: &str) -> String {
        format!("{}news:{database}", self.prefix)
    }

    fn key(&self, key: Key) -> String {
        self.key_of(&key.as_u128())
    }

    /// The key in Redis of a key of results, by its number.
    pub(crate) fn key_of(&self, key: &u128) -> String {
        format!("{}{key:032x}", self.prefix)
    }

    /// Where the hottest keys of this database are listed.
    pub(crate) fn list_of_hot_keys(&self, database: &str) -> String {
        format!("{}hot:{database}", self.prefix)
    }

    fn lock(&self, key: Key) -> String {
        format!("{}{key}:load", self.prefix)
    }
}

/// How much longer a value is fresh, by what Redis says of its life: clocks of different machines
/// are not compared.
fn fresh_for(header: &Header, life: Option<Duration>) -> Option<Duration> {
    let beyond = header.stale_for.max(header.stale_if_error);
    let whole = header.ttl.saturating_add(beyond).min(SecondTier::LONGEST);
    let age = whole.saturating_sub(life?);
    let left = header.ttl.saturating_sub(age);
    (!left.is_zero()).then_some(left)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
