//! Results that processes share through Redis, and those that they do not.

use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::SimpleAsyncConnection;
use larder_cache::l2::Seal;
use larder_database::{Clock, Database};
use tokio::time::Instant;

use super::redis_server::Values;
use super::{
    BOUND, LONG, TOTAL, assert_noticed, has_lease, keep, namespace, process, shared_redis, sharing,
    sharing_with, stored, total, until, until_replaced,
};
use crate::support::{accounts, accounts::dsl, eventually};

const WRITE: &str = "UPDATE accounts SET balance = balance + 10 WHERE id = 1";

/// One account, as a type of the program.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
struct Account {
    id: i32,
    balance: i64,
}

async fn first_account(db: &Database) -> Arc<[Account]> {
    let query = dsl::accounts.filter(dsl::id.eq(1));
    db.cached(query).ttl(LONG).load().await.unwrap()
}

#[tokio::test]
async fn what_is_to_stay_in_a_process_never_reaches_redis() {
    let test = accounts().await;
    let create = "CREATE TABLE elsewhere (n int)";
    test.database().sql(create).execute().await.unwrap();
    let (redis, namespace) = (shared_redis(), namespace());
    let db = sharing_with(&test, &redis, &namespace, |options| {
        options.cache.never_in_redis = vec!["public.elsewhere".to_owned()];
        options.cache.keep_local::<Account>();
    })
    .await;
    let given = || db.second_tier_statistics().unwrap().stored;
    let before = given();
    for _ in 0..2 {
        first_account(&db).await;
        let one = db.cached(dsl::accounts.find(1)).ttl(LONG);
        one.first::<Account>().await.unwrap();
        let local = db.sql("SELECT count(*) FROM accounts").cached();
        local
            .local_only()
            .ttl(LONG)
            .fetch_scalar::<i64>()
            .await
            .unwrap();
        let joined = db.sql("SELECT count(*) FROM accounts, elsewhere").cached();
        joined.ttl(LONG).fetch_scalar::<i64>().await.unwrap();
    }
    assert_eq!(given(), before);
    // All of them were cached in the process.
    assert_eq!(db.cache_statistics().hits, 4);
    // What may go there does, later than those would have.
    total(&db).await;
    assert_eq!(given(), before + 1);
    assert_eq!(stored(&redis, &namespace, 1).await.len(), 1);
}

#[tokio::test]
async fn what_stands_in_redis_is_sealed() {
    let seal = |secret: u8| Seal::of_secrets([&[secret; 32]]);
    let secret = "nobody-else-may-read-this";
    let test = accounts().await;
    for sql in [
        "CREATE TABLE notes (body text)",
        "INSERT INTO notes VALUES ('nobody-else-may-read-this')",
    ] {
        test.database().sql(sql).execute().await.unwrap();
    }
    let redis = shared_redis();
    let read = async |db: &Database| {
        let query = db.sql("SELECT body FROM notes").cached().ttl(LONG);
        let query = query.service("letters", "confidential");
        query.fetch_scalar::<String>().await.unwrap()
    };
    let holds = |values: &Values, text: &str| {
        let is_in = |bytes: &[u8]| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        let mut values = values.iter();
        values.any(|(key, value)| is_in(key.as_bytes()) || is_in(value))
    };

    // Without a seal it would be seen here.
    let open = namespace();
    let db = sharing(&test, &open).await;
    read(&db).await;
    let values = stored(&redis, &open, 1).await;
    assert!(holds(&values, secret) && holds(&values, "confidential"));

    let namespace = namespace();
    let with = async |seal: Option<Seal>| {
        let seal = move |options: &mut larder_database::DatabaseOptions| options.cache.seal = seal;
        sharing_with(&test, &redis, &namespace, seal).await
    };
    let first = with(seal(1)).await;
    read(&first).await;
    let values = stored(&redis, &namespace, 1).await;
    assert!(!holds(&values, secret) && !holds(&values, "confidential"));

    let same = with(seal(1)).await;
    let fetched = same.cache_statistics().fetched;
    assert_eq!(read(&same).await, secret);
    assert_eq!(same.cache_statistics().fetched, fetched + 1);

    for other in [seal(2), None] {
        values.put_back().await;
        let db = with(other).await;
        let before = db.cache_statistics().fetched;
        assert_eq!(read(&db).await, secret);
        assert_eq!(db.cache_statistics().fetched, before, "it cannot read that");
        assert_eq!(db.second_tier_statistics().unwrap().undecodable, 1);
    }
    // A secret that is being replaced still opens.
    values.put_back().await;
    let both = with(Seal::of_secrets([&[2; 32], &[1; 32]])).await;
    let before = both.cache_statistics().fetched;
    assert_eq!(read(&both).await, secret);
    assert_eq!(both.cache_statistics().fetched, before + 1);
}

