//! Several processes on one database: what one of them writes, the others stop serving in time,
//! whatever happens to PostgreSQL, to Redis or to the processes.
//!
//! Each [`Database`] is a process of its own to the others: with its own cache, its own follower
//! of the log and its own connections to Redis. Where a process has to be stopped or killed, it is
//! a [`Helper`](helper::Helper).

#![expect(clippy::expect_used, reason = "what is missing is named")]

mod commits;
mod faults;
mod helper;
mod history;
mod hot;
mod lease;
mod log;
mod redis_faults;
mod redis_server;
mod second_tier;
mod switches;
mod warming;

use std::time::Duration;

use larder_cache::l2::{RedisOptions, RedisServer};
use larder_database::{Database, DatabaseOptions, Hints};
use larder_testing::TestDatabase;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::NoTls;

use self::redis_server::Values;
use crate::support::{PATIENCE, open};

/// How long a process may serve what another one has made wrong: long beside the pauses of a busy
/// machine, so that no lease lapses by accident.
const BOUND: Duration = Duration::from_secs(5);

/// How often the log is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Long enough that nothing expires in a test.
const LONG: Duration = Duration::from_secs(3000);

/// What all balances of [`accounts`](crate::support::accounts) add up to.
const TOTAL: i64 = 200;

/// A process on the database of a test. Nobody hints at news, and nothing is left to chance.
async fn process(test: &TestDatabase, change: impl FnOnce(&mut DatabaseOptions)) -> Database {
    let db = open(test, |options| {
        options.pool.size = 4;
        options.cache.max_staleness = BOUND;
        options.cache.poll_interval = POLL;
        options.cache.hints = Hints::Off;
        options.cache.hot_writes = 0;
        options.cache.early_refresh = 0.0;
        options.cache.jitter = 0.0;
        // What stands in Redis is fetched when it is read.
        options.cache.warm = false;
        change(options);
    })
    .await;
    until("it has looked at the log", async || has_lease(&db)).await;
    db
}

/// A process that shares its results through the Redis of the test run.
async fn sharing(test: &TestDatabase, namespace: &str) -> Database {
    sharing_through(test, &shared_redis(), namespace).await
}

/// A process that shares its results through this Redis.
async fn sharing_through(test: &TestDatabase, redis: &str, namespace: &str) -> Database {
    sharing_with(test, redis, namespace, |_| {}).await
}

/// The same, with other options.
async fn sharing_with(
    test: &TestDatabase,
    redis: &str,
    namespace: &str,
    change: impl FnOnce(&mut DatabaseOptions),
) -> Database {
    let db = process(test, |options| {
        options.redis = Some(redis_options(redis));
        options.cache.namespace = namespace.to_owned();
        change(options);
    })
    .await;
    // The first connection is made in the background.
    until_reached(&db).await;
    db
}

/// Waits until a process has an answer of Redis.
async fn until_reached(db: &Database) {
    let answers = || {
        let statistics = db.redis_statistics().unwrap();
        statistics.found + statistics.missing
    };
    let before = answers();
    until("it reaches Redis", async || {
        ask_redis(db).await;
        answers() > before
    })
    .await;
}

/// These options, with a deadline that a busy machine does not miss.
fn redis_options(url: &str) -> RedisOptions {
    let mut options = RedisOptions::new(RedisServer::Single { url: url.into() });
    options.deadline = Duration::from_secs(2);
    options
}

/// A read that looks into Redis and leaves nothing that anybody else would find.
async fn ask_redis(db: &Database) {
    let query = db.sql("SELECT :n AS n FROM accounts LIMIT 1");
    let read = query.bind("n", fastrand::i64(..)).cached();
    read.ttl(Duration::from_millis(1))
        .fetch_scalar::<i64>()
        .await
        .unwrap();
}

/// The Redis that all tests share.
fn shared_redis() -> String {
    std::env::var("LARDER_TEST_REDIS_URL").expect(
        "LARDER_TEST_REDIS_URL is not set: run the tests by `cargo xtask test`, which sets it",
    )
}

/// A namespace that no other test has.
fn namespace() -> String {
    format!("test-{:x}", fastrand::u64(..))
}

/// A connection that knows nothing of Larder, as psql's.
async fn plain(test: &TestDatabase) -> tokio_postgres::Client {
    plain_at(test.url()).await
}

async fn plain_at(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// What all balances add up to, through the cache.
async fn total(db: &Database) -> i64 {
    try_total(db).await.unwrap()
}

async fn try_total(db: &Database) -> Result<i64, larder_database::Error> {
    let query = db.sql("SELECT coalesce(sum(balance), 0)::bigint FROM accounts");
    query.cached().ttl(LONG).fetch_scalar().await
}

/// What they add up to, past every cache.
async fn truth(test: &TestDatabase) -> i64 {
    let query = "SELECT coalesce(sum(balance), 0)::bigint FROM accounts";
    test.database().sql(query).fetch_scalar().await.unwrap()
}

/// Whether a read of the total is served from this process's cache now. Reading fills the cache.
async fn is_kept(db: &Database) -> bool {
    let before = db.cache_statistics().hits;
    total(db).await;
    db.cache_statistics().hits > before
}

/// Makes a process serve the total from its cache, and gives it.
async fn keep(db: &Database) -> i64 {
    until("the total is kept", async || is_kept(db).await).await;
    total(db).await
}

fn has_lease(db: &Database) -> bool {
    db.follower_statistics().unwrap().has_lease
}

/// How many rows of others a process has applied.
fn applied(db: &Database) -> u64 {
    db.follower_statistics().unwrap().rows
}

/// Waits until a process has looked at all that is in the log now.
async fn caught_up(db: &Database) {
    let polls = || db.follower_statistics().unwrap().polls;
    // The one that is under way may have begun too early.
    let enough = polls() + 2;
    until("it has looked again", async || polls() >= enough).await;
}

/// Says that a process serves what was written before `written`, at the latest when the bound is
/// over: no read that begins later may be served what was before.
async fn assert_noticed(db: &Database, written: Instant, expected: i64) {
    assert_noticed_within(BOUND, db, written, expected).await;
}

async fn assert_noticed_within(bound: Duration, db: &Database, written: Instant, expected: i64) {
    loop {
        let began = written.elapsed();
        let read = total(db).await;
        if read == expected {
            return;
        }
        assert!(
            began < bound,
            "{read} was served {began:?} after {expected} was committed"
        );
        sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until this is so. For what nobody tells.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            sleep(Duration::from_millis(2)).await;
        }
    };
    if timeout(PATIENCE, waiting).await.is_err() {
        panic!("waited in vain: {what}");
    }
}

/// The number by which a table stands in the log.
async fn table_number(test: &TestDatabase, table: &str) -> i64 {
    let query = test.database().sql("SELECT :name::regclass::oid::bigint");
    query.bind("name", table).fetch_scalar().await.unwrap()
}

/// Waits until so many results of a namespace stand in Redis, and gives them.
async fn stored(redis: &str, namespace: &str, results: usize) -> Values {
    let mut values = Values::of(redis, namespace).await;
    until("the results are in Redis", async || {
        values = Values::of(redis, namespace).await;
        values.len() >= results
    })
    .await;
    values
}

/// Waits until something else stands in Redis in place of these.
async fn until_replaced(old: &Values, redis: &str, namespace: &str) {
    until("another result is in Redis", async || {
        let values = stored(redis, namespace, 1).await;
        !values.iter().eq(old.iter())
    })
    .await;
}
