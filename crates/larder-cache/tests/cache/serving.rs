//! What is served, what is stored, and what is not.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use larder_cache::{EntryState, Freshness, Loaded, Mode, Source};

use crate::support::{OTHER_TABLE, Read, TABLE, cache, cache_and_time, key, seconds};

#[tokio::test]
async fn a_value_is_loaded_once_and_then_served_until_its_time_is_up() {
    let (cache, time) = cache_and_time();
    let read = Read::new();
    assert_eq!(cache.get::<u64>(read.key), None);
    assert_eq!(read.value(&cache, 7).await.source, Source::Loaded);
    time.advance(seconds(59));
    assert_eq!(cache.get::<u64>(read.key), Some(7));
    let served = read.value(&cache, 8).await;
    assert_eq!((served.value, served.source), (7, Source::Hit));
    time.advance(seconds(1));
    assert_eq!(cache.get::<u64>(read.key), None);
    let served = read.value(&cache, 9).await;
    assert_eq!((served.value, served.source), (9, Source::Loaded));
}

#[tokio::test]
async fn an_empty_list_and_none_are_results() {
    let cache = cache();
    let load = || {
        ready(Ok::<_, Infallible>(Loaded {
            value: Arc::<[u64]>::from([]),
            dependencies: vec![TABLE],
            bytes: 0,
            storable: true,
            kept: None,
            digest: None,
            snapshot: None,
            by_time: false,
            fresh_for: None,
        }))
    };
    let request = Read::of(key(1)).request(&cache);
    cache.get_or_load(request, load).await.unwrap();
    assert_eq!(cache.get::<Arc<[u64]>>(key(1)), Some([].into()));

    let load = || {
        ready(Ok::<_, Infallible>(Loaded {
            value: None::<Arc<u64>>,
            dependencies: vec![TABLE],
            bytes: 0,
            storable: true,
            kept: None,
            digest: None,
            snapshot: None,
            by_time: false,
            fresh_for: None,
        }))
    };
    let request = Read::of(key(2)).request(&cache);
    cache.get_or_load(request, load).await.unwrap();
    assert_eq!(cache.get::<Option<Arc<u64>>>(key(2)), Some(None));
}

#[tokio::test]
async fn another_type_under_a_key_is_a_miss() {
    let cache = cache();
    let read = Read::new();
    read.value(&cache, 7).await;
    assert_eq!(cache.get::<Arc<str>>(read.key), None);
    let load = || {
        ready(Ok::<_, Infallible>(Loaded {
            value: Arc::<str>::from("seven"),
            dependencies: vec![TABLE],
            bytes: 5,
            storable: true,
            kept: None,
            digest: None,
            snapshot: None,
            by_time: false,
            fresh_for: None,
        }))
    };
    let served = cache.get_or_load(read.request(&cache), load).await.unwrap();
    assert_eq!((&*served.value, served.source), ("seven", Source::Loaded));
    assert_eq!(cache.get::<Arc<str>>(read.key).as_deref(), Some("seven"));
    assert_eq!(cache.get::<u64>(read.key), None);
}

#[tokio::test]
async fn another_type_does_not_join_a_flight() {
    let cache = cache();
    let read = Read::new();
    let (first, gate) = read.begin(&cache).await;
    let load = || {
        ready(Ok::<_, Infallible>(Loaded {
            value: "seven",
            dependencies: vec![TABLE],
            bytes: 5,
            storable: true,
            kept: None,
            digest: None,
            snapshot: None,
            by_time: false,
            fresh_for: None,
        }))
    };
    let served = cache.get_or_load(read.request(&cache), load).await.unwrap();
    assert_eq!((served.value, served.source), ("seven", Source::Loaded));
    gate.open(Ok(read.loaded(7)));
    assert_eq!(first.await.unwrap().unwrap().value, 7);
}

#[tokio::test]
async fn a_ttl_of_zero_goes_past_the_cache() {
    let cache = cache();
    let read = Read {
        freshness: Freshness {
            ttl: seconds(0),
            stale_for: seconds(60),
            stale_if_error: seconds(60),
        },
        ..Read::new()
    };
    assert_eq!(read.value(&cache, 7).await.source, Source::Loaded);
    assert_eq!(read.value(&cache, 8).await.value, 8);
    let statistics = cache.statistics();
    assert_eq!((statistics.bypassed, statistics.entries), (2, 0));
}

#[tokio::test]
async fn bypass_serves_and_stores_nothing() {
    let cache = cache();
    let bypass = Read::mode(Mode::Bypass);
    assert_eq!(bypass.value(&cache, 7).await.source, Source::Loaded);
    assert_eq!(cache.statistics().entries, 0);
    Read::new().value(&cache, 8).await;
    assert_eq!(bypass.value(&cache, 9).await.value, 9);
    assert_eq!(cache.get::<u64>(bypass.key), Some(8));
}

