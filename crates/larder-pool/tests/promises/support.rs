//! The entries of an account in a database of the test's own, and pools that reach it through a proxy.

use std::time::Duration;

use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel_async::RunQueryDsl;
use larder_pool::{
    Companion, ConnectOptions, Connection, Effects, Error, ErrorClass, Observer, Pool,
    PoolObserver, PoolOptions, UnknownOutcome,
};
use larder_testing::TestDatabase;
use larder_testing::proxy::Proxy;

diesel::table! {
    /// The table of each test.
    entries (id) {
        id -> Integer,
        amount -> BigInt,
    }
}

/// Long enough for a busy machine, short enough to notice that something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// No migrations at all.
struct Nothing;

impl MigrationSource<Pg> for Nothing {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<Pg>>>> {
        Ok(Vec::new())
    }
}

/// A database with an account of 100, and a way to it that can be disturbed.
pub(crate) struct Bank {
    pub(crate) proxy: Proxy,
    test: TestDatabase,
}

impl Bank {
    pub(crate) async fn open() -> Self {
        let test = TestDatabase::create(Nothing).await.unwrap();
        for sql in [
            "CREATE TABLE entries (id serial PRIMARY KEY, amount bigint NOT NULL)",
            "INSERT INTO entries (amount) VALUES (100)",
        ] {
            test.database().sql(sql).execute().await.unwrap();
        }
        let proxy = Proxy::start(test.url()).unwrap();
        Self { proxy, test }
    }

    /// The URL of the database, past the proxy.
    pub(crate) fn url(&self) -> &str {
        self.test.url()
    }

    /// A pool of so many connections that lead through the proxy, on which this observer looks.
    pub(crate) async fn pool(&self, size: usize, observer: Observer) -> Pool {
        self.pool_with(size, observer, |_| {}).await
    }

    /// The same, with other options for its connections.
    pub(crate) async fn pool_with(
        &self,
        size: usize,
        observer: Observer,
        change: impl FnOnce(&mut ConnectOptions),
    ) -> Pool {
        let mut connect = ConnectOptions::parse(&self.proxy.url()).unwrap();
        change(&mut connect);
        let mut options = PoolOptions::named("bank");
        (options.size, options.overflow) = (size, 0);
        options.observer = observer;
        Pool::open(connect, options).await.unwrap()
    }

    /// Runs something on the server, past the proxy.
    pub(crate) async fn run(&self, sql: &str) {
        self.test.database().sql(sql).execute().await.unwrap();
    }

    /// What the account has by now, seen past the proxy.
    pub(crate) async fn balance(&self) -> i64 {
        let sql = "SELECT sum(amount)::bigint FROM entries";
        let asked = self.test.database().sql(sql).fetch_scalar();
        asked.await.unwrap()
    }

    /// Waits until the account has so much: what another process does can only be seen.
    pub(crate) async fn has(&self, balance: i64) {
        let looking = async {
            while self.balance().await != balance {
                tokio::task::yield_now().await;
            }
        };
        if tokio::time::timeout(PATIENCE, looking).await.is_err() {
            panic!("never had {balance}");
        }
    }
}

/// A write that the server knows once it was sent on a connection.
pub(crate) async fn withdraw(connection: &mut Connection, amount: i64) -> QueryResult<usize> {
    diesel::insert_into(entries::table)
        .values(entries::amount.eq(-amount))
        .execute(connection)
        .await
}

/// Lets each write travel in a transaction of its own, which tells its id.
pub(crate) struct WithId;

impl PoolObserver for WithId {
    fn companion(&self, _: &Effects) -> Option<Companion> {
        Some(Companion {
            sql: "SELECT pg_catalog.pg_current_xact_id()::text".to_owned(),
            may_be_refused: false,
        })
    }
}

/// That it is not known whether it took effect.
pub(crate) fn unknown(error: DieselError) -> UnknownOutcome {
    let error = Error::statement(error, None);
    assert_eq!(error.class(), ErrorClass::OutcomeUnknown, "{error}");
    let unknown = error.unknown_outcome().cloned();
    unknown.unwrap_or_else(|| panic!("with a known outcome: {error}"))
}
