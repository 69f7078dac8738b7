//! The user in whose name guests write reviews: what needs a database and no HTTP.

use larder::prelude::*;
use larder::services::MIGRATIONS;
use larder::testing::TestDatabase;

#[larder::test(migrations = MIGRATIONS)]
async fn the_guest_is_made_once(larder: Larder) -> larder::Result<()> {
    let first = restaurant_api::guest(&larder).await?;
    let second = restaurant_api::guest(&larder).await?;
    assert_eq!(first, second);
    let users = larder.db().sql("SELECT count(*) FROM users");
    assert_eq!(users.fetch_scalar::<i64>().await?, 1);
    Ok(())
}

#[larder::test(
    migrations = MIGRATIONS,
    flavor = "multi_thread",
    worker_threads = 2,
    settings("cache.enabled" = true, "cache.ttl" = "1h")
)]
async fn who_may_log_in_is_asked_each_time(larder: Larder, test: &TestDatabase) {
    restaurant_api::guest(&larder).await.unwrap();
    for _ in 0..3 {
        // One statement, also where results are kept.
        let observed = test.observe(restaurant_api::guest(&larder)).await;
        observed.assert_queries(1).assert_hits(0);
    }
}
