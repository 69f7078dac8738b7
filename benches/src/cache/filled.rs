//! Caches of ours by themselves, filled with as many entries as wanted.

use std::convert::Infallible;

use larder_cache::{
    Cache, CacheOptions, Clock, Dependency, EntryName, Freshness, Key, KeyBuilder, Loaded, Mode,
    Request,
};

use super::TTL;
use crate::error::{Error, Result};

/// The object id of the table that all entries depend on.
pub(super) const TABLE: u32 = 16_384;

/// The tag that all entries have.
pub(super) const TAG: &str = "menu:7";

/// A cache that holds this value under so many keys, and none of them less.
pub(super) async fn cache_of<V>(
    entries: u64,
    bytes: u64,
    mut value: impl FnMut(u64) -> V,
) -> Result<Cache>
where
    V: Clone + Send + Sync + 'static,
{
    // Shards are filled unevenly: without some room, some of them would evict.
    let room = entries + entries / 4 + 1_000;
    let cache = Cache::new(CacheOptions {
        max_entries: usize::try_from(room).unwrap_or(usize::MAX),
        max_bytes: room * (bytes + 1_024),
        cleanup_interval: TTL,
        clock: Clock::system(),
        ..CacheOptions::default()
    });
    let dependencies = [Dependency::table(TABLE), Dependency::tag(TAG)];
    let slots = cache.versions().slots(&dependencies);
    for number in 0..entries {
        let key = key_of(number);
        let request = Request {
            key,
            freshness: Freshness::for_ttl(TTL),
            dependencies: slots.clone(),
            mode: Mode::Normal,
            name: EntryName::new(move || format!("restaurants:by_id:{key}")),
        };
        let loaded = Loaded {
            value: value(number),
            dependencies: Vec::new(),
            bytes,
            storable: true,
            kept: None,
            digest: None,
            snapshot: None,
            by_time: false,
            fresh_for: None,
        };
        let load = async move || Ok::<_, Infallible>(loaded);
        let stored = cache.get_or_load(request, load).await;
        stored.map_err(|error| Error::Cache(error.to_string()))?;
    }
    let held = cache.statistics().entries;
    if held != entries {
        return Err(Error::Cache(format!(
            "it holds {held} entries, not {entries}"
        )));
    }
    Ok(cache)
}

fn key_of(number: u64) -> Key {
    let mut key = KeyBuilder::new();
    key.u64(number);
    key.finish()
}
