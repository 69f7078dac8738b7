//! Reads of single rows by their primary keys: they stay while other rows are written, and are
//! right whatever is written.

mod bulk;
mod conditions;
mod definitions;
mod fleet;
mod inserts;
mod keys;
mod others;
mod relations;
mod setting;
mod transactions;
mod upserts;

use std::fmt::Debug;
use std::time::Duration;

use larder_database::{Database, DatabaseOptions, Error, sql};
use larder_testing::TestDatabase;

use super::LONG;
use crate::support;

/// One column of a row, as text.
#[derive(Debug, Clone, PartialEq, diesel::QueryableByName)]
struct Shown {
    #[diesel(sql_type = diesel::sql_types::Text)]
    shown: String,
}

/// A database with accounts 1 and 2 and what this makes, and a process on it.
async fn with(objects: &str) -> (TestDatabase, Database) {
    let test = support::accounts().await;
    let mut session = test.database().session().await.unwrap();
    diesel_async::SimpleAsyncConnection::batch_execute(&mut *session, objects)
        .await
        .unwrap();
    drop(session);
    let db = open(&test, |_| {}).await;
    (test, db)
}

/// A process in which nothing but writes makes a result go.
async fn open(test: &TestDatabase, change: impl FnOnce(&mut DatabaseOptions)) -> Database {
    support::open(test, |options| {
        options.pool.size = 4;
        options.cache.max_staleness = Duration::from_secs(30);
        options.cache.poll_interval = Duration::from_millis(20);
        options.cache.early_refresh = 0.0;
        options.cache.jitter = 0.0;
        options.cache.hot_writes = 0;
        options.cache.warm = false;
        change(options);
    })
    .await
}

/// The balance of an account by its key, or none.
async fn balance(db: &Database, id: i32) -> Option<i64> {
    let query = db.sql("SELECT balance FROM accounts WHERE id = :id");
    let read = query.bind("id", id).cached().ttl(LONG);
    read.fetch_scalar().await.map(Some).or_else(absent).unwrap()
}

/// The same past the cache.
async fn true_balance(db: &Database, id: i32) -> Option<i64> {
    let query = db.sql("SELECT balance FROM accounts WHERE id = :id");
    let read = query.bind("id", id);
    read.fetch_scalar().await.map(Some).or_else(absent).unwrap()
}

fn absent(error: Error) -> Result<Option<i64>, Error> {
    match error {
        Error::NotFound => Ok(None),
        other => Err(other),
    }
}

/// Adds to the balance of an account, which it names by its key.
async fn add(db: &Database, id: i32, amount: i64) {
    let update = db.sql("UPDATE accounts SET balance = balance + :amount WHERE id = :id");
    let update = update.bind("amount", amount).bind("id", id);
    assert_eq!(update.execute().await.unwrap(), 1);
}

/// Runs statements as they stand, one after the other.
async fn run(db: &Database, statements: &str) {
    for statement in statements.split(';').filter(|one| !one.trim().is_empty()) {
        db.sql(statement).execute().await.unwrap();
    }
}

/// What a read gives, and whether the cache answered it.
async fn hit<V>(db: &Database, read: impl Future<Output = V>) -> (bool, V) {
    let before = db.cache_statistics().hits;
    let value = read.await;
    (db.cache_statistics().hits > before, value)
}

/// Whether the balance of an account is served from the cache now. Reading fills the cache.
async fn is_kept(db: &Database, id: i32) -> bool {
    hit(db, balance(db, id)).await.0
}

/// Puts the balances of accounts into the cache.
async fn keep(db: &Database, ids: &[i32]) {
    for id in ids {
        balance(db, *id).await;
        assert!(is_kept(db, *id).await, "account {id} is kept");
    }
}

/// Checks that what is served of these accounts is what the database has.
async fn assert_right(db: &Database, ids: impl IntoIterator<Item = i32>, after: &str) {
    for id in ids {
        let truth = true_balance(db, id).await;
        assert_eq!(balance(db, id).await, truth, "account {id} after {after}");
    }
}

/// Checks that a read, which is told whether to go past the cache, stays when account 2 is
/// written, and goes with account 1.
async fn assert_by_row<V, F>(db: &Database, what: &str, read: impl Fn(bool) -> F)
where
    F: Future<Output = V>,
    V: PartialEq + Debug,
{
    read(false).await;
    assert!(hit(db, read(false)).await.0, "{what}: it is kept");
    add(db, 2, 1).await;
    assert!(
        hit(db, read(false)).await.0,
        "{what}: another row was written"
    );
    add(db, 1, 1).await;
    let (is_hit, value) = hit(db, read(false)).await;
    assert!(!is_hit, "{what}: its row was written");
    assert_eq!(value, read(true).await, "{what}");
}

/// Checks that a read goes with either account.
async fn assert_by_table<V, F>(db: &Database, what: &str, read: impl Fn(bool) -> F)
where
    F: Future<Output = V>,
    V: PartialEq + Debug,
{
    for id in [1, 2] {
        read(false).await;
        assert!(hit(db, read(false)).await.0, "{what}: it is kept");
        add(db, id, 1).await;
        let (is_hit, value) = hit(db, read(false)).await;
        assert!(!is_hit, "{what}: account {id} was written");
        assert_eq!(value, read(true).await, "{what}");
    }
}

/// Runs a statement with an id on a connection.
async fn add_on(
    connection: &mut larder_pool::Connection,
    id: i32,
    amount: i64,
) -> Result<usize, Error> {
    let update = sql("UPDATE accounts SET balance = balance + :amount WHERE id = :id");
    let update = update.bind("amount", amount).bind("id", id);
    update.execute_on(connection).await
}
