//! Switching caching off and on for all processes.

use std::time::Duration;

use larder_database::{CacheTarget, Database, ErrorKind};
use tokio::time::Instant;

use super::{BOUND, LONG, caught_up, is_kept, keep, plain, process, until};
use crate::support::{accounts, eventually};

/// A read that each target but everything may be about.
async fn read(db: &Database) -> i64 {
    let query = db.sql("SELECT count(*) FROM accounts").cached();
    let read = query.ttl(LONG).service("bank", "count").tag("menu:7");
    read.fetch_scalar().await.unwrap()
}

/// Whether it is served from the cache.
async fn is_served(db: &Database) -> bool {
    let before = db.cache_statistics().hits;
    read(db).await;
    db.cache_statistics().hits > before
}

async fn until_served(db: &Database) {
    until("it is kept", async || is_served(db).await).await;
}

#[tokio::test]
async fn a_switch_works_at_once_here_in_time_there_and_in_whoever_starts_later() {
    let test = accounts().await;
    let here = process(&test, |_| {}).await;
    let there = process(&test, |_| {}).await;
    for sql in [
        "CREATE TABLE elsewhere (n int)",
        "INSERT INTO elsewhere VALUES (1)",
    ] {
        here.sql(sql).execute().await.unwrap();
    }
    let targets = [
        CacheTarget::Everything,
        CacheTarget::Service("bank".to_owned()),
        CacheTarget::Table("accounts".to_owned()),
        CacheTarget::Tag("menu:7".to_owned()),
    ];
    for target in targets {
        until_served(&here).await;
        until_served(&there).await;
        here.switch_cache_off(&target).await.unwrap();
        let switched = Instant::now();
        for _ in 0..3 {
            assert!(!is_served(&here).await, "{target} here");
        }
        until("it is off there", async || {
            let began = switched.elapsed();
            let off = !is_served(&there).await;
            assert!(off || began < BOUND, "{target} there");
            off
        })
        .await;
        until("it says so", async || {
            there.switched_off() == here.switched_off()
        })
        .await;
        assert!(!is_served(&there).await);
        let late = process(&test, |_| {}).await;
        assert_eq!(late.switched_off(), here.switched_off());
        for _ in 0..3 {
            assert!(
                !is_served(&late).await,
                "{target} in a process that starts later"
            );
        }
        if target != CacheTarget::Everything {
            // Others go on.
            let other = late.sql("SELECT n FROM elsewhere").cached().ttl(LONG);
            other.fetch_scalar::<i32>().await.unwrap();
            let hits = late.cache_statistics().hits;
            let other = late.sql("SELECT n FROM elsewhere").cached().ttl(LONG);
            other.fetch_scalar::<i32>().await.unwrap();
            assert_eq!(
                late.cache_statistics().hits,
                hits + 1,
                "{target} is not everything"
            );
        }
        here.switch_cache_on(&target).await.unwrap();
        assert_eq!(here.switched_off(), [] as [String; 0]);
        let back = [&here, &there, &late];
        for db in back {
            until_served(db).await;
            assert_eq!(db.switched_off(), [] as [String; 0]);
        }
    }
}

#[tokio::test]
async fn what_was_written_while_it_was_off_is_not_served_when_it_is_on_again() {
    let test = accounts().await;
    let here = process(&test, |_| {}).await;
    let there = process(&test, |_| {}).await;
    keep(&here).await;
    let before = keep(&there).await;
    let target = CacheTarget::Table("accounts".to_owned());
    here.switch_cache_off(&target).await.unwrap();
    until("it is off there", async || !there.switched_off().is_empty()).await;
    // By somebody who tells nobody.
    let client = plain(&test).await;
    let statement = "UPDATE accounts SET balance = 0 WHERE id = 1";
    client.batch_execute(statement).await.unwrap();
    here.switch_cache_on(&target).await.unwrap();
    for db in [&here, &there] {
        until("it is on", async || db.switched_off().is_empty()).await;
        assert_eq!(super::total(db).await, before - 100);
        until("it is kept again", async || is_kept(db).await).await;
    }
}

#[tokio::test]
async fn a_switch_for_a_table_that_is_not_there_is_an_error() {
    let test = accounts().await;
    let db = process(&test, |_| {}).await;
    for name in ["acounts", "nowhere.accounts", "\"Accounts\""] {
        let target = CacheTarget::Table(name.to_owned());
        for switched in [
            db.switch_cache_off(&target).await,
            db.switch_cache_on(&target).await,
        ] {
            let error = switched.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnknownTable);
            assert!(error.to_string().contains(name), "{error}");
        }
    }
    assert_eq!(db.switched_off(), [] as [String; 0]);
    let words = db.sql("SELECT count(*) FROM larder.switch");
    assert_eq!(words.fetch_scalar::<i64>().await.unwrap(), 0);
    // Named as in SQL, through the view too.
    db.switch_cache_off(&CacheTarget::Table("public.accounts".to_owned()))
        .await
        .unwrap();
    assert_eq!(db.switched_off().len(), 1);
    tokio::time::timeout(Duration::from_secs(10), caught_up(&db))
        .await
        .unwrap();
    assert!(!is_kept(&db).await);
}

#[tokio::test]
async fn a_switch_is_not_missed_because_a_look_failed_in_the_middle() {
    const WAITING: &str =
        "FROM pg_locks WHERE NOT granted AND relation = 'larder.switch'::regclass";

    let test = accounts().await;
    let db = process(&test, |_| {}).await;
    keep(&db).await;
    let (writer, keeper) = (plain(&test).await, plain(&test).await);
    // As `switch_cache_off` writes it.
    writer
        .batch_execute(
            "BEGIN; INSERT INTO larder.switch (target, enabled) VALUES ('everything', false); \
             INSERT INTO larder.invalidation (format, touched) VALUES (1, '{-4611686018427387902}')",
        )
        .await
        .unwrap();
    // Has the table as soon as the writer lets go of it: whoever finds the row in the log waits for
    // what it tells of.
    let locking = tokio::spawn(async move {
        let lock = "BEGIN; LOCK TABLE larder.switch IN ACCESS EXCLUSIVE MODE";
        keeper.batch_execute(lock).await.unwrap();
        keeper
    });
    let waits = format!("SELECT count(*) = 1 {WAITING}");
    eventually(test.database(), &waits).await;
    writer.batch_execute("COMMIT").await.unwrap();
    let keeper = locking.await.unwrap();
    let waiting = format!("SELECT count(*) = 2 {WAITING}");
    eventually(test.database(), &waiting).await;
    let end = format!("SELECT pg_terminate_backend(pid) {WAITING}");
    writer.batch_execute(&end).await.unwrap();
    keeper.batch_execute("ROLLBACK").await.unwrap();
    until("it has gone on", async || {
        db.follower_statistics().unwrap().failures > 0
    })
    .await;
    caught_up(&db).await;
    assert_eq!(db.switched_off(), ["everything"]);
    assert!(!is_kept(&db).await);
}
