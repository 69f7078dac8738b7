//! Values that a writer keeps: only if nobody else wrote meanwhile.

use larder_cache::{Begun, Cache, Cause, Doubt, Freshness, Versions};

use crate::support::{OTHER_TABLE, Read, TABLE, cache, key, seconds, settle};

/// A writer that began, and whose own invalidation takes one number.
fn write(cache: &Cache) -> (Begun, u64) {
    let begun = cache.begin(0);
    (begun, cache.invalidate(&[TABLE], Cause::Write))
}

fn put(cache: &Cache, read: &Read, (begun, own): (Begun, u64), value: u64) -> bool {
    let stored = cache.put_after_own_writes(read.request(cache), begun, own, &read.loaded(value));
    // Asked for without a word of the statistics.
    assert_eq!(stored, cache.get_fresh::<u64>(read.key) == Some(value));
    stored
}

#[tokio::test]
async fn a_value_is_kept_in_spite_of_the_own_invalidations() {
    let cache = cache();
    let read = Read::new();
    read.value(&cache, 1).await;
    let writer = write(&cache);
    assert!(put(&cache, &read, writer, 2));
    cache.invalidate(&[OTHER_TABLE], Cause::Write);
    assert_eq!(cache.get::<u64>(read.key), Some(2));
    cache.invalidate(&[TABLE], Cause::Write);
    assert_eq!(
        cache.get::<u64>(read.key),
        None,
        "of the next one it knows nothing"
    );

    let begun = cache.begin(0);
    let own = cache.invalidate(&[TABLE, OTHER_TABLE], Cause::Write)
        + cache.invalidate(&[], Cause::Write)
        + cache.invalidate_matching("restaurants:*")
        + cache.invalidate_tags(["a", "b"])
        + cache.invalidate_everything(Cause::Everything);
    assert_eq!(own, 4);
    assert!(put(&cache, &read, (begun, own), 3));
    assert!(
        put(&cache, &read, (cache.begin(0), 0), 4),
        "it wrote nothing"
    );
}

#[test]
fn a_value_is_not_kept_where_anybody_else_wrote() {
    let others: [fn(&Cache) -> u64; 5] = [
        |cache| cache.invalidate(&[TABLE], Cause::Remote),
        |cache| cache.invalidate(&[OTHER_TABLE], Cause::Write),
        |cache| cache.invalidate_matching("restaurants:*"),
        |cache| cache.invalidate_everything(Cause::Gap),
        |cache| {
            drop(cache.versions().doubt([TABLE]));
            1
        },
    ];
    for other in others {
        let cache = cache();
        let writer = write(&cache);
        assert_eq!(other(&cache), 1);
        assert!(!put(&cache, &Read::new(), writer, 2), "after the own");
        let begun = cache.begin(0);
        assert_eq!(other(&cache), 1);
        let own = cache.invalidate(&[TABLE], Cause::Write);
        assert!(
            !put(&cache, &Read::new(), (begun, own), 2),
            "before the own"
        );
        let begun = cache.begin(0);
        assert!(
            !put(&cache, &Read::new(), (begun, 1), 2),
            "it took no number"
        );
    }
}

#[test]
fn a_value_is_not_kept_where_something_is_in_doubt() {
    let doubts: [fn(&Versions) -> Doubt; 3] = [
        |versions| versions.doubt([TABLE]),
        |versions| versions.suspend([TABLE]),
        |versions| versions.doubt_everything(),
    ];
    for doubt in doubts {
        let cache = cache();
        let before = doubt(cache.versions());
        let writer = write(&cache);
        assert!(!put(&cache, &Read::new(), writer, 2));
        drop(before);
        let writer = write(&cache);
        let meanwhile = doubt(cache.versions());
        assert!(!put(&cache, &Read::new(), writer, 2));
        drop(meanwhile);
        assert!(
            !put(&cache, &Read::new(), writer, 2),
            "the doubt took a number"
        );
        let _elsewhere = cache.versions().doubt([OTHER_TABLE]);
        let writer = write(&cache);
        assert!(put(&cache, &Read::new(), writer, 2));
        let _later = doubt(cache.versions());
        assert_eq!(cache.get::<u64>(key(1)), None);
    }
}

#[test]
fn a_value_is_not_kept_where_it_may_not_be() {
    let cache = cache();
    let read = Read::new();
    let never = Read {
        freshness: Freshness::for_ttl(seconds(0)),
        ..Read::new()
    };
    let writer = write(&cache);
    assert!(!put(&cache, &never, writer, 2));
    let (begun, own) = writer;
    let mut loaded = read.loaded(2);
    loaded.storable = false;
    assert!(!cache.put_after_own_writes(read.request(&cache), begun, own, &loaded));
    cache.set_enabled(false);
    assert!(!put(&cache, &read, writer, 2));
    cache.set_enabled(true);
    assert!(put(&cache, &read, writer, 2));
}

/// A load that began before the writer invalidated, or even before it wrote, has the old value:
/// also where the writer invalidates nothing that the load depends on.
#[tokio::test]
async fn a_load_from_before_does_not_replace_what_a_writer_kept() {
    for invalidated in [TABLE, OTHER_TABLE] {
        let cache = cache();
        let read = Read::new();
        let begun = cache.begin(0);
        let (first, gate) = read.begin(&cache).await;
        let own = cache.invalidate(&[invalidated], Cause::Write);
        assert!(put(&cache, &read, (begun, own), 2));
        gate.open(Ok(read.loaded(1)));
        assert_eq!(first.await.unwrap().unwrap().value, 1);
        settle().await;
        assert_eq!(cache.get::<u64>(read.key), Some(2));
    }
    // And one that has landed meanwhile is replaced.
    let cache = cache();
    let read = Read::new();
    let begun = cache.begin(0);
    read.value(&cache, 1).await;
    let own = cache.invalidate(&[OTHER_TABLE], Cause::Write);
    assert!(put(&cache, &read, (begun, own), 2));
}
