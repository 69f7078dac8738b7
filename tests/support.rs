//! What several categories need.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::{CacheMode, Database, DatabaseOptions, sql};
use larder_pool::{Connection, Session};
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

diesel::table! {
    /// The table that `accounts()` makes.
    accounts (id) {
        id -> Integer,
        balance -> BigInt,
    }
}

/// Fails where the account has less (constraint `accounts_balance_check`).
pub(crate) async fn withdraw(
    connection: &mut Connection,
    id: i32,
    amount: i64,
) -> QueryResult<usize> {
    diesel::update(accounts::table.find(id))
        .set(accounts::balance.eq(accounts::balance - amount))
        .execute(connection)
        .await
}

/// Long enough for a busy machine, short enough to notice that something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A database of the test's own, with a table of accounts.
pub(crate) async fn accounts() -> TestDatabase {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    test.database()
        .sql("CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0))")
        .execute()
        .await
        .unwrap();
    test.database()
        .sql("INSERT INTO accounts VALUES (1, 100), (2, 100)")
        .execute()
        .await
        .unwrap();
    test
}

/// A second pool on the database of a test, changed as the test needs it.
pub(crate) async fn open(
    test: &TestDatabase,
    change: impl FnOnce(&mut DatabaseOptions),
) -> Database {
    let mut options = DatabaseOptions::from_url(test.url()).unwrap();
    options.pool.size = 2;
    options.pool.overflow = 0;
    change(&mut options);
    Database::open(options).await.unwrap()
}

/// A pool that is alone with the database of a test: it follows no log and writes none.
pub(crate) async fn open_alone(
    test: &TestDatabase,
    change: impl FnOnce(&mut DatabaseOptions),
) -> Database {
    open(test, |options| {
        options.cache.mode = CacheMode::Local;
        change(options);
    })
    .await
}

/// The process of the server behind a connection.
pub(crate) async fn backend(session: &mut Session) -> i32 {
    sql("SELECT pg_backend_pid()")
        .fetch_scalar_on(session)
        .await
        .unwrap()
}

pub(crate) async fn balance(database: &Database, id: i32) -> i64 {
    database
        .sql("SELECT balance FROM accounts WHERE id = :id")
        .bind("id", id)
        .fetch_scalar()
        .await
        .unwrap()
}

/// Asks the database again and again until it says yes. What other processes of the
/// server do cannot be awaited, only seen.
pub(crate) async fn eventually(database: &Database, question: &str) {
    let asking = async {
        while !database.sql(question).fetch_scalar::<bool>().await.unwrap() {
            tokio::task::yield_now().await;
        }
    };
    if tokio::time::timeout(PATIENCE, asking).await.is_err() {
        panic!("never became true: {question}");
    }
}

/// Looks again and again until it is so. What goes on in the background cannot be awaited.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    if tokio::time::timeout(PATIENCE, looking).await.is_err() {
        panic!("never became true: {what}");
    }
}
