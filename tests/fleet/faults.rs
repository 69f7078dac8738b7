//! Processes are killed, stopped and cut off: what they have written is noticed, and they serve
//! nothing old.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use larder_testing::proxy::Proxy;
use tokio::time::{Instant, sleep};

use super::helper::Helper;
use super::{
    BOUND, TOTAL, applied, assert_noticed, caught_up, is_kept, keep, namespace, process,
    redis_options, shared_redis, sharing, stored, total, truth, try_total, until, until_reached,
};
use crate::support::{accounts, eventually};

const WRITE: &str = "UPDATE accounts SET balance = balance + 10 WHERE id = 1";

#[tokio::test]
async fn fault_22_a_writer_killed_before_its_commit_has_written_nothing() {
    let test = accounts().await;
    let reader = process(&test, |_| {}).await;
    let mut writer = Helper::start(&test, None, BOUND).await;
    keep(&reader).await;
    let before = applied(&reader);
    assert_eq!(writer.ask(&format!("begin {WRITE}")).await, "begun");
    writer.kill().await;
    eventually(
        test.database(),
        "SELECT count(*) = 0 FROM pg_stat_activity WHERE state = 'idle in transaction' \
         AND datname = current_database()",
    )
    .await;
    caught_up(&reader).await;
    assert_eq!(applied(&reader), before);
    assert!(is_kept(&reader).await);
    assert_eq!(truth(&test).await, TOTAL);
}

#[tokio::test]
async fn fault_22_a_writer_killed_after_its_commit() {
    let test = accounts().await;
    let namespace = namespace();
    let reader = sharing(&test, &namespace).await;
    let redis = shared_redis();
    for round in 1..=3 {
        let mut writer = Helper::start(&test, Some((&redis, &namespace)), BOUND).await;
        keep(&reader).await;
        // Killed as soon as it has taken effect, whether or not the writer knows.
        writer.send(&format!("write {WRITE}")).await;
        let expected = TOTAL + 10 * round;
        until("it is committed", async || truth(&test).await == expected).await;
        let committed = Instant::now();
        writer.kill().await;
        assert_noticed(&reader, committed, expected).await;
    }
}

#[tokio::test]
async fn fault_22_a_commit_that_lands_after_its_writer_died() {
    let test = accounts().await;
    let namespace = namespace();
    let redis = shared_redis();
    let mut keeper = test.database().session().await.unwrap();
    keeper
        .batch_execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 PERFORM pg_advisory_xact_lock_shared(7); RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON accounts
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow();
             SELECT pg_advisory_lock(7)",
        )
        .await
        .unwrap();
    let reader = sharing(&test, &namespace).await;
    let mut writer = Helper::start(&test, Some((&redis, &namespace)), BOUND).await;
    keep(&reader).await;
    let old = stored(&redis, &namespace, 1).await;
    writer.send(&format!("write {WRITE}")).await;
    eventually(
        test.database(),
        "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .await;
    writer.kill().await;
    caught_up(&reader).await;
    assert_eq!(keep(&reader).await, TOTAL, "it has not taken effect");
    keeper
        .batch_execute("SELECT pg_advisory_unlock(7)")
        .await
        .unwrap();
    until("it takes effect", async || truth(&test).await == TOTAL + 10).await;
    let landed = Instant::now();
    assert_noticed(&reader, landed, TOTAL + 10).await;
    old.put_back().await;
    let late = sharing(&test, &namespace).await;
    assert_eq!(total(&late).await, TOTAL + 10);
}

#[tokio::test]
async fn fault_23_cut_off_from_postgresql_but_not_from_redis() {
    let bound = Duration::from_secs(1);
    let test = accounts().await;
    let (redis, namespace) = (shared_redis(), namespace());
    let proxy = Proxy::start(test.url()).unwrap();
    let mut options = larder_database::DatabaseOptions::from_url(&proxy.url()).unwrap();
    options.pool.acquire_timeout = Duration::from_millis(500);
    options.cache.max_staleness = bound;
    options.cache.namespace = namespace.clone();
    options.redis = Some(redis_options(&redis));
    let cut_off = larder_database::Database::open(options).await.unwrap();
    until_reached(&cut_off).await;
    let writer = sharing(&test, &namespace).await;
    keep(&cut_off).await;
    let old = stored(&redis, &namespace, 1).await;
    proxy.refuse();
    proxy.cut();
    writer.sql(WRITE).execute().await.unwrap();
    let written = Instant::now();
    assert_eq!(total(&writer).await, TOTAL + 10);
    // What is right no more stands in Redis, and PostgreSQL does not say that it is not.
    old.put_back().await;
    let mut failed = 0;
    while failed < 3 {
        let began = written.elapsed();
        match try_total(&cut_off).await {
            Ok(total) => assert!(
                began < bound,
                "{total} was served {began:?} after the write"
            ),
            Err(_) => failed += 1,
        }
    }
    proxy.resume();
    until("the database is reached", async || {
        try_total(&cut_off).await.is_ok()
    })
    .await;
    assert_eq!(total(&cut_off).await, TOTAL + 10);
    until("the lease is back", async || is_kept(&cut_off).await).await;
    assert_eq!(total(&cut_off).await, TOTAL + 10);
}

#[tokio::test]
async fn fault_23_stopped_for_three_times_the_bound() {
    let bound = Duration::from_secs(1);
    let test = accounts().await;
    let (redis, namespace) = (shared_redis(), namespace());
    let writer = sharing(&test, &namespace).await;
    let mut expected = TOTAL;
    for tier in [None, Some((&*redis, &*namespace))] {
        let mut stopped = Helper::start(&test, tier, bound).await;
        for _ in 0..2 {
            assert_eq!(stopped.ask("keep").await, expected.to_string());
            let results = usize::from(tier.is_some());
            let old = stored(&redis, &namespace, results).await;
            stopped.stop().await;
            writer.sql(WRITE).execute().await.unwrap();
            expected += 10;
            // What it finds first of all when it goes on.
            stopped.send("total").await;
            // Redis offers it what it has served before.
            old.put_back().await;
            // The fault lasts that long.
            sleep(3 * bound).await;
            stopped.resume();
            assert_eq!(stopped.answer().await, expected.to_string());
            for _ in 0..20 {
                assert_eq!(stopped.total().await, expected);
            }
        }
    }
}

#[tokio::test]
async fn fault_23_a_writer_stopped_after_its_commit_is_noticed() {
    let test = accounts().await;
    let reader = process(&test, |_| {}).await;
    let mut writer = Helper::start(&test, None, BOUND).await;
    keep(&reader).await;
    assert_eq!(writer.ask(&format!("write {WRITE}")).await, "written");
    let written = Instant::now();
    // It can tell nobody any more.
    writer.stop().await;
    assert_noticed(&reader, written, TOTAL + 10).await;
    writer.resume();
    assert_eq!(writer.total().await, TOTAL + 10);
}
