//! How much of a skewed load caches answer that have the same bytes.

use std::convert::Infallible;

use cached::{Cached, CachedPeek, LruCache};
use larder_cache::{
    Cache, CacheOptions, Clock, Dependency, EntryName, Freshness, Key, KeyBuilder, Loaded, Mode,
    Request,
};

use super::TTL;
use super::filled::TABLE;
use crate::error::{Error, Result};
use crate::outcome::{HitRatio, HitRatios};
use crate::race::Effort;

/// Different keys.
const KEYS: u32 = 100_000;

/// The key of rank n is asked for in proportion to 1 / n^SKEW.
const SKEW: f64 = 0.99;

/// Values have so many bytes, each power of two between them equally often, whatever their rank.
const SMALLEST: f64 = 256.0;
const LARGEST: f64 = 65_536.0;

/// The same load in every run.
const SEED: u64 = 0x5eed;

/// How much of all entries find room: one in so many bytes.
const PARTS: [(u64, [&str; 3]); 2] = [
    (100, ["larder_1", "moka_1", "cached_1"]),
    (10, ["larder_10", "moka_10", "cached_10"]),
];

/// What is asked for, in this order.
struct Load {
    reads: Vec<u32>,
    /// The first of them fill the caches and do not count.
    uncounted: usize,
    /// What the value of each key has.
    bytes: Vec<u32>,
    /// What an entry has beside its value.
    beside: u32,
}

impl Load {
    fn new(count: usize, beside: u32) -> Self {
        let mut random = fastrand::Rng::with_seed(SEED);
        let doublings = (LARGEST / SMALLEST).log2();
        let bytes = (0..KEYS)
            .map(|_| (SMALLEST * (random.f64() * doublings).exp2()) as u32)
            .collect();
        let mut sum = 0.0;
        let sums: Vec<f64> = (1..=KEYS)
            .map(|rank| {
                sum += f64::from(rank).powf(-SKEW);
                sum
            })
            .collect();
        let rank = |_| {
            let place = random.f64() * sum;
            sums.partition_point(|upto| *upto <= place) as u32
        };
        Self {
            reads: (0..count).map(rank).map(|key| key.min(KEYS - 1)).collect(),
            uncounted: count / 4,
            bytes,
            beside,
        }
    }

    /// What an entry takes, for all caches alike.
    fn weight(&self, key: u32) -> u32 {
        self.bytes[key as usize] + self.beside
    }

    fn total(&self) -> u64 {
        (0..KEYS).map(|key| u64::from(self.weight(key))).sum()
    }

    /// The share of reads, in percent, that this answers.
    fn percent(&self, mut answers: impl FnMut(u32) -> bool) -> f64 {
        let mut hits = 0_usize;
        for (place, key) in self.reads.iter().enumerate() {
            hits += usize::from(answers(*key) && place >= self.uncounted);
        }
        self.percent_of(hits)
    }

    fn percent_of(&self, hits: usize) -> f64 {
        hits as f64 * 100.0 / (self.reads.len() - self.uncounted) as f64
    }
}

pub(super) async fn measure(effort: Effort) -> Result<HitRatios> {
    let beside = beside().await?;
    let load = Load::new(effort.choose(4_000_000, 1_000_000), beside);
    let total = load.total();
    let mean = total / u64::from(KEYS);
    let mut rows = Vec::new();
    for (part, [ours, moka_name, cached_name]) in PARTS {
        let budget = total / part;
        rows.push(larder(&load, budget, ours).await?);
        rows.push(moka(&load, budget, moka_name));
        rows.push(lru(&load, budget, cached_name)?);
    }
    let counted = load.reads.len() - load.uncounted;
    Ok(HitRatios {
        title: "Hits of a skewed load, at the same bytes".to_owned(),
        rows,
        notes: vec![
            format!(
                "{counted} reads of {KEYS} keys by Zipf's law (exponent {SKEW}), after {} that \
                 fill the caches; values of {SMALLEST} B to {LARGEST} B, whatever their rank.",
                load.uncounted
            ),
            format!(
                "An entry weighs its value and the {beside} B that Larder counts beside it, for \
                 all three. moka has a weigher. The LRU of the crate cached bounds the number of \
                 entries, not their bytes: it may hold as many as have those bytes at the mean \
                 weight of {mean} B. Larder's own bound on the number of entries is so high that \
                 bytes alone decide. Held is what each had at the end."
            ),
        ],
    })
}

/// What Larder counts beside the value of an entry, asked of itself.
async fn beside() -> Result<u32> {
    let cache = cache(1_000, 1 << 20);
    store(&cache, 0, 0).await?;
    u32::try_from(cache.statistics().bytes).map_err(|error| Error::Cache(error.to_string()))
}

