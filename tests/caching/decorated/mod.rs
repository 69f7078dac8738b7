//! Decorated functions: what their results depend on, when they are kept, and when they go.

mod counted;
mod dependencies;
mod invalidates;
mod keys;
mod nested;
mod put;
mod races;
mod redis;
mod refused;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel_async::SimpleAsyncConnection;
use larder::services::{HasService, Service};
use larder_cache::{Clock, ManualClock};
use larder_database::{CacheExplanation, Database, DatabaseOptions, Error};
use larder_testing::TestDatabase;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::support::{self, PATIENCE, open};

/// A database with some tables beside the accounts.
async fn tables() -> TestDatabase {
    let test = support::accounts().await;
    let mut session = test.database().session().await.unwrap();
    session
        .batch_execute(
            "CREATE TABLE owners (id int PRIMARY KEY, name text NOT NULL);
             INSERT INTO owners VALUES (1, 'Ada'), (2, 'Max');
             CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL);
             INSERT INTO notes (text) VALUES ('one');
             CREATE TABLE prices (price bigint NOT NULL);
             INSERT INTO prices VALUES (7);
             CREATE TABLE others (id int)",
        )
        .await
        .unwrap();
    drop(session);
    test
}

/// The same, and a pool with a cache.
async fn opened() -> (TestDatabase, Database) {
    opened_with(|_| {}).await
}

async fn opened_with(change: impl FnOnce(&mut DatabaseOptions)) -> (TestDatabase, Database) {
    let test = tables().await;
    let db = open(&test, |options| {
        options.pool.size = 8;
        // A busy machine may take its time to look into the log.
        options.cache.max_staleness = PATIENCE * 3;
        options.cache.early_refresh = 0.0;
        options.cache.jitter = 0.0;
        change(options);
    })
    .await;
    (test, db)
}

/// The same, alone with its database, with a clock that the test moves.
async fn timed() -> (TestDatabase, Database, ManualClock) {
    let (clock, time) = Clock::manual();
    let (test, db) = opened_with(|options| {
        options.cache.mode = larder_database::CacheMode::Local;
        options.cache.clock = clock;
    })
    .await;
    (test, db, time)
}

/// How often a body has run.
#[derive(Debug, Clone, Default)]
struct Runs(Arc<AtomicU64>);

impl Runs {
    fn ran(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A place where a body waits until the test lets it go on.
#[derive(Debug, Clone)]
struct Stop {
    arrived: Arc<Semaphore>,
    way: Arc<Semaphore>,
}

impl Stop {
    fn new() -> Self {
        let none = || Arc::new(Semaphore::new(0));
        let (arrived, way) = (none(), none());
        Self { arrived, way }
    }

    /// One that holds nobody up.
    fn open() -> Self {
        let stop = Self::new();
        stop.way.close();
        stop
    }

    /// Where the body is.
    async fn pass(&self) {
        self.arrived.add_permits(1);
        let way = timeout(PATIENCE, self.way.acquire()).await;
        if let Ok(one) = way.unwrap() {
            one.forget();
        }
    }

    /// Waits until one more is there.
    async fn reached(&self) {
        let reached = timeout(PATIENCE, self.arrived.acquire()).await;
        reached.unwrap().unwrap().forget();
    }

    /// Lets one go on.
    fn let_one_go(&self) {
        self.way.add_permits(1);
    }
}

/// Waits until a process has looked into the log, from the beginning.
async fn has_looked(db: &Database) {
    let polls = || db.follower_statistics().unwrap().polls;
    let enough = polls() + 2;
    support::until("it looks", || polls() >= enough).await;
}

/// Runs a statement.
async fn execute(db: &Database, sql: &str) {
    db.sql(sql).execute().await.unwrap();
}

async fn number(db: &Database, sql: &str) -> Result<i64, Error> {
    db.sql(sql).fetch_scalar().await
}

/// The balance of an account, read by its primary key.
async fn balance(db: &Database, id: i32) -> Result<i64, Error> {
    let balance = db.sql("SELECT balance FROM accounts WHERE id = :id");
    balance.bind("id", id).fetch_scalar().await
}

/// Writes to one account by its primary key.
async fn set_balance(db: &Database, id: i32, balance: i64) {
    let update = db.sql("UPDATE accounts SET balance = :balance WHERE id = :id");
    let update = update.bind("balance", balance).bind("id", id);
    assert_eq!(update.execute().await.unwrap(), 1);
}

/// What is told of a call.
async fn explained<F: Future>(db: &Database, call: F) -> CacheExplanation {
    let (_, why) = db.explain_call(call).await;
    why.unwrap()
}

/// The tables, and those of them by row, in the order of their names.
fn tables_of(why: &CacheExplanation) -> (Vec<&str>, Vec<&str>) {
    let mut tables: Vec<&str> = why.tables.iter().map(String::as_str).collect();
    let mut by_row: Vec<&str> = why.by_row.iter().map(String::as_str).collect();
    tables.sort_unstable();
    by_row.sort_unstable();
    (tables, by_row)
}

/// A service of the tests.
#[derive(Clone)]
struct Bank {
    service: Service,
    region: &'static str,
    runs: Runs,
}

impl HasService for Bank {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl Bank {
    fn new(db: &Database) -> Self {
        Self {
            service: Service::new(db.clone(), "bank"),
            region: "south",
            runs: Runs::default(),
        }
    }

    fn db(&self) -> &Database {
        self.service.database()
    }
}
