//! The lease: what is kept is served only while the log can be read.

use std::time::Duration;

use larder_database::Database;
use larder_testing::TestDatabase;
use tokio::time::Instant;

use super::{
    LONG, TOTAL, applied, assert_noticed_within, caught_up, has_lease, is_kept, keep, plain,
    plain_at, process, total, try_total, until,
};
use crate::support::accounts;

/// A bound that a test can wait for.
const SHORT: Duration = Duration::from_millis(800);

async fn short(test: &TestDatabase) -> Database {
    process(test, |options| options.cache.max_staleness = SHORT).await
}

/// Lets nobody into the database of a test, and ends all who are in.
async fn close(test: &TestDatabase) -> tokio_postgres::Client {
    let (server, name) = test.url().rsplit_once('/').unwrap();
    let admin = plain_at(&format!("{server}/postgres")).await;
    let refuse = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false");
    admin.batch_execute(&refuse).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
    admin.execute(end, &[&name]).await.unwrap();
    admin
}

async fn reopen(test: &TestDatabase, admin: &tokio_postgres::Client) {
    let (_, name) = test.url().rsplit_once('/').unwrap();
    let allow = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true");
    admin.batch_execute(&allow).await.unwrap();
}

#[tokio::test]
async fn without_the_log_reads_go_to_the_database() {
    let test = accounts().await;
    let db = short(&test).await;
    let writer = plain(&test).await;
    let keeper = plain(&test).await;
    keep(&db).await;
    keeper
        .batch_execute("BEGIN; LOCK TABLE larder.epoch IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let locked = Instant::now();
    let statement = "UPDATE accounts SET balance = 150 WHERE id = 1";
    writer.batch_execute(statement).await.unwrap();
    // Nobody has told of it: only the end of the lease keeps the old total from being served.
    assert_noticed_within(SHORT, &db, locked, TOTAL + 50).await;
    assert!(!has_lease(&db));
    let statistics = db.cache_statistics();
    for _ in 0..3 {
        assert_eq!(total(&db).await, TOTAL + 50);
    }
    let after = db.cache_statistics();
    assert_eq!(
        (after.hits, after.loads),
        (statistics.hits, statistics.loads + 3)
    );
    until("a look has failed", async || {
        db.follower_statistics().unwrap().failures > 0
    })
    .await;
    keeper.batch_execute("ROLLBACK").await.unwrap();
    until("it comes back by itself", async || {
        has_lease(&db) && is_kept(&db).await
    })
    .await;
}

#[tokio::test]
async fn without_the_database_only_what_is_allowed_on_errors_is_served() {
    let test = accounts().await;
    let db = process(&test, |options| {
        options.cache.max_staleness = SHORT;
        options.pool.acquire_timeout = Duration::from_secs(1);
    })
    .await;
    let lenient = async || {
        let query = db.sql("SELECT sum(balance)::bigint FROM accounts").cached();
        let read = query.ttl(LONG).stale_if_error(LONG);
        read.fetch_scalar::<i64>().await
    };
    keep(&db).await;
    assert_eq!(lenient().await.unwrap(), TOTAL);
    let admin = close(&test).await;
    until("the lease ends", async || !has_lease(&db)).await;
    let error = try_total(&db).await.unwrap_err().to_string();
    assert!(
        error.contains("not currently accepting connections"),
        "{error}"
    );
    assert_eq!(lenient().await.unwrap(), TOTAL);
    assert_eq!(db.cache_statistics().stale_on_error, 1);
    reopen(&test, &admin).await;
    until("it comes back by itself", async || {
        try_total(&db).await.is_ok() && has_lease(&db) && is_kept(&db).await
    })
    .await;
    assert_eq!(lenient().await.unwrap(), TOTAL);
}

#[tokio::test]
async fn a_pool_in_use_to_the_last_connection_does_not_cost_the_lease() {
    let test = accounts().await;
    let db = process(&test, |options| {
        options.cache.max_staleness = Duration::from_secs(2);
        options.pool.size = 1;
    })
    .await;
    let writer = process(&test, |_| {}).await;
    let create = "CREATE TABLE elsewhere (n int)";
    writer.sql(create).execute().await.unwrap();
    caught_up(&db).await;
    keep(&db).await;
    let session = db.session().await.unwrap();
    let (began, rows) = (Instant::now(), applied(&db));
    until("a lease from before is over", async || {
        began.elapsed() > Duration::from_secs(3)
    })
    .await;
    until("it has the lease", async || has_lease(&db)).await;
    let write = "INSERT INTO elsewhere VALUES (1)";
    writer.sql(write).execute().await.unwrap();
    until("it learns what others write", async || applied(&db) > rows).await;
    assert!(is_kept(&db).await, "without any connection of the pool");
    assert_eq!(db.follower_statistics().unwrap().failures, 0);
    let write = "UPDATE accounts SET balance = 0 WHERE id = 1";
    writer.sql(write).execute().await.unwrap();
    let written = Instant::now();
    drop(session);
    assert_noticed_within(Duration::from_secs(2), &db, written, TOTAL - 100).await;
}