async fn larder(load: &Load, budget: u64, name: &'static str) -> Result<HitRatio> {
    // The bound by number is to be none here, also where all entries are of the smallest: an
    // entry never weighs less than the one by the other.
    let least = SMALLEST as u64 + u64::from(load.beside);
    let entries = usize::try_from(budget / least).unwrap_or(usize::MAX);
    let cache = cache(entries, budget);
    let mut hits = 0;
    for (place, key) in load.reads.iter().enumerate() {
        if cache.get::<u32>(key_of(*key)).is_some() {
            hits += usize::from(place >= load.uncounted);
        } else {
            store(&cache, *key, load.bytes[*key as usize]).await?;
        }
        if place % 4_096 == 0 {
            // Ctrl-C is noticed here.
            tokio::task::yield_now().await;
        }
    }
    let held = cache.statistics();
    Ok(HitRatio {
        name,
        label: label("Larder", budget),
        entries: held.entries,
        bytes: budget,
        held_bytes: held.bytes,
        percent: load.percent_of(hits),
    })
}

fn cache(max_entries: usize, max_bytes: u64) -> Cache {
    Cache::new(CacheOptions {
        max_entries,
        max_bytes,
        cleanup_interval: TTL,
        clock: Clock::system(),
        ..CacheOptions::default()
    })
}

async fn store(cache: &Cache, number: u32, bytes: u32) -> Result<()> {
    let request = Request {
        key: key_of(number),
        freshness: Freshness::for_ttl(TTL),
        dependencies: cache.versions().slots(&[Dependency::table(TABLE)]),
        mode: Mode::Normal,
        name: EntryName::new(String::new),
    };
    let load = async move || {
        Ok::<_, Infallible>(Loaded {
            value: number,
            dependencies: Vec::new(),
            bytes: u64::from(bytes),
            storable: true,
            kept: None,
            digest: None,
            snapshot: None,
            by_time: false,
            fresh_for: None,
        })
    };
    let stored = cache.get_or_load(request, load).await;
    stored.map_err(|error| Error::Cache(error.to_string()))?;
    Ok(())
}

fn key_of(number: u32) -> Key {
    let mut key = KeyBuilder::new();
    key.u32(number);
    key.finish()
}

fn moka(load: &Load, budget: u64, name: &'static str) -> HitRatio {
    /// Its clean-up runs by itself every so many writes; here so often, to be sure.
    const CLEAN_UP: u32 = 64;
    let cache: moka::sync::Cache<u32, u32> = moka::sync::Cache::builder()
        .max_capacity(budget)
        .weigher(|_, weight| *weight)
        .build();
    let mut stored = 0;
    let percent = load.percent(|key| {
        let hit = cache.get(&key).is_some();
        if !hit {
            cache.insert(key, load.weight(key));
            stored += 1;
            if stored % CLEAN_UP == 0 {
                cache.run_pending_tasks();
            }
        }
        hit
    });
    cache.run_pending_tasks();
    HitRatio {
        name,
        label: label("moka, by a weigher", budget),
        entries: cache.entry_count(),
        bytes: budget,
        held_bytes: cache.weighted_size(),
        percent,
    }
}

fn lru(load: &Load, budget: u64, name: &'static str) -> Result<HitRatio> {
    let mean = load.total() / u64::from(KEYS);
    let entries = usize::try_from(budget / mean).unwrap_or(usize::MAX);
    let cache = LruCache::<u32, u32>::builder().max_size(entries).build();
    let mut cache = cache.map_err(|error| Error::Cache(error.to_string()))?;
    let percent = load.percent(|key| {
        let hit = cache.cache_get(&key).is_some();
        if !hit {
            cache.cache_set(key, load.weight(key));
        }
        hit
    });
    let held: Vec<u32> = (0..KEYS)
        .filter_map(|key| cache.cache_peek(&key).copied())
        .collect();
    Ok(HitRatio {
        name,
        label: label("cached::LruCache, by the number of entries", budget),
        entries: held.len() as u64,
        bytes: budget,
        held_bytes: held.iter().map(|weight| u64::from(*weight)).sum(),
        percent,
    })
}

fn label(cache: &str, budget: u64) -> String {
    format!("{cache}, {:.0} MB", budget as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_skewed_and_sizes_are_independent_of_it() {
        let load = Load::new(200_000, 100);
        let first = load.reads.iter().filter(|key| **key == 0).count();
        let second = load.reads.iter().filter(|key| **key == 1).count();
        // 1 / 12.8 of all, by the sum of the harmonic series of this exponent.
        assert!((14_000..18_000).contains(&first), "{first}");
        assert!((6_500..9_500).contains(&second), "{second}");
        let mean = load.reads.iter().map(|key| u64::from(load.weight(*key)));
        let mean = mean.sum::<u64>() / load.reads.len() as u64;
        assert!(
            load.bytes
                .iter()
                .all(|bytes| (256..=65_536).contains(bytes))
        );
        assert!((4_000..24_000).contains(&mean), "{mean}");
    }

    #[test]
    fn an_lru_with_room_for_all_misses_each_key_once() {
        let load = Load::new(50_000, 100);
        let ratio = lru(&load, load.total(), "all").unwrap();
        let mut seen = std::collections::HashSet::new();
        let percent = load.percent(|key| !seen.insert(key));
        assert_eq!(ratio.percent, percent);
        assert_eq!(ratio.entries, seen.len() as u64);
    }
}
