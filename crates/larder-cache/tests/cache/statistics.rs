//! What is counted.

use larder_cache::{Cause, Mode};

use crate::support::{Read, TABLE, cache, key};

#[tokio::test]
async fn each_read_counts_once() {
    let cache = cache();
    assert_eq!(cache.statistics().hit_rate, 0.0);
    let read = Read::new();
    assert_eq!(cache.get::<u64>(read.key), None);
    read.value(&cache, 1).await;
    for _ in 0..5 {
        assert_eq!(cache.get::<u64>(read.key), Some(1));
    }
    read.value(&cache, 2).await;
    let (leader, gate) = Read::of(key(2)).begin(&cache).await;
    let joiner = Read::of(key(2)).spawn(&cache, 3).await;
    gate.open(Ok(Read::new().loaded(4)));
    leader.await.unwrap().unwrap();
    joiner.await.unwrap().unwrap();
    Read::mode(Mode::Bypass).value(&cache, 5).await;
    assert!(
        Read::of(key(3))
            .load(&cache, Err("no server"))
            .await
            .is_err()
    );

    let statistics = cache.statistics();
    assert_eq!(statistics.hits, 6);
    assert_eq!(statistics.misses, 3);
    assert_eq!(statistics.joined, 1);
    assert_eq!(statistics.bypassed, 1);
    assert_eq!(statistics.loads, 4);
    assert_eq!(statistics.load_errors, 1);
    assert_eq!(statistics.sets, 2);
    assert_eq!(statistics.entries, 2);
    assert_eq!(statistics.hit_rate, 0.6);
}

#[tokio::test]
async fn invalidations_count_by_their_cause() {
    let cache = cache();
    cache.invalidate(&[TABLE], Cause::Write);
    cache.invalidate(&[TABLE], Cause::Write);
    cache.invalidate(&[TABLE], Cause::Table);
    cache.invalidate(&[], Cause::Schema);
    cache.invalidate_tags(["a", "b"]);
    cache.invalidate_tags(Vec::<String>::new());
    cache.invalidate_service("restaurants");
    cache.invalidate_matching("a*");
    cache.invalidate_everything(Cause::Everything);
    drop(cache.versions().doubt([TABLE]));
    let counted = cache.statistics().invalidations;
    for (cause, times) in [
        (Cause::Write, 2),
        (Cause::Doubt, 1),
        (Cause::Schema, 0),
        (Cause::Table, 1),
        (Cause::Tag, 1),
        (Cause::Service, 1),
        (Cause::Pattern, 1),
        (Cause::Everything, 1),
    ] {
        assert_eq!(counted[&cause], times, "{}", cause.as_str());
    }
    assert_eq!(counted.len(), Cause::ALL.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hits_of_many_threads_are_all_counted() {
    let cache = cache();
    let read = Read::new();
    read.value(&cache, 1).await;
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    assert_eq!(cache.get::<u64>(read.key), Some(1));
                }
            });
        }
    });
    assert_eq!(cache.statistics().hits, 20_000);
}

#[tokio::test]
async fn statistics_are_json() {
    let cache = cache();
    cache.invalidate(&[TABLE], Cause::Write);
    let json = serde_json::to_value(cache.statistics()).unwrap();
    assert_eq!(json["invalidations"]["write"], 1);
    assert_eq!(json["hit_rate"], 0.0);
}
