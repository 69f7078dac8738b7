//! What a hit consists of, part by part.

use std::any::TypeId;
use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use diesel::prelude::*;
use larder_cache::{Cache, CacheOptions, Clock, Dependency, EntryName, Freshness, Key, KeyBuilder};
use larder_cache::{Loaded, Mode, Request};
use larder_pool::{BoundValues, static_query_id};
use larder_services::restaurants::Restaurant;
use larder_services::schema::restaurants;

use super::TTL;
use super::fixture::{Fixture, KEYS, Rows, by_city};
use crate::error::{Error, Result};
use crate::race::{Effort, Race};
use crate::report::Group;

pub(super) async fn measure(fixture: &Fixture, effort: Effort) -> Result<Group> {
    let db = &fixture.observed;
    let pool = &fixture.bare;
    let seed = seed();
    let cache = cache_of_rows(fixture).await?;
    let (cache, keys) = (&cache.0, &cache.1);

    let mut race = Race::new(effort.choose(1_001, 201));
    race.add("static_query", "the whole of it", move |count| async move {
        let began = Instant::now();
        for turn in 0..count {
            let query = by_city!(fixture.city(turn));
            black_box(db.cached(query).ttl(TTL).load::<Restaurant>().await?);
        }
        Ok(began.elapsed())
    });
    race.add(
        "id_of_query",
        "whether the query is a static one",
        move |count| async move {
            let began = Instant::now();
            for turn in 0..count {
                black_box(static_query_id(&by_city!(fixture.city(turn)))?);
            }
            Ok(began.elapsed())
        },
    );
    race.add(
        "values",
        "its values in binary form",
        move |count| async move {
            let began = Instant::now();
            for turn in 0..count {
                black_box(BoundValues::of(&by_city!(fixture.city(turn)), pool)?);
            }
            Ok(began.elapsed())
        },
    );
    race.add("key", "the key of given values", move |count| async move {
        let values = BoundValues::of(&by_city!(fixture.city(0)), pool)?;
        let began = Instant::now();
        for _ in 0..count {
            black_box(key_of(seed, black_box(&values)));
        }
        Ok(began.elapsed())
    });
    race.add("get", "the entry of a given key", move |count| async move {
        let began = Instant::now();
        for turn in 0..count {
            black_box(cache.get::<Rows>(keys[turn % KEYS]));
        }
        Ok(began.elapsed())
    });
    let figures = race.run().await?;
    Ok(
        Group::new("parts", "Parts of a hit of a static Diesel query", figures)
            .compare_all("static_query"),
    )
}

fn seed() -> Key {
    let mut seed = KeyBuilder::new();
    seed.text("select * from restaurants where city = $1 order by name")
        .u32(16_384);
    seed.finish()
}

/// Of the same parts as the key of a cached query.
fn key_of(seed: Key, values: &BoundValues) -> Key {
    let mut key = KeyBuilder::with_seed(seed);
    key.type_id(TypeId::of::<Rows>());
    for (oid, value) in values.iter() {
        key.u32(oid).optional_bytes(value);
    }
    key.finish()
}

/// A cache by itself, with the results of the queries.
async fn cache_of_rows(fixture: &Fixture) -> Result<(Cache, Vec<Key>)> {
    let cache = Cache::new(CacheOptions {
        max_entries: 100_000,
        max_bytes: 1 << 30,
        cleanup_interval: TTL,
        clock: Clock::system(),
        ..CacheOptions::default()
    });
    let table = [Dependency::table(16_384)];
    let mut keys = Vec::new();
    for turn in 0..KEYS {
        let query = by_city!(fixture.city(turn));
        let key = key_of(seed(), &BoundValues::of(&query, &fixture.bare)?);
        let value: Rows = fixture
            .observed
            .cached(query)
            .ttl(TTL)
            .load::<Restaurant>()
            .await?;
        let request = Request {
            key,
            freshness: Freshness::for_ttl(TTL),
            dependencies: cache.versions().slots(&table),
            mode: Mode::Normal,
            name: EntryName::new(move || format!("restaurants:{key}")),
        };
        let loaded = Loaded {
            value: Arc::clone(&value),
            dependencies: Vec::new(),
            bytes: 10_000,
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
        keys.push(key);
    }
    Ok((cache, keys))
}
