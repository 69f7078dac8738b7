//! A read that tells of itself.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use diesel::row::{Field, Row as _};
use larder_cache::{Cache, Key, KeyBuilder, Loaded, Mode, Moment, Request, Slots, Source, Version};
use larder_pool::Row;

use super::class::{Class, Load};
use super::followed::{End, Stored};

/// A read that has to be loaded, perhaps, and the class that it tells of itself.
pub(crate) struct Observed {
    class: Arc<Class>,
    key: Key,
    ttl: Duration,
    by_time: bool,
    refresh: bool,
    slots: Slots,
    digest: OnceLock<u128>,
}

/// What was known as its load began.
pub(crate) struct Beginning {
    as_of: Version,
    end: Option<Option<End>>,
}

impl Observed {
    pub(super) fn new(class: Arc<Class>, request: &Request, by_time: bool) -> Self {
        Self {
            class,
            key: request.key,
            ttl: request.freshness.ttl,
            by_time,
            refresh: request.mode == Mode::Refresh,
            slots: request.dependencies.clone(),
            digest: OnceLock::new(),
        }
    }

    /// To be called before anything is read.
    pub(crate) fn begin(&self, cache: &Cache) -> Beginning {
        self.begun(cache.versions().now(), cache)
    }

    /// The same where something was read since then.
    pub(crate) fn begun(&self, as_of: Version, cache: &Cache) -> Beginning {
        Beginning {
            as_of,
            end: self.class.end(self.key, cache, self.refresh),
        }
    }

    /// Notes what tells these rows from others, in whatever order they come. Rows that would take
    /// longer than a few microseconds are not looked at.
    pub(crate) fn rows(&self, rows: &[Row], bytes: u64) {
        const MOST: u64 = 64 << 10;
        if bytes > MOST {
            return;
        }
        let sum = rows.iter().map(digest).fold(0, u128::wrapping_add);
        self.digest.set(sum ^ rows.len() as u128).ok();
    }

    /// Tells what was loaded.
    pub(crate) fn loaded<V>(
        &self,
        beginning: Beginning,
        loaded: &Loaded<V>,
        took: Duration,
        cache: &Cache,
    ) {
        let now: Moment = cache.clock().now();
        let ttl = loaded
            .kept
            .map_or(self.ttl, |kept| self.ttl.min(kept.fresh_for));
        let digest = self.digest.get().copied();
        let result = || {
            let mut slots = vec![self.slots.clone()];
            if !loaded.dependencies.is_empty() {
                slots.push(cache.versions().slots(&loaded.dependencies));
            }
            Stored {
                as_of: beginning.as_of,
                slots,
                stored: now,
                ttl,
                digest,
                hits: self.class.hits(),
            }
        };
        let load = Load {
            key: self.key,
            end: beginning.end,
            took,
            bytes: loaded.bytes,
            by_time: self.by_time,
            fetched: loaded.kept.is_some(),
            ttl: self.ttl,
            result: loaded.storable.then(result),
            digest,
        };
        self.class.loaded(load, now);
    }

    /// Counts how it was served.
    pub(crate) fn served(&self, source: Source) {
        self.class.served(source);
    }
}

fn digest(row: &Row) -> u128 {
    let mut digest = KeyBuilder::new();
    for index in 0..row.field_count() {
        let value = row.get(index);
        let value = value.as_ref().and_then(Field::value);
        digest.optional_bytes(value.as_ref().map(|value| value.as_bytes()));
    }
    digest.finish().as_u128()
}