#[tokio::test]
async fn bypass_neither_joins_nor_is_joined() {
    let cache = cache();
    let (first, gate) = Read::new().begin(&cache).await;
    assert_eq!(Read::mode(Mode::Bypass).value(&cache, 8).await.value, 8);
    gate.open(Ok(Read::new().loaded(7)));
    assert_eq!(first.await.unwrap().unwrap().value, 7);

    let cache = crate::support::cache();
    let (first, gate) = Read::mode(Mode::Bypass).begin(&cache).await;
    assert_eq!(Read::new().value(&cache, 8).await.source, Source::Loaded);
    gate.open(Ok(Read::new().loaded(7)));
    assert_eq!(first.await.unwrap().unwrap().value, 7);
    assert_eq!(cache.get::<u64>(key(1)), Some(8));
}

#[tokio::test]
async fn refresh_loads_anew_and_replaces() {
    let cache = cache();
    Read::new().value(&cache, 7).await;
    let served = Read::mode(Mode::Refresh).value(&cache, 8).await;
    assert_eq!((served.value, served.source), (8, Source::Loaded));
    assert_eq!(cache.get::<u64>(key(1)), Some(8));
}

#[tokio::test]
async fn refresh_begins_a_load_of_its_own_which_an_older_one_does_not_overwrite() {
    let cache = cache();
    let (first, gate) = Read::new().begin(&cache).await;
    let refreshed = Read::mode(Mode::Refresh).value(&cache, 8).await;
    assert_eq!(refreshed.value, 8);
    gate.open(Ok(Read::new().loaded(7)));
    assert_eq!(first.await.unwrap().unwrap().value, 7);
    assert_eq!(cache.get::<u64>(key(1)), Some(8));
}

#[tokio::test]
async fn what_is_not_storable_is_given_and_not_kept() {
    let cache = cache();
    let (first, gate) = Read::new().begin(&cache).await;
    let second = Read::new().spawn(&cache, 8).await;
    gate.open(Ok(Loaded {
        storable: false,
        ..Read::new().loaded(7)
    }));
    assert_eq!(first.await.unwrap().unwrap().value, 7);
    assert_eq!(second.await.unwrap().unwrap().value, 7);
    assert_eq!(cache.get::<u64>(key(1)), None);
}

#[tokio::test]
async fn a_cache_that_is_off_sends_every_read_to_its_load() {
    let cache = cache();
    let read = Read::new();
    read.value(&cache, 7).await;
    cache.set_enabled(false);
    assert!(!cache.is_enabled());
    assert_eq!(cache.get::<u64>(read.key), None);
    assert_eq!(read.value(&cache, 8).await.value, 8);
    assert_eq!(cache.statistics().entries, 0, "what was kept is dropped");
    cache.set_enabled(true);
    assert_eq!(read.value(&cache, 9).await.value, 9);
    assert_eq!(cache.get::<u64>(read.key), Some(9));
}

#[tokio::test]
async fn a_load_that_lands_when_the_cache_is_off_is_not_stored() {
    let cache = cache();
    let (first, gate) = Read::new().begin(&cache).await;
    cache.set_enabled(false);
    gate.open(Ok(Read::new().loaded(7)));
    assert_eq!(first.await.unwrap().unwrap().value, 7);
    assert_eq!(cache.statistics().entries, 0);
}

#[tokio::test]
async fn an_entry_can_be_explained() {
    let (cache, time) = cache_and_time();
    let read = Read {
        freshness: Freshness {
            stale_for: seconds(60),
            ..Freshness::for_ttl(seconds(60))
        },
        found: vec![TABLE, OTHER_TABLE],
        ..Read::new()
    };
    assert_eq!(cache.explain(read.key), None);
    read.value(&cache, 7).await;
    time.advance(seconds(20));
    let entry = cache.explain(read.key).unwrap();
    assert_eq!(entry.name, "restaurants:nearby:1");
    assert_eq!(entry.state, EntryState::Fresh);
    assert_eq!((entry.age, entry.fresh_for), (seconds(20), seconds(40)));
    assert_eq!(entry.dependencies, 2);
    assert_eq!(entry.value_type, "u64");
    assert_eq!(entry.bytes, cache.statistics().bytes);
    time.advance(seconds(40));
    assert_eq!(cache.explain(read.key).unwrap().state, EntryState::Stale);
    time.advance(seconds(60));
    assert_eq!(cache.explain(read.key).unwrap().state, EntryState::Expired);
    cache.versions().invalidate([OTHER_TABLE]);
    let entry = cache.explain(read.key).unwrap();
    assert_eq!(entry.state, EntryState::Invalidated);
}
