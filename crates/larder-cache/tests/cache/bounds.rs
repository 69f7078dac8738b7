//! Bounds of number and bytes, and the clean-up of what expired.

use std::time::Duration;

use larder_cache::{Cache, CacheOptions, Freshness, Loaded, Mode, Source};

use crate::support::{Read, cache_and_time, key, options, seconds, settle};

fn bounded(max_entries: usize, max_bytes: u64) -> Cache {
    Cache::new(CacheOptions {
        max_entries,
        max_bytes,
        ..options().0
    })
}

/// Stores an entry, also where there is one.
async fn store(cache: &Cache, number: u64, bytes: u64) {
    let read = Read {
        mode: Mode::Refresh,
        ..Read::of(key(number))
    };
    let load = move || {
        std::future::ready(Ok::<_, ()>(Loaded {
            bytes,
            ..Read::new().loaded(number)
        }))
    };
    cache.get_or_load(read.request(cache), load).await.unwrap();
}

#[tokio::test]
async fn the_bound_of_entries_holds() {
    for max_entries in [1, 2, 7, 100, 1_000, 5_000] {
        let cache = bounded(max_entries, 64 << 20);
        for number in 0..3 * max_entries as u64 {
            store(&cache, number, 8).await;
            assert!(cache.statistics().entries <= max_entries as u64);
        }
        let statistics = cache.statistics();
        assert!(
            statistics.entries * 10 >= max_entries as u64 * 8,
            "{} of {max_entries} places are used",
            statistics.entries
        );
        assert_eq!(statistics.sets, 3 * max_entries as u64);
        assert_eq!(statistics.evictions, statistics.sets - statistics.entries);
    }
}

#[tokio::test]
async fn the_bound_of_bytes_holds() {
    let max_bytes = 1_000_003;
    let cache = bounded(100_000, max_bytes);
    for number in 0..2_000 {
        store(&cache, number, number % 7 * 500).await;
        assert!(cache.statistics().bytes <= max_bytes);
    }
    let statistics = cache.statistics();
    assert!(statistics.bytes > max_bytes / 10 * 7, "{statistics:?}");
    assert_eq!(statistics.evictions, statistics.sets - statistics.entries);
}

#[tokio::test]
async fn replacing_an_entry_is_no_eviction_and_keeps_count() {
    let cache = bounded(100, 1 << 20);
    store(&cache, 1, 1_000).await;
    let once = cache.statistics().bytes;
    for _ in 0..10 {
        store(&cache, 1, 1_000).await;
    }
    let statistics = cache.statistics();
    assert_eq!((statistics.entries, statistics.bytes), (1, once));
    assert_eq!((statistics.sets, statistics.evictions), (11, 0));
}

#[tokio::test]
async fn what_is_too_heavy_is_refused_and_counted() {
    let cache = bounded(100, 100_000);
    store(&cache, 1, 50_000).await;
    assert_eq!(cache.get::<u64>(key(1)), Some(1));
    for bytes in [100_000, u64::MAX] {
        store(&cache, 2, bytes).await;
        assert_eq!(cache.get::<u64>(key(2)), None);
    }
    let statistics = cache.statistics();
    assert_eq!((statistics.refused, statistics.sets), (2, 1));
    assert_eq!((statistics.entries, statistics.evictions), (1, 0));
    assert_eq!(cache.get::<u64>(key(1)), Some(1));
}

#[tokio::test]
async fn a_bound_of_nothing_keeps_nothing() {
    for cache in [bounded(0, 1 << 20), bounded(100, 0)] {
        store(&cache, 1, 8).await;
        let statistics = cache.statistics();
        assert_eq!((statistics.entries, statistics.bytes), (0, 0));
        assert_eq!(statistics.refused, 1);
    }
}

#[tokio::test]
async fn the_clean_up_removes_what_expired_and_nothing_else() {
    let (cache, time) = cache_and_time();
    for number in 1..=500 {
        let read = Read {
            freshness: Freshness::for_ttl(seconds(number)),
            ..Read::of(key(number))
        };
        read.value(&cache, number).await;
    }
    assert_eq!(cache.clean_up(), 0);
    time.advance(seconds(300));
    assert_eq!(cache.clean_up(), 300);
    assert_eq!(cache.clean_up(), 0);
    let statistics = cache.statistics();
    assert_eq!((statistics.expired, statistics.entries), (300, 200));
    assert_eq!(cache.get::<u64>(key(301)), Some(301));
    time.advance(seconds(200));
    assert_eq!(cache.clean_up(), 200);
    let statistics = cache.statistics();
    assert_eq!((statistics.entries, statistics.bytes), (0, 0));
}

#[tokio::test]
async fn the_clean_up_leaves_what_may_still_be_served() {
    let (cache, time) = cache_and_time();
    let read = Read {
        freshness: Freshness {
            ttl: seconds(60),
            stale_for: seconds(10),
            stale_if_error: seconds(30),
        },
        ..Read::new()
    };
    read.value(&cache, 7).await;
    time.advance(seconds(89));
    assert_eq!(cache.clean_up(), 0);
    let served = read.load(&cache, Err("no server")).await.unwrap();
    assert_eq!(served.source, Source::StaleOnError);
    time.advance(seconds(1));
    assert_eq!(cache.clean_up(), 1);
}

#[tokio::test]
async fn an_entry_that_was_replaced_is_cleaned_up_at_its_new_time() {
    let (cache, time) = cache_and_time();
    Read::new().value(&cache, 7).await;
    time.advance(seconds(30));
    cache.versions().invalidate_everything();
    Read::new().value(&cache, 8).await;
    time.advance(seconds(30));
    assert_eq!(cache.clean_up(), 0);
    assert_eq!(cache.get::<u64>(key(1)), Some(8));
    time.advance(seconds(30));
    assert_eq!(cache.clean_up(), 1);
}

#[tokio::test]
async fn a_freshness_without_end_is_no_overflow() {
    let (cache, time) = cache_and_time();
    let read = Read {
        freshness: Freshness {
            ttl: Duration::MAX,
            stale_for: Duration::MAX,
            stale_if_error: Duration::MAX,
        },
        ..Read::new()
    };
    read.value(&cache, 7).await;
    time.advance(seconds(1 << 32));
    assert_eq!(cache.get::<u64>(read.key), Some(7));
    assert_eq!(cache.clean_up(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_clean_up_runs_at_its_interval() {
    let (cache, time) = cache_and_time();
    let cleaning = tokio::spawn(cache.clone().run_cleanup());
    Read::new().value(&cache, 7).await;
    settle().await;
    time.advance(seconds(60));
    assert_eq!(cache.statistics().entries, 1);
    tokio::time::advance(seconds(60)).await;
    settle().await;
    assert_eq!(cache.statistics().entries, 0);
    cleaning.abort();
}
