//! Behind a pooler in transaction mode: PgBouncer with five servers for each database, which its
//! clients take in turns.

#![expect(clippy::expect_used, reason = "what is missing is named")]

mod following;
mod settings;
mod transactions;
mod types;

use std::collections::BTreeSet;

use futures::future::join_all;
use larder_database::{Database, DatabaseOptions};
use larder_pool::PoolerMode;
use larder_testing::TestDatabase;

use crate::support::open;

/// More than the pooler has servers.
const CLIENTS: usize = 8;

/// The URL of a test's database behind the pooler.
pub(crate) fn pooler_url(test: &TestDatabase) -> String {
    let pooler = std::env::var("LARDER_TEST_PGBOUNCER_URL").expect(
        "LARDER_TEST_PGBOUNCER_URL is not set: run the tests by `cargo xtask test`, which sets it",
    );
    let (place, _) = pooler.rsplit_once('/').expect("a URL with a database");
    let (_, database) = test.url().rsplit_once('/').expect("a URL with a database");
    format!("{place}/{database}")
}

/// A pool behind the pooler, which it is told of, on the database of a test.
async fn behind(test: &TestDatabase, change: impl FnOnce(&mut DatabaseOptions)) -> Database {
    open(test, |options| {
        let behind = DatabaseOptions::from_url(&pooler_url(test)).unwrap();
        options.connect = behind.connect;
        options.connect.pooler = PoolerMode::Transaction;
        options.pool.size = CLIENTS;
        change(options);
    })
    .await
}

/// Lets all clients do something at the same time.
async fn all_clients<F, Fut>(work: F)
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let clients = (0..CLIENTS).map(|client| tokio::spawn(work(client)));
    for client in join_all(clients).await {
        client.unwrap();
    }
}

/// On how many servers so many statements ran, each beside as many others as there are clients.
async fn servers(db: &Database) -> BTreeSet<i32> {
    let asking = (0..CLIENTS).map(|_| {
        db.sql("SELECT pg_backend_pid() FROM pg_sleep(0.02)")
            .fetch_scalar::<i32>()
    });
    let found = join_all(asking).await;
    found.into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn clients_take_the_servers_in_turns() {
    let test = crate::support::accounts().await;
    let db = behind(&test, |_| {}).await;
    let servers = servers(&db).await;
    // Else nothing here would be a test.
    assert!((2..=5).contains(&servers.len()), "{servers:?}");
}
