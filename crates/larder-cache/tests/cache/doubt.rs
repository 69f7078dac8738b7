//! Writes of which nobody knows whether they took effect.

use larder_cache::{Cause, Dependency, Doubt, Source, Versions};

use crate::support::{OTHER_TABLE, Read, TABLE, cache, key};

#[tokio::test]
async fn while_in_doubt_nothing_is_served_stored_or_joined() {
    let doubts: [fn(&Versions) -> Doubt; 2] = [
        |versions| versions.doubt([TABLE]),
        |versions| versions.doubt_everything(),
    ];
    for read in [Read::new(), Read::finding(&[TABLE])] {
        for doubt in doubts {
            let cache = cache();
            read.value(&cache, 1).await;
            let doubt = doubt(cache.versions());
            assert_eq!(cache.get::<u64>(read.key), None, "not served");
            assert_eq!(read.value(&cache, 2).await.source, Source::Loaded);
            assert_eq!(cache.get::<u64>(read.key), None, "not stored");

            let (first, gate) = read.begin(&cache).await;
            let second = read.spawn(&cache, 4).await.await.unwrap().unwrap();
            assert_eq!(second.source, Source::Loaded, "not joined");

            drop(doubt);
            gate.open(Ok(read.loaded(3)));
            assert_eq!(first.await.unwrap().unwrap().value, 3);
            assert_eq!(cache.get::<u64>(read.key), None, "it began in doubt");
            assert_eq!(read.value(&cache, 5).await.source, Source::Loaded);
            assert_eq!(cache.get::<u64>(read.key), Some(5));
        }
    }
}

#[tokio::test]
async fn what_was_there_before_a_doubt_does_not_come_back_after_it() {
    let cache = cache();
    Read::new().value(&cache, 1).await;
    drop(cache.versions().doubt([TABLE]));
    assert_eq!(cache.get::<u64>(key(1)), None);
}

#[tokio::test]
async fn a_doubt_leaves_others_alone() {
    let cache = cache();
    let other = Read {
        known: vec![OTHER_TABLE],
        found: vec![OTHER_TABLE],
        ..Read::new()
    };
    other.value(&cache, 1).await;
    let _doubt = cache.versions().doubt([TABLE, Dependency::tag("a")]);
    assert_eq!(cache.get::<u64>(other.key), Some(1));
}

#[tokio::test]
async fn a_flight_from_before_a_doubt_is_not_joined() {
    for read in [Read::new(), Read::finding(&[TABLE])] {
        let cache = cache();
        let (first, gate) = read.begin(&cache).await;
        let doubt = cache.versions().doubt([TABLE]);
        assert_eq!(read.value(&cache, 2).await.source, Source::Loaded);
        gate.open(Ok(read.loaded(1)));
        assert_eq!(first.await.unwrap().unwrap().value, 1);
        assert_eq!(cache.get::<u64>(read.key), None);
        drop(doubt);
    }
}

#[test]
fn doubts_overlap_and_invalidations_within_them_count() {
    let cache = cache();
    let versions = cache.versions();
    let slots = versions.slots(&[TABLE]);
    let is_current = || versions.are_current(&slots, versions.now());
    assert!(is_current());
    let first = versions.doubt([TABLE]);
    let second = versions.doubt([TABLE, OTHER_TABLE]);
    drop(first);
    assert!(!is_current(), "the second goes on");
    let within = versions.now();
    cache.invalidate(&[TABLE], Cause::Write);
    assert!(!is_current());
    drop(second);
    assert!(is_current());
    assert!(!versions.are_current(&slots, within));
    assert_eq!(cache.statistics().invalidations[&Cause::Doubt], 2);
}

#[test]
fn more_doubts_than_can_be_counted_never_end() {
    let cache = cache();
    let versions = cache.versions();
    let doubts: Vec<_> = (0..70_000).map(|_| versions.doubt([TABLE])).collect();
    let slots = versions.slots(&[TABLE, OTHER_TABLE]);
    assert!(!versions.are_current(&slots, versions.now()));
    drop(doubts);
    assert!(!versions.are_current(&slots, versions.now()));
    let other = versions.slots(&[OTHER_TABLE]);
    assert!(versions.are_current(&other, versions.now()));
}
