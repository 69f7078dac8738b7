//! What several of these tests need.

use std::time::Duration;

use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use larder_database::sql;
use larder_pool::{ConnectOptions, Connection, Pool, PoolOptions};
use larder_testing::TestDatabase;

/// Long enough for a busy machine, short enough to notice that something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// No migrations at all.
#[derive(Debug)]
struct Nothing;

impl MigrationSource<Pg> for Nothing {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<Pg>>>> {
        Ok(Vec::new())
    }
}

/// An empty database of the test's own.
pub(crate) async fn empty() -> TestDatabase {
    TestDatabase::create(Nothing).await.unwrap()
}

/// A pool of one connection at a time, changed as the test needs it.
pub(crate) fn pool_of_one(url: &str, change: impl FnOnce(&mut PoolOptions)) -> Pool {
    pool_by(ConnectOptions::parse(url).unwrap(), change)
}

/// The same, by options.
pub(crate) fn pool_by(connect: ConnectOptions, change: impl FnOnce(&mut PoolOptions)) -> Pool {
    let mut options = PoolOptions::named("test");
    options.size = 1;
    options.overflow = 0;
    options.acquire_timeout = PATIENCE;
    change(&mut options);
    Pool::open_lazily(connect, options).unwrap()
}

/// The process of the server that a connection leads to.
pub(crate) async fn backend(connection: &mut Connection) -> i32 {
    sql("SELECT pg_backend_pid()")
        .fetch_scalar_on(connection)
        .await
        .unwrap()
}

/// Waits until a question has the answer yes.
pub(crate) async fn eventually(test: &TestDatabase, question: &str) {
    let asking = async {
        while !test
            .database()
            .sql(question)
            .fetch_scalar::<bool>()
            .await
            .unwrap()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let answered = tokio::time::timeout(PATIENCE, asking).await;
    assert!(answered.is_ok(), "never: {question}");
}
