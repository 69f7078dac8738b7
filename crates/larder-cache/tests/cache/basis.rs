//! What a value rests on is told with it, wherever it came from.

use std::sync::Arc;

use larder_cache::{Basis, Cause, Dependency, Freshness, Kept, Loaded, Mode, Snapshot, Source};

use crate::support::{Read, TABLE, cache, cache_and_time, gate, key, seconds, settle};

const TAG: Dependency = Dependency::from_u64(1 << 62 | 7);

fn snapshot() -> Arc<Snapshot> {
    Arc::new("10:20:10,14".parse().unwrap())
}

/// A value with everything that is told of one.
fn loaded(read: &Read) -> Loaded<u64> {
    Loaded {
        dependencies: vec![TAG],
        snapshot: Some(snapshot()),
        by_time: true,
        ..read.loaded(7)
    }
}

fn check(basis: &Basis, fresh_for: u64) {
    let dependencies: Vec<Dependency> = basis.dependencies.dependencies().collect();
    assert_eq!(dependencies, [TABLE, TAG]);
    assert_eq!(basis.snapshot, Some(snapshot()));
    assert!(basis.by_time);
    assert_eq!(basis.fresh_for, seconds(fresh_for));
}

#[tokio::test]
async fn all_who_get_a_value_learn_what_it_rests_on() {
    let (cache, time) = cache_and_time();
    let read = Read {
        freshness: Freshness {
            ttl: seconds(60),
            stale_for: seconds(10),
            stale_if_error: seconds(20),
        },
        ..Read::new()
    };
    let (first, gate) = read.begin(&cache).await;
    let second = read.spawn(&cache, 8).await;
    gate.open(Ok(loaded(&read)));
    for (reader, source) in [(first, Source::Loaded), (second, Source::Joined)] {
        let served = reader.await.unwrap().unwrap();
        assert_eq!(served.source, source);
        check(&served.basis, 60);
    }
    time.advance(seconds(15));
    let served = read.value(&cache, 8).await;
    assert_eq!(served.source, Source::Hit);
    check(&served.basis, 45);
    let served = cache.get_with_basis::<u64>(read.key).unwrap();
    assert_eq!((served.value, served.source), (7, Source::Hit));
    check(&served.basis, 45);
    time.advance(seconds(50));
    assert!(cache.get_with_basis::<u64>(read.key).is_none(), "as `get`");
    let (stale, gate) = read.begin(&cache).await;
    let stale = stale.await.unwrap().unwrap();
    assert_eq!(stale.source, Source::Stale);
    check(&stale.basis, 0);
    let served = cache.get_with_basis::<u64>(read.key).unwrap();
    assert_eq!(served.source, Source::Stale);
    check(&served.basis, 0);
    gate.open(Err("no server"));
    settle().await;
    time.advance(seconds(10));
    let kept = read.load(&cache, Err("no server")).await.unwrap();
    assert_eq!(kept.source, Source::StaleOnError);
    check(&kept.basis, 0);
    assert_eq!(cache.statistics().stale_hits, 2);
}

#[tokio::test]
async fn past_the_cache_it_is_told_too() {
    let cache = cache();
    let read = Read::mode(Mode::Bypass);
    let (gate, load) = gate();
    gate.open(Ok(Loaded {
        fresh_for: Some(seconds(20)),
        ..loaded(&read)
    }));
    let served = cache.get_or_load(read.request(&cache), load).await.unwrap();
    check(&served.basis, 20);
}

#[tokio::test]
async fn what_is_told_with_the_basis_is_what_an_invalidation_makes_wrong() {
    let cache = cache();
    let read = Read::new();
    read.value(&cache, 7).await;
    let as_of = cache.versions().now();
    let Basis { dependencies, .. } = cache.get_with_basis::<u64>(read.key).unwrap().basis;
    assert!(cache.versions().are_current(&dependencies, as_of));
    cache.invalidate(&[TABLE], Cause::Write);
    assert!(cache.get_with_basis::<u64>(read.key).is_none());
    assert!(!cache.versions().are_current(&dependencies, as_of));
}

#[tokio::test]
async fn a_value_is_fresh_for_no_longer_than_what_it_rests_on() {
    let (cache, time) = cache_and_time();
    for (kept, fresh_for, expected) in [
        (None, Some(20), 20),
        (None, Some(100), 60),
        (Some(30), Some(20), 20),
        (Some(10), Some(20), 10),
    ] {
        let read = Read::mode(Mode::Refresh);
        let (gate, load) = gate();
        gate.open(Ok(Loaded {
            kept: kept.map(|kept| Kept {
                fresh_for: seconds(kept),
                load_time: seconds(0),
            }),
            fresh_for: fresh_for.map(seconds),
            ..read.loaded(7)
        }));
        let served = cache.get_or_load(read.request(&cache), load).await.unwrap();
        assert_eq!(served.basis.fresh_for, seconds(expected));
        time.advance(seconds(expected - 1));
        assert_eq!(cache.get::<u64>(read.key), Some(7));
        time.advance(seconds(1));
        assert_eq!(cache.get::<u64>(read.key), None);
    }
}

#[tokio::test]
async fn what_is_not_fresh_at_all_is_not_stored() {
    let cache = cache();
    let read = Read {
        freshness: Freshness {
            stale_for: seconds(10),
            ..Freshness::for_ttl(seconds(60))
        },
        ..Read::new()
    };
    let (reader, gate) = read.begin(&cache).await;
    gate.open(Ok(Loaded {
        fresh_for: Some(seconds(0)),
        ..read.loaded(7)
    }));
    let served = reader.await.unwrap().unwrap();
    assert_eq!(served.basis.fresh_for, seconds(0));
    assert!(cache.explain(key(1)).is_none());
}
