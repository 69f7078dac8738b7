//! Metrics: what is rendered, and what never is.

use larder::prelude::*;
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

use crate::gate::Gate;
use crate::support::{PATIENCE, until};
use crate::watched::{on, start};

/// The value of the series whose line begins with this, without its last label.
fn value(page: &str, series: &[&str]) -> Option<f64> {
    let line = page
        .lines()
        .filter(|line| !line.starts_with('#'))
        .find(|line| series.iter().all(|part| line.contains(part)))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// By how much a counter has grown. A name that an instance has given back goes to the next one,
/// and its series go on where they were.
fn growth(before: &str, after: &str, series: &[&str]) -> f64 {
    value(after, series).unwrap_or_default() - value(before, series).unwrap_or_default()
}

#[tokio::test]
async fn statements_pool_and_cache_have_their_series() {
    let (_test, larder) = start().await;
    // Before the first look into the log nothing is served from the cache.
    until("the log is followed", || {
        larder.db().follower_statistics().unwrap().has_lease
    })
    .await;
    let before = larder.metrics().unwrap();
    let pool = format!("pool=\"{}\"", larder.db().instance_name());
    let database = format!("database=\"{}\"", larder.db().instance_name());
    let id = RestaurantSecret::create(&larder).await;
    for _ in 0..3 {
        larder.restaurants().by_id(id).await.unwrap();
    }
    larder.db().sql("SELECT 1 / 0").execute().await.unwrap_err();
    larder.health().await;
    let page = larder.metrics().unwrap();
    let insert = growth(
        &before,
        &page,
        &[
            "db_client_operation_duration_seconds_count",
            "db_operation_name=\"INSERT\"",
            "db_collection_name=\"restaurants\"",
            &pool,
        ],
    );
    assert_eq!(insert, 1.0, "{page}");
    assert!(
        value(
            &page,
            &["db_client_operation_duration_seconds", "22012", &pool]
        )
        .is_some()
    );
    assert_eq!(
        value(&page, &["db_client_connection_max{", &pool]),
        Some(15.0)
    );
    assert!(
        value(
            &page,
            &["db_client_connection_count{", "state=\"idle\"", &pool]
        )
        .unwrap()
            >= 1.0
    );
    let hits = ["larder_cache_requests_total", "outcome=\"hit\"", &database];
    assert_eq!(growth(&before, &page, &hits), 2.0);
    assert_eq!(
        value(&page, &["larder_cache_entries{", &database]),
        Some(1.0)
    );
    assert_eq!(
        value(
            &page,
            &["larder_health_status", "check=\"database\"", &database]
        ),
        Some(0.0)
    );
    let loads = ["larder_cache_load_duration_seconds_count{", &database];
    assert_eq!(growth(&before, &page, &loads), 1.0, "{page}");
    assert!(page.contains("larder_build_info"));
    // Never a value, a text of a statement, or an id.
    assert!(!page.contains(RestaurantSecret::NAME) && !page.contains("1 / 0"));
    larder.shutdown().await.unwrap();
}

struct RestaurantSecret;

impl RestaurantSecret {
    const NAME: &'static str = "Nobody Is To Know This";

    async fn create(larder: &Larder) -> larder_services::RestaurantId {
        let new = larder_services::restaurants::NewRestaurant::named(Self::NAME);
        larder.restaurants().create(new).await.unwrap().id
    }
}

#[tokio::test]
async fn two_instances_in_one_process_have_series_of_their_own() {
    let (_one, first) = start().await;
    let (_other, second) = start().await;
    assert_ne!(first.db().instance_name(), second.db().instance_name());
    let before = first.metrics().unwrap();
    for _ in 0..5 {
        second
            .db()
            .sql("SELECT count(*) FROM users")
            .execute()
            .await
            .unwrap();
    }
    let page = first.metrics().unwrap();
    let of = |larder: &Larder| {
        let pool = format!("pool=\"{}\"", larder.db().instance_name());
        let series = [
            "db_client_operation_duration_seconds_count",
            "users",
            pool.as_str(),
        ];
        growth(&before, &page, &series)
    };
    assert_eq!((of(&first), of(&second)), (0.0, 5.0));
    first.shutdown().await.unwrap();
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn switched_off_there_are_none() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let larder = on(&test)
        .set("metrics.enabled", false)
        .start()
        .await
        .unwrap();
    larder.db().sql("SELECT 1").execute().await.unwrap();
    assert_eq!(larder.metrics(), None);
    // What statistics tell does not depend on them.
    assert!(larder.statistics().queries.total > 0);
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn follower_and_redis_have_their_series() {
    let gate = Gate::open().await;
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let two = [on(&test), on(&test)].map(|builder| builder.set("redis.url", gate.url()).start());
    let [first, second] = two;
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    for larder in [&first, &second] {
        until("all are in step", || {
            let cache = larder.statistics().cache;
            cache.l2_available && cache.follower.is_some_and(|follower| follower.has_lease)
        })
        .await;
    }
    let count = async |larder: &Larder| {
        let count = larder.db().sql("SELECT count(*) FROM restaurants").cached();
        count.fetch_scalar::<i64>().await
    };
    let before = second.metrics().unwrap();
    count(&first).await.unwrap();
    until("it is in Redis", || {
        first.db().redis_statistics().unwrap().puts == 1
    })
    .await;
    count(&second).await.unwrap();
    let new = larder_services::restaurants::NewRestaurant::named("Harbor Noodle House");
    first.restaurants().create(new).await.unwrap();
    until("the second knows of the write", || {
        second.db().follower_statistics().unwrap().rows > 0
    })
    .await;
    assert_eq!(count(&second).await.unwrap(), 1);
    second
        .db()
        .switch_cache_off(&CacheTarget::Everything)
        .await
        .unwrap();

    let page = second.metrics().unwrap();
    let database = format!("database=\"{}\"", second.db().instance_name());
    let of = |series, label| value(&page, &[series, label, &database]).unwrap();
    let grown = |series, label| growth(&before, &page, &[series, label, &database]);
    assert!(grown("larder_follower_polls_total", "success") > 0.0);
    assert!(grown("larder_follower_rows_total", "") > 0.0);
    assert_eq!(of("larder_follower_has_lease", ""), 1.0);
    assert!(of("larder_follower_lease_left_seconds", "") > 0.0);
    assert_eq!(of("larder_redis_available", ""), 1.0);
    let requests = "larder_cache_requests_total";
    assert_eq!(grown(requests, "tier=\"l2\",outcome=\"hit\""), 1.0);
    assert_eq!(grown(requests, "tier=\"l2\",outcome=\"refused\""), 1.0);
    let disbelieved = "larder_cache_disbelieved_total";
    assert_eq!(grown(disbelieved, "invalidated"), 1.0);
    assert!(grown("larder_cache_invalidations_total", "remote") > 0.0);
    // The one that Redis answered took no time of the database's.
    assert_eq!(grown("larder_cache_loads_total", "fetched"), 1.0);
    assert_eq!(grown("larder_cache_loads_total", "success"), 1.0);
    let durations = "larder_cache_load_duration_seconds_count";
    assert_eq!(grown(durations, ""), 1.0, "{page}");
    assert_eq!(of("larder_cache_switched_off", ""), 1.0);
    assert_eq!(of("larder_cache_hot_tables", ""), 0.0);
    assert_eq!(of("larder_cache_shadow_reads_total", "violation"), 0.0);
    // Whoever does not listen yet hears nothing of what is written now.
    let hearing = async {
        while second.db().redis_statistics().unwrap().hints_received == 0 {
            let nothing = first.db().sql("UPDATE reviews SET source_id = source_id");
            nothing.execute().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, hearing).await.unwrap();
    let page = second.metrics().unwrap();
    let heard = value(&page, &["larder_hints_total", "received", &database]).unwrap();
    assert!(heard > 0.0, "{page}");

    assert_eq!(second.cache_advice(), [], "too little was seen");
    let json = serde_json::to_value(second.statistics()).unwrap();
    for (path, expected) in [
        ("/cache/mode", "shared".into()),
        ("/cache/l2_available", true.into()),
        ("/cache/fetched", 1.into()),
        ("/cache/advice", serde_json::json!([])),
        ("/cache/second_tier/hits", 1.into()),
        ("/cache/follower/has_lease", true.into()),
        (
            "/cache/switched_off/0",
            serde_json::Value::from("everything"),
        ),
    ] {
        assert_eq!(json.pointer(path), Some(&expected), "{path}: {json:#}");
    }
    assert!(json["cache"]["follower"]["lease_left_ms"].as_f64().unwrap() > 0.0);
    assert!(json["cache"]["redis"]["gets"].as_u64().unwrap() > 0);
    first.shutdown().await.unwrap();
    second.shutdown().await.unwrap();
}
