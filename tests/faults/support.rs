//! What several faults need.

use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::QueryResult;
use diesel_async::RunQueryDsl;
use larder_database::{CacheMode, Database, DatabaseOptions};
use larder_pool::Connection;
use larder_testing::TestDatabase;
use larder_testing::proxy::Proxy;

use crate::support::eventually;

/// A pool that reaches the database of a test through a proxy, and follows no log.
pub(super) async fn open_through(
    proxy: &Proxy,
    change: impl FnOnce(&mut DatabaseOptions),
) -> Database {
    let mut options = DatabaseOptions::from_url(&proxy.url()).unwrap();
    options.pool.size = 2;
    options.pool.overflow = 0;
    options.cache.mode = CacheMode::Local;
    change(&mut options);
    Database::open(options).await.unwrap()
}

/// The process of the server behind a connection.
pub(super) async fn process(conn: &mut Connection) -> QueryResult<i32> {
    diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>(
        "pg_backend_pid()",
    ))
    .get_result(conn)
    .await
}

/// Ends a process of the server, and waits until it is gone.
pub(super) async fn terminate(test: &TestDatabase, process: i32) {
    let db = test.database();
    let sql = format!("SELECT pg_terminate_backend({process})");
    assert!(db.sql(sql).fetch_scalar::<bool>().await.unwrap());
    let gone = format!("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {process})");
    eventually(db, &gone).await;
}

/// Raises an error of this code.
pub(super) async fn raise(conn: &mut Connection, code: &str) -> QueryResult<usize> {
    let sql = format!("DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}'; END $$");
    diesel::sql_query(sql).execute(conn).await
}

/// Counts how often something runs.
#[derive(Default)]
pub(super) struct Runs(AtomicUsize);

impl Runs {
    /// Counts; gives how often it has run by now.
    pub(super) fn count(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) fn so_far(&self) -> usize {
        AtomicUsize::load(&self.0, Ordering::SeqCst)
    }
}
