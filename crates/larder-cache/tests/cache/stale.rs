//! Stale on purpose: past its time, and never invalidated.

use larder_cache::{Cause, Freshness, LoadErrorKind, Mode, Source};

use crate::support::{Read, TABLE, cache_and_time, key, seconds, settle};

fn stale_for() -> Read {
    Read {
        freshness: Freshness {
            stale_for: seconds(30),
            ..Freshness::for_ttl(seconds(60))
        },
        ..Read::new()
    }
}

fn stale_if_error() -> Read {
    Read {
        freshness: Freshness {
            stale_if_error: seconds(30),
            ..Freshness::for_ttl(seconds(60))
        },
        ..Read::new()
    }
}

#[tokio::test]
async fn past_its_time_an_entry_is_served_while_one_load_replaces_it() {
    let (cache, time) = cache_and_time();
    let read = stale_for();
    read.value(&cache, 7).await;
    time.advance(seconds(60));
    assert_eq!(
        cache.get::<u64>(read.key),
        None,
        "somebody has to begin the load",
    );
    let (first, gate) = read.begin(&cache).await;
    let served = first.await.unwrap().unwrap();
    assert_eq!((served.value, served.source), (7, Source::Stale));
    assert_eq!(cache.get::<u64>(read.key), Some(7), "it has begun");
    let served = read.value(&cache, 8).await;
    assert_eq!((served.value, served.source), (7, Source::Stale));
    assert_eq!(cache.statistics().loads, 2, "the first one and one more");
    gate.open(Ok(read.loaded(9)));
    settle().await;
    let served = read.value(&cache, 10).await;
    assert_eq!((served.value, served.source), (9, Source::Hit));
    assert_eq!(cache.statistics().stale_hits, 3);
}

#[tokio::test]
async fn after_stale_for_a_read_waits_for_its_load() {
    let (cache, time) = cache_and_time();
    let read = stale_for();
    read.value(&cache, 7).await;
    time.advance(seconds(90));
    assert_eq!(cache.get::<u64>(read.key), None);
    let served = read.value(&cache, 8).await;
    assert_eq!((served.value, served.source), (8, Source::Loaded));
}

#[tokio::test]
async fn after_a_failed_refresh_the_next_read_begins_another() {
    let (cache, time) = cache_and_time();
    let read = stale_for();
    read.value(&cache, 7).await;
    time.advance(seconds(60));
    assert_eq!(
        read.load(&cache, Err("no server")).await.unwrap().source,
        Source::Stale
    );
    settle().await;
    assert_eq!(cache.get::<u64>(read.key), None);
    assert_eq!(read.value(&cache, 8).await.source, Source::Stale);
    settle().await;
    assert_eq!(cache.get::<u64>(read.key), Some(8));
}

#[tokio::test]
async fn when_a_load_fails_what_is_past_its_time_is_served() {
    let (cache, time) = cache_and_time();
    let read = stale_if_error();
    read.value(&cache, 7).await;
    time.advance(seconds(89));
    assert_eq!(cache.get::<u64>(read.key), None);
    let (leader, gate) = read.begin(&cache).await;
    let joiner = read.spawn(&cache, 8).await;
    gate.open(Err("no server"));
    for caller in [leader, joiner] {
        let served = caller.await.unwrap().unwrap();
        assert_eq!((served.value, served.source), (7, Source::StaleOnError));
    }
    assert_eq!(cache.statistics().stale_on_error, 2);
    let (leader, gate) = read.begin(&cache).await;
    drop(gate);
    let served = leader.await.unwrap().unwrap();
    assert_eq!(served.source, Source::StaleOnError, "a panic is a failure");
    time.advance(seconds(1));
    let error = read.load(&cache, Err("no server")).await.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Failed);
}

#[tokio::test]
async fn an_error_is_an_error_where_stale_if_error_was_not_asked_for() {
    let (cache, time) = cache_and_time();
    Read::new().value(&cache, 7).await;
    let refresh = Read::mode(Mode::Refresh);
    assert!(refresh.load(&cache, Err("no server")).await.is_err());
    assert_eq!(cache.get::<u64>(key(1)), Some(7));
    time.advance(seconds(60));
    assert!(Read::new().load(&cache, Err("no server")).await.is_err());
}

#[tokio::test]
async fn what_was_invalidated_is_served_in_neither_case() {
    for read in [stale_for(), stale_if_error()] {
        let (cache, time) = cache_and_time();
        read.value(&cache, 7).await;
        time.advance(seconds(60));
        cache.invalidate(&[TABLE], Cause::Write);
        assert!(read.load(&cache, Err("no server")).await.is_err());
        assert_eq!(read.value(&cache, 8).await.source, Source::Loaded);
    }
}

#[tokio::test]
async fn what_is_invalidated_during_the_refresh_is_served_no_more() {
    let (cache, time) = cache_and_time();
    let read = stale_for();
    read.value(&cache, 7).await;
    time.advance(seconds(60));
    let (first, gate) = read.begin(&cache).await;
    assert_eq!(first.await.unwrap().unwrap().source, Source::Stale);
    cache.invalidate(&[TABLE], Cause::Write);
    assert_eq!(cache.get::<u64>(read.key), None);
    assert_eq!(read.value(&cache, 9).await.value, 9);
    gate.open(Ok(read.loaded(8)));
    settle().await;
    assert_eq!(cache.get::<u64>(read.key), Some(9));
}

#[tokio::test]
async fn what_is_invalidated_while_a_load_fails_is_not_served() {
    let (cache, time) = cache_and_time();
    let read = stale_if_error();
    read.value(&cache, 7).await;
    time.advance(seconds(60));
    let (reader, gate) = read.begin(&cache).await;
    cache.invalidate(&[TABLE], Cause::Write);
    gate.open(Err("no server"));
    assert!(reader.await.unwrap().is_err());
}
