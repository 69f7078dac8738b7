//! What is noticed and logged of single statements.

use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

use crate::watched::{Log, on};

#[tokio::test]
async fn a_slow_statement_is_counted_and_logged_without_its_values() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let larder = on(&test)
        .set("query.slow_threshold", "50ms")
        .start()
        .await
        .unwrap();
    let (log, _guard) = Log::listen("larder::slow=warn");
    let before = larder.statistics().queries.slow;
    larder.db().sql("SELECT 1").execute().await.unwrap();
    let quick = larder.statistics().queries.slow - before;
    larder
        .db()
        .sql("SELECT pg_sleep(0.06), :secret::text")
        .bind("secret", "hunter2")
        .execute()
        .await
        .unwrap();
    let text = log.text();
    assert_eq!(larder.statistics().queries.slow - before - quick, 1);
    assert!(text.contains("pg_sleep(?)"), "{text}");
    assert!(
        !text.contains("hunter2") && !text.contains("0.06"),
        "{text}"
    );
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn in_dev_every_statement_is_logged_without_its_values() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let larder = on(&test).start().await.unwrap();
    let (log, guard) = Log::listen("larder::query=debug");
    larder
        .db()
        .sql("SELECT id FROM users WHERE email = :email AND id <> 4711")
        .bind("email", "someone@example.com")
        .execute()
        .await
        .unwrap();
    let text = log.text();
    assert!(
        text.contains("select id from users where email = ? and id <> ?"),
        "{text}"
    );
    assert!(
        !text.contains("someone@example.com") && !text.contains("4711"),
        "{text}"
    );
    drop(guard);
    larder.shutdown().await.unwrap();

    let larder = on(&test).set("query.log", false).start().await.unwrap();
    let (log, _guard) = Log::listen("larder::query=debug");
    larder.db().sql("SELECT 1").execute().await.unwrap();
    assert_eq!(log.text(), "");
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn statistics_count_what_happened() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let larder = on(&test)
        .set("health.check_interval", "1h")
        .start()
        .await
        .unwrap();
    // The check at the start asks the database too.
    while larder.health_monitor().report().checks == 0 {
        tokio::task::yield_now().await;
    }
    let before = larder.statistics();
    let db = larder.db();
    db.sql("SELECT 1").execute().await.unwrap();
    db.sql("SELECT 1 / 0").execute().await.unwrap_err();
    let count = || {
        db.sql("SELECT count(*) FROM users")
            .cached()
            .fetch_scalar::<i64>()
    };
    count().await.unwrap();
    count().await.unwrap();
    let after = larder.statistics();
    assert_eq!(
        after.queries.total - before.queries.total,
        3,
        "a hit sends nothing"
    );
    assert_eq!(after.queries.failed - before.queries.failed, 1);
    assert_eq!(after.queries.cached - before.queries.cached, 1);
    assert_eq!(after.cache.process.hits - before.cache.process.hits, 1);
    assert_eq!(after.cache.process.misses - before.cache.process.misses, 1);
    assert_eq!(after.cache.process.entries, 1);
    assert!(after.queries.error_rate > 0.0 && after.queries.avg_ms > 0.0);
    assert!(after.uptime >= before.uptime);
    larder.shutdown().await.unwrap();
}
