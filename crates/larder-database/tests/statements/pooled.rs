//! The same behind a pooler in transaction mode.

use std::time::Duration;

use diesel_async::RunQueryDsl;
use larder_database::{Database, DatabaseOptions, QuerySettings, TraceContext};
use larder_pool::PoolerMode;
use larder_testing::TestDatabase;

use crate::support::{database, explained, find, run};

/// The database of a test behind the pooler.
async fn behind(test: &TestDatabase, change: impl FnOnce(&mut QuerySettings)) -> Database {
    let pooler = std::env::var("LARDER_TEST_PGBOUNCER_URL").unwrap_or_else(|_| {
        panic!("LARDER_TEST_PGBOUNCER_URL is not set: run the tests by `cargo xtask test`, which sets it")
    });
    let (place, _) = pooler.rsplit_once('/').unwrap();
    let (_, name) = test.url().rsplit_once('/').unwrap();
    let mut options = DatabaseOptions::from_url(&format!("{place}/{name}")).unwrap();
    options.connect.pooler = PoolerMode::Transaction;
    options.pool.size = 4;
    options.queries.slow_threshold = Duration::ZERO;
    options.queries.explain_per_minute = 6_000;
    change(&mut options.queries);
    Database::open(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_statement_is_explained_behind_a_pooler() {
    let test = database(|_| {}).await;
    run(
        test.database(),
        &["CREATE TABLE menus (id bigint PRIMARY KEY)"],
    )
    .await;
    let db = behind(&test, |_| {}).await;
    let query = diesel::sql_query("SELECT id FROM menus WHERE id = $1");
    let query = query.bind::<diesel::sql_types::BigInt, _>(4_711_i64);
    let mut session = db.session().await.unwrap();
    query.execute(&mut session).await.unwrap();
    drop(session);
    let plan = explained(&db, "select id from menus").await.plan.unwrap();
    assert!(plan.text.contains("(menus.id = ?"), "{}", plan.text);
    assert!(find(&db, "explain").is_none());
    db.shutdown(Duration::from_secs(60)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_carries_its_trace_through_a_pooler() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let test = database(|_| {}).await;
    let db = behind(&test, |queries| {
        queries.trace_context = TraceContext::new(|_| Some(TRACE.to_owned()));
    });
    let db = db.await;
    let own = "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid() -- mine";
    for _ in 0..2 {
        let text: String = db.sql(own).fetch_scalar().await.unwrap();
        assert!(
            text.ends_with(&format!("-- mine\n/*traceparent='{TRACE}'*/")),
            "{text}"
        );
    }
    db.shutdown(Duration::from_secs(60)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_end_the_comment_is_not_sent() {
    let test = database(|_| {}).await;
    let db = behind(&test, |queries| {
        queries.trace_context = TraceContext::new(|_| Some("'*/ SELECT 1 /*'".to_owned()));
    });
    let db = db.await;
    let own = "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()";
    let text: String = db.sql(own).fetch_scalar().await.unwrap();
    assert_eq!(text, own);
    db.shutdown(Duration::from_secs(60)).await.unwrap();
}
