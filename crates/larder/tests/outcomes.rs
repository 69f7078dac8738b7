//! How sessions, transactions and retries ended is in the statistics and in the series.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::sync::atomic::{AtomicU32, Ordering};

use diesel::result::Error as DieselError;
use diesel_async::RunQueryDsl;
use larder::prelude::*;
use larder::services::MIGRATIONS;
use larder_database::RetryPolicy;
use larder_testing::TestDatabase;

/// The value of the series that begins like that, in this page.
fn value(page: &str, series: &str) -> u64 {
    let line = page.lines().find(|line| line.starts_with(series));
    let line = line.unwrap_or_else(|| panic!("{series} is not in\n{page}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn how_transactions_and_retries_ended_is_counted() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let larder = Larder::builder()
        .load_with(|loader| loader.no_file().environment([] as [(&str, &str); 0]))
        .profile(Profile::Test)
        .set("database.url", test.url())
        .set("metrics.enabled", true)
        .set("health.check_interval", "1h")
        .start()
        .await
        .unwrap();
    let before = larder.statistics().connections;
    let runs = AtomicU32::new(0);

    // A savepoint that is rolled back is no transaction that was.
    let kept = larder.db().transaction(async |conn| {
        let inner = conn.transaction(async |conn| {
            diesel::sql_query("SELECT 1").execute(conn).await?;
            Err::<(), _>(DieselError::RollbackTransaction)
        });
        inner.await.unwrap_err();
        Ok::<_, DieselError>(())
    });
    kept.await.unwrap();
    let given_up = larder
        .db()
        .transaction(async |_| Err::<(), _>(DieselError::RollbackTransaction));
    given_up.await.unwrap_err();
    let retried = larder
        .db()
        .retry(RetryPolicy::default())
        .named("close_day")
        .transaction(async |conn| {
            let text = match runs.fetch_add(1, Ordering::Relaxed) {
                0 => "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$",
                _ => "SELECT 1",
            };
            diesel::sql_query(text).execute(conn).await
        });
    retried.await.unwrap();

    let after = larder.statistics().connections;
    assert_eq!(after.committed - before.committed, 2);
    assert_eq!(after.rolled_back - before.rolled_back, 2);
    assert_eq!(after.in_doubt, 0);
    assert_eq!((after.retries, after.retry_recoveries), (1, 1));
    let page = larder.metrics().unwrap();
    let pool = format!("pool=\"{}\"", larder.db().instance_name());
    for (series, expected) in [
        (
            format!("larder_transactions_total{{{pool},outcome=\"committed\"}}"),
            after.committed,
        ),
        (
            format!("larder_transactions_total{{{pool},outcome=\"rolled_back\"}}"),
            after.rolled_back,
        ),
        (
            format!("larder_sessions_total{{{pool},outcome=\"lent\"}}"),
            after.acquired,
        ),
        (
            format!(
                "larder_retries_total{{{pool},name=\"close_day\",reason=\"serialization_failure\",db_response_status_code=\"40001\"}}"
            ),
            1,
        ),
        (
            format!("larder_retry_recoveries_total{{{pool},name=\"close_day\"}}"),
            1,
        ),
    ] {
        assert_eq!(value(&page, &series), expected, "{series}");
    }
    larder.shutdown().await.unwrap();
}