#[tokio::test]
async fn two_processes_that_miss_at_once_load_once() {
    let test = accounts().await;
    let mut keeper = test.database().session().await.unwrap();
    keeper
        .batch_execute(
            "CREATE SEQUENCE loads;
             CREATE FUNCTION gate(balance bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
                 PERFORM nextval('loads'), pg_advisory_xact_lock_shared(7); RETURN balance; END $$;
             SELECT pg_advisory_lock(7)",
        )
        .await
        .unwrap();
    let (redis, namespace) = (shared_redis(), namespace());
    let open = async || {
        sharing_with(&test, &redis, &namespace, |options| {
            options.cache.load_lock = Duration::from_secs(60);
        })
        .await
    };
    let (first, second) = (open().await, open().await);
    let gated = |db: &Database| {
        let db = db.clone();
        tokio::spawn(async move {
            let query = db.sql("SELECT gate(balance) FROM accounts WHERE id = 1");
            query
                .cached()
                .ttl(LONG)
                .fetch_scalar::<i64>()
                .await
                .unwrap()
        })
    };
    let loading = gated(&first);
    eventually(
        test.database(),
        "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .await;
    let gets = || second.redis_statistics().unwrap().gets;
    let before = gets();
    let waiting = gated(&second);
    // It has seen that it is not its turn, and looks again.
    until("it waits for the other one", async || gets() >= before + 3).await;
    keeper
        .batch_execute("SELECT pg_advisory_unlock(7)")
        .await
        .unwrap();
    assert_eq!((loading.await.unwrap(), waiting.await.unwrap()), (100, 100));
    // Statements would not tell: each process looks at the catalog when it pleases.
    let loads = test.database().sql("SELECT last_value FROM loads");
    assert_eq!(loads.fetch_scalar::<i64>().await.unwrap(), 1);
}

#[tokio::test]
async fn what_a_write_has_made_wrong_is_refused_wherever_it_comes_from() {
    let test = accounts().await;
    let (redis, namespace) = (shared_redis(), namespace());
    let writer = sharing(&test, &namespace).await;
    let other = sharing(&test, &namespace).await;
    total(&writer).await;
    let old = stored(&redis, &namespace, 1).await;
    writer.sql(WRITE).execute().await.unwrap();
    let written = Instant::now();
    // At once by the writer, and in time by one that never had it.
    assert_eq!(total(&writer).await, TOTAL + 10);
    assert_eq!(writer.second_tier_statistics().unwrap().invalidated, 1);
    until_replaced(&old, &redis, &namespace).await;
    old.put_back().await;
    super::caught_up(&other).await;
    assert_noticed(&other, written, TOTAL + 10).await;
    assert_eq!(other.second_tier_statistics().unwrap().invalidated, 1);
    // By hand too, and by a pattern.
    for everything in [true, false] {
        keep(&writer).await;
        until_replaced(&old, &redis, &namespace).await;
        old.put_back().await;
        if everything {
            writer.invalidate().everything().await.unwrap();
        } else {
            writer.invalidate().matching("accounts:*").await.unwrap();
        }
        assert_eq!(total(&writer).await, TOTAL + 10);
    }
    assert_eq!(writer.second_tier_statistics().unwrap().invalidated, 3);
}

/// A total that is good for a time, whatever is written.
async fn aged(db: &Database, ttl: Duration) -> i64 {
    let query = db.sql("SELECT sum(balance)::bigint FROM accounts").cached();
    query.ttl_only(ttl).fetch_scalar().await.unwrap()
}

#[tokio::test]
async fn a_result_for_its_time_alone_survives_writes_and_ends_with_its_time() {
    let test = accounts().await;
    let (redis, namespace) = (shared_redis(), namespace());
    let writer = sharing(&test, &namespace).await;
    let other = sharing(&test, &namespace).await;
    assert_eq!(aged(&writer, LONG).await, TOTAL);
    stored(&redis, &namespace, 1).await;
    writer.sql(WRITE).execute().await.unwrap();
    super::caught_up(&other).await;
    for db in [&writer, &other] {
        assert_eq!(aged(db, LONG).await, TOTAL, "no write invalidates it");
        assert_eq!(total(db).await, TOTAL + 10, "others go");
    }
    // It ends in both tiers.
    let ttl = Duration::from_secs(1);
    let first = Instant::now();
    assert_eq!(aged(&writer, ttl).await, TOTAL + 10);
    writer.sql(WRITE).execute().await.unwrap();
    for db in [&writer, &other] {
        until("its time is over", async || {
            let began = first.elapsed();
            let is_new = aged(db, ttl).await == TOTAL + 20;
            assert!(is_new || began < BOUND, "it outlives its time");
            is_new
        })
        .await;
    }
}

#[tokio::test]
async fn a_result_for_its_time_alone_is_read_again_after_it() {
    let test = accounts().await;
    let (clock, time) = Clock::manual();
    let db = process(&test, |options| options.cache.clock = clock).await;
    assert_eq!(aged(&db, Duration::from_secs(60)).await, TOTAL);
    db.sql(WRITE).execute().await.unwrap();
    for _ in 0..2 {
        // Each time further than the lease, and together less than its time.
        time.advance(Duration::from_secs(29));
        until("the lease is renewed", async || has_lease(&db)).await;
        assert_eq!(aged(&db, Duration::from_secs(60)).await, TOTAL);
    }
    time.advance(Duration::from_secs(2));
    until("the lease is renewed", async || has_lease(&db)).await;
    assert_eq!(aged(&db, Duration::from_secs(60)).await, TOTAL + 10);
    keep(&db).await;
}
