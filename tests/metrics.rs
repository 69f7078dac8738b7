//! Metrics: what is rendered, and what never is.

use larder::prelude::*;
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

use crate::watched::{on, start};

/// The value of the series whose line begins with this, without its last label.
fn value(page: &str, series: &[&str]) -> Option<f64> {
    let line = page
        .lines()
        .filter(|line| !line.starts_with('#'))
        .find(|line| series.iter().all(|part| line.contains(part)))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn statements_pool_and_cache_have_their_series() {
    let (_test, larder) = start().await;
    let pool = format!("pool=\"{}\"", larder.db().instance_name());
    let database = format!("database=\"{}\"", larder.db().instance_name());
    let id = RestaurantSecret::create(&larder).await;
    for _ in 0..3 {
        larder.restaurants().by_id(id).await.unwrap();
    }
    larder.db().sql("SELECT 1 / 0").execute().await.unwrap_err();
    larder.health().await;
    let page = larder.metrics().unwrap();
    let insert = value(
        &page,
        &[
            "db_client_operation_duration_seconds_count",
            "db_operation_name=\"INSERT\"",
            "db_collection_name=\"restaurants\"",
            &pool,
        ],
    );
    assert_eq!(insert, Some(1.0), "{page}");
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
    assert_eq!(
        value(
            &page,
            &["larder_cache_requests_total", "outcome=\"hit\"", &database]
        ),
        Some(2.0)
    );
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
        value(&page, &series)
    };
    assert_eq!((of(&first), of(&second)), (None, Some(5.0)));
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
