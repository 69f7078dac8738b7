//! Every way to make an entry wrong, and entries that others' invalidations leave alone.

use larder_cache::{Cache, Cause, Dependency, Request, Source};

use crate::support::{OTHER_TABLE, Read, TABLE, cache, gate, key};

async fn is_kept(cache: &Cache, read: &Read) -> bool {
    let kept = cache.get::<u64>(read.key).is_some();
    let source = read.value(cache, 100).await.source;
    assert_eq!(source == Source::Hit, kept, "both ways to read agree");
    kept
}

#[tokio::test]
async fn an_invalidation_reaches_what_depends_on_it_and_nothing_else() {
    let cache = cache();
    let services = Read {
        found: vec![
            TABLE,
            Dependency::tag("menu:7"),
            Dependency::service("menus"),
        ],
        ..Read::of(key(1))
    };
    let other = Read {
        known: vec![],
        found: vec![
            OTHER_TABLE,
            Dependency::tag("menu:8"),
            Dependency::service("users"),
        ],
        ..Read::of(key(2))
    };
    let invalidations: [&dyn Fn() -> u64; 4] = [
        &|| cache.invalidate(&[TABLE], Cause::Write),
        &|| cache.invalidate_tags(["menu:6", "menu:7"]),
        &|| cache.invalidate_service("menus"),
        &|| cache.versions().invalidate([TABLE]),
    ];
    for invalidate in invalidations {
        services.value(&cache, 1).await;
        other.value(&cache, 2).await;
        assert!(is_kept(&cache, &services).await);
        assert_eq!(invalidate(), 1, "it takes one number");
        assert!(!is_kept(&cache, &services).await);
        assert!(is_kept(&cache, &other).await);
    }
    assert_eq!(cache.invalidate(&[], Cause::Write), 0);
    assert!(is_kept(&cache, &services).await);
    cache.invalidate_everything(Cause::Everything);
    assert!(!is_kept(&cache, &services).await);
    assert!(!is_kept(&cache, &other).await);
}

#[tokio::test]
async fn everything_includes_what_depends_on_nothing() {
    let cache = cache();
    let read = Read::finding(&[]);
    read.value(&cache, 7).await;
    cache.invalidate(&[TABLE], Cause::Write);
    assert_eq!(cache.get::<u64>(read.key), Some(7));
    cache.invalidate_everything(Cause::Schema);
    assert_eq!(cache.get::<u64>(read.key), None);
}

#[tokio::test]
async fn what_is_invalidated_during_a_load_is_not_stored() {
    let invalidations: [fn(&Cache); 4] = [
        |cache| assert_eq!(cache.invalidate(&[TABLE], Cause::Write), 1),
        |cache| assert_eq!(cache.invalidate_everything(Cause::Everything), 1),
        |cache| assert_eq!(cache.invalidate_matching("restaurants:*"), 1),
        |cache| drop(cache.versions().doubt([TABLE])),
    ];
    for read in [Read::new(), Read::finding(&[TABLE])] {
        for invalidate in invalidations {
            let cache = cache();
            let (reader, gate) = read.begin(&cache).await;
            invalidate(&cache);
            gate.open(Ok(read.loaded(7)));
            assert_eq!(reader.await.unwrap().unwrap().value, 7);
            assert_eq!(cache.statistics().sets, 0);
            assert_eq!(read.value(&cache, 8).await.source, Source::Loaded);
            assert_eq!(cache.get::<u64>(read.key), Some(8));
        }
    }
}

#[tokio::test]
async fn what_was_known_before_the_load_counts_although_the_load_does_not_repeat_it() {
    let cache = cache();
    let read = Read {
        known: vec![TABLE],
        found: vec![],
        ..Read::new()
    };
    read.value(&cache, 7).await;
    cache.invalidate(&[TABLE], Cause::Write);
    assert_eq!(cache.get::<u64>(read.key), None);
}

#[tokio::test]
async fn a_pattern_reaches_entries_by_their_names() {
    let cache = cache();
    let nearby = Read::of(key(1));
    let reviews = Read {
        name: "reviews:of_restaurant:1",
        ..Read::of(key(2))
    };
    nearby.value(&cache, 1).await;
    reviews.value(&cache, 2).await;
    cache.invalidate_matching("restaurants:*");
    assert!(!is_kept(&cache, &nearby).await);
    assert!(is_kept(&cache, &reviews).await);
    assert!(is_kept(&cache, &nearby).await, "loaded after the pattern");
    cache.invalidate_matching("*:1");
    assert!(!is_kept(&cache, &nearby).await);
    assert!(!is_kept(&cache, &reviews).await);
    cache.invalidate_matching("*");
    assert!(!is_kept(&cache, &nearby).await);
}

#[tokio::test]
async fn a_read_after_a_pattern_does_not_join_a_load_from_before_it() {
    let cache = cache();
    let (first, gate) = Read::new().begin(&cache).await;
    cache.invalidate_matching("restaurants:*");
    assert_eq!(Read::new().value(&cache, 8).await.source, Source::Loaded);
    gate.open(Ok(Read::new().loaded(7)));
    assert_eq!(first.await.unwrap().unwrap().value, 7);
    assert_eq!(cache.get::<u64>(key(1)), Some(8));
}

#[tokio::test]
async fn many_patterns_lose_none() {
    let cache = cache();
    let first = Read {
        name: "first",
        ..Read::of(key(1))
    };
    first.value(&cache, 1).await;
    cache.invalidate_matching("first");
    for number in 0..1_000 {
        cache.invalidate_matching(&format!("other:{number}"));
    }
    assert!(!is_kept(&cache, &first).await);
}

#[tokio::test]
async fn the_slots_of_another_cache_are_never_current() {
    let (cache, other) = (cache(), cache());
    let slots = other.versions().slots(&[TABLE]);
    assert!(other.versions().are_current(&slots, other.versions().now()));
    assert!(!cache.versions().are_current(&slots, cache.versions().now()));

    let request = Request {
        dependencies: slots,
        ..Read::new().request(&cache)
    };
    let (gate, load) = gate();
    gate.open(Ok(Read::new().loaded(7)));
    cache.get_or_load(request, load).await.unwrap();
    assert_eq!(cache.statistics().sets, 0);
}

/// More tables than have a slot of their own: the rest share, which may invalidate too much
/// and never too little.
#[test]
fn any_number_of_tables_is_told_apart_or_invalidated_together() {
    let cache = cache();
    let versions = cache.versions();
    let tables: Vec<_> = (0..30_000).map(|n| Dependency::table(n * 7)).collect();
    let slots: Vec<_> = tables
        .iter()
        .map(|table| versions.slots(std::slice::from_ref(table)))
        .collect();
    let as_of = versions.now();
    let mut others = 0;
    for invalidated in (0..tables.len()).step_by(997) {
        let as_of = versions.now();
        versions.invalidate([tables[invalidated]]);
        let wrong: Vec<_> = (0..tables.len())
            .filter(|table| !versions.are_current(&slots[*table], as_of))
            .collect();
        assert!(wrong.contains(&invalidated));
        others += wrong.len() - 1;
    }
    assert!(
        others < 50,
        "{others} of 30,000 tables share with one of 31"
    );
    // The first ones have slots of their own.
    for table in [0, 1, 2_000] {
        assert!(table == 0 || versions.are_current(&slots[table], as_of));
    }
}
