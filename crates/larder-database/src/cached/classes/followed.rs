//! Results under some keys of a class, followed from their load to their end.

use std::collections::HashMap;
use std::time::Duration;

use larder_cache::{Cache, Key, Moment, Slots, Version};

/// The results that are followed: those under a bounded number of keys.
///
/// Which keys these are is decided by their hash, so that one that is followed is followed at
/// every load. Where there are too many, every second one is given up. Choosing single loads
/// instead would take most reloads for first loads. (This is the spatial sampling of Waldspurger,
/// Park, Garthwaite and Ahmad: Efficient MRC Construction with SHARDS, FAST 2015.)
#[derive(Debug, Default)]
pub(super) struct Followed {
    results: HashMap<Key, Stored>,
    /// Of keys, one in two to the power of this is followed.
    thinned: u32,
}

/// A result that was stored.
#[derive(Debug)]
pub(super) struct Stored {
    /// Taken before it was loaded.
    pub(super) as_of: Version,
    /// What it depends on.
    pub(super) slots: Vec<Slots>,
    pub(super) stored: Moment,
    pub(super) ttl: Duration,
    /// What tells it from others.
    pub(super) digest: Option<u128>,
    /// The hits of its class by then.
    pub(super) hits: u64,
}

/// Why a result had to be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The time of the one that was kept was up, or nearly.
    TimeUp,
    /// A write had made it wrong, or somebody has said so.
    Invalidated,
    /// It had to make room, or nobody knows where it is.
    Lost,
    /// The reader wanted another one.
    Refreshed,
}

/// How the result ended that was there before.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) cause: Cause,
    pub(super) age: Duration,
    pub(super) digest: Option<u128>,
    pub(super) hits: u64,
}

impl Followed {
    /// Some tens of kilobytes at most for each class that is read by that many keys.
    const MOST: usize = 64;

    /// Whether results under this key are followed.
    pub(super) fn follows(&self, key: Key) -> bool {
        // The key is a hash: any of its bits will do.
        let bits = key.as_u128() as u64;
        bits & ((1 << self.thinned.min(63)) - 1) == 0
    }

    /// How the last result under this key ended, as a load of another begins.
    pub(super) fn end(&self, key: Key, cache: &Cache, refresh: bool) -> Option<End> {
        let result = self.results.get(&key)?;
        let age = cache.clock().now().since(result.stored);
        let versions = cache.versions();
        let is_right = |slots: &Slots| versions.are_current(slots, result.as_of);
        let cause = if !result.slots.iter().all(is_right) {
            Cause::Invalidated
        } else if cache.stamp(key).is_some() {
            // It is there and could be served: it is loaded ahead of its end, or past it in the
            // background.
            if refresh {
                Cause::Refreshed
            } else {
                Cause::TimeUp
            }
        } else if age >= result.ttl.mul_f64(MOSTLY) {
            Cause::TimeUp
        } else {
            Cause::Lost
        };
        Some(End {
            cause,
            age,
            digest: result.digest,
            hits: result.hits,
        })
    }

    /// Follows a result that is being stored.
    pub(super) fn follow(&mut self, key: Key, result: Stored) {
        while self.follows(key)
            && self.results.len() >= Self::MOST
            && !self.results.contains_key(&key)
        {
            self.thinned += 1;
            let mut results = std::mem::take(&mut self.results);
            results.retain(|key, _| self.follows(*key));
            self.results = results;
        }
        if self.follows(key) {
            self.results.insert(key, result);
        }
    }

    /// There is no result under this key any more.
    pub(super) fn forget(&mut self, key: Key) {
        self.results.remove(&key);
    }
}

/// A result may live shorter than its time by the jitter of the cache.
const MOSTLY: f64 = 0.8;

#[cfg(test)]
mod tests {
    use larder_cache::{CacheOptions, KeyBuilder};

    use super::*;

    fn result(cache: &Cache) -> Stored {
        Stored {
            as_of: cache.versions().now(),
            slots: Vec::new(),
            stored: cache.clock().now(),
            ttl: Duration::from_secs(60),
            digest: None,
            hits: 0,
        }
    }

    #[test]
    fn of_many_keys_the_same_few_are_followed() {
        let cache = Cache::new(CacheOptions::default());
        let mut followed = Followed::default();
        let keys: Vec<Key> = (0..10_000)
            .map(|number| KeyBuilder::new().u32(number).finish())
            .collect();
        for key in &keys {
            followed.follow(*key, result(&cache));
            assert!(followed.results.len() <= Followed::MOST);
        }
        let known = followed.results.len();
        assert!(known >= Followed::MOST / 8, "{known}");
        for key in keys.iter().filter(|key| followed.follows(**key)) {
            assert!(followed.results.contains_key(key), "it was never given up");
        }
    }
}
