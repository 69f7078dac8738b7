//! A table of accounts in a database of the test's own, and pools that reach it through a proxy.

use std::time::Duration;

use diesel::QueryResult;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::result::Error as DieselError;
use diesel_async::RunQueryDsl;
use larder_pool::{
    ConnectOptions, Connection, Error, ErrorClass, Observer, Pool, PoolOptions, UnknownOutcome,
};
use larder_testing::TestDatabase;
use larder_testing::proxy::Proxy;

/// Long enough for a busy machine, short enough to notice that something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// No migrations at all.
struct Nothing;

impl MigrationSource<Pg> for Nothing {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<Pg>>>> {
        Ok(Vec::new())
    }
}

/// A database with two accounts of 100, and a way to it that can be disturbed.
pub(crate) struct Bank {
    pub(crate) proxy: Proxy,
    test: TestDatabase,
}

impl Bank {
    pub(crate) async fn open() -> Self {
        let test = TestDatabase::create(Nothing).await.unwrap();
        for sql in [
            "CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL)",
            "INSERT INTO accounts VALUES (1, 100), (2, 100)",
        ] {
            test.database().sql(sql).execute().await.unwrap();
        }
        let proxy = Proxy::start(test.url()).unwrap();
        Self { proxy, test }
    }

    /// A pool of so many connections that lead through the proxy, on which this observer looks.
    pub(crate) async fn pool(&self, size: usize, observer: Observer) -> Pool {
        let connect = ConnectOptions::parse(&self.proxy.url()).unwrap();
        let mut options = PoolOptions::named("bank");
        (options.size, options.overflow) = (size, 0);
        options.observer = observer;
        Pool::open(connect, options).await.unwrap()
    }

    /// Runs something on the server, past the proxy.
    pub(crate) async fn run(&self, sql: &str) {
        self.test.database().sql(sql).execute().await.unwrap();
    }

    /// What the server has, seen past the proxy.
    pub(crate) async fn balance(&self, id: i32) -> i64 {
        let sql = format!("SELECT balance FROM accounts WHERE id = {id}");
        let asked = self.test.database().sql(sql).fetch_scalar();
        asked.await.unwrap()
    }
}

/// A write whose text is the same each time.
pub(crate) async fn withdraw(connection: &mut Connection, amount: i64) -> QueryResult<usize> {
    diesel::sql_query("UPDATE accounts SET balance = balance - $1 WHERE id = 1")
        .bind::<diesel::sql_types::BigInt, _>(amount)
        .execute(connection)
        .await
}

/// That it is not known whether it took effect.
pub(crate) fn unknown(error: DieselError) -> UnknownOutcome {
    let error = Error::statement(error, None);
    assert_eq!(error.class(), ErrorClass::OutcomeUnknown, "{error}");
    let unknown = error.unknown_outcome().cloned();
    unknown.unwrap_or_else(|| panic!("with a known outcome: {error}"))
}
