//! Verifying what is served: a share of the hits is read again and compared.

use std::time::Duration;

use diesel::prelude::*;
use larder_database::{CacheEvent, CacheMode, Database, ShadowStatistics};
use larder_testing::TestDatabase;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::{LONG, accounts, balances, is_kept};
use crate::support::{self, PATIENCE, open};

/// A database with accounts on which every hit is verified.
async fn verified(mode: CacheMode) -> (TestDatabase, Database) {
    let test = support::accounts().await;
    let db = open(&test, |options| {
        options.pool.size = 8;
        options.cache.mode = mode;
        options.cache.shadow = 1.0;
        options.cache.max_staleness = Duration::from_millis(300);
        options.cache.poll_interval = Duration::from_millis(20);
    })
    .await;
    (test, db)
}

/// What was verified, once `is_enough` says so.
async fn after(db: &Database, is_enough: fn(&ShadowStatistics) -> bool) -> ShadowStatistics {
    let looking = async {
        loop {
            let seen = db.shadow_statistics();
            if is_enough(&seen) {
                return seen;
            }
            yield_now().await;
        }
    };
    let seen = timeout(PATIENCE, looking).await;
    seen.unwrap_or_else(|_| panic!("only {:?}", db.shadow_statistics()))
}

/// Writes past Larder.
async fn behind_its_back(test: &TestDatabase, statement: &str) {
    let (client, connection) = tokio_postgres::connect(test.url(), tokio_postgres::NoTls)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(statement).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn hits_are_compared_with_the_database_and_found_equal() {
    let (_test, db) = verified(CacheMode::Shared).await;
    balances(&db).await;
    assert_eq!(db.shadow_statistics().verified, 0, "no hit yet");
    for n in 1..=3 {
        while !is_kept(&db).await {}
        let seen = after(&db, |seen| seen.verified + seen.skipped > 0).await;
        assert_eq!((seen.violations, seen.failed), (0, 0), "{n}: {seen:?}");
    }
    let seen = after(&db, |seen| seen.equal > 0).await;
    assert_eq!(seen.equal, seen.verified);
}

#[tokio::test]
async fn a_write_behind_larders_back_is_found() {
    for mode in [CacheMode::Local, CacheMode::Shared] {
        let (test, db) = verified(mode).await;
        let mut events = db.cache_events();
        balances(&db).await;
        behind_its_back(&test, "UPDATE accounts SET balance = 5 WHERE id = 1").await;
        assert_eq!(&*balances(&db).await, [100, 100], "nobody has told of it");
        let read = accounts::table.select(accounts::balance);
        let explained = db.cached(read.order(accounts::id)).ttl(LONG);
        let key = explained.explain::<i64>().await.unwrap().key;
        let event = loop {
            match timeout(PATIENCE, events.recv()).await.unwrap().unwrap() {
                CacheEvent::ShadowViolation {
                    key,
                    name,
                    statement,
                    dependencies,
                } => break (Some(key), name, statement, dependencies),
                _ => continue,
            }
        };
        assert_eq!(event.0, key);
        assert!(event.1.starts_with("accounts:"), "{}", event.1);
        assert!(event.2.contains("accounts"), "{}", event.2);
        assert_eq!(event.3, ["public.accounts"]);
        assert_eq!(db.shadow_statistics().violations, 1);
    }
}

#[tokio::test]
async fn writes_through_larder_are_no_violations() {
    for mode in [CacheMode::Local, CacheMode::Shared] {
        let (test, db) = verified(mode).await;
        let other = match mode {
            CacheMode::Shared => super::other_process(&test).await,
            _ => db.clone(),
        };
        for n in 0..20 {
            balances(&db).await;
            let write = other
                .sql("UPDATE accounts SET balance = :n WHERE id = 1")
                .bind("n", n);
            let (written, _) = tokio::join!(write.execute(), async {
                for _ in 0..20 {
                    balances(&db).await;
                    yield_now().await;
                }
            });
            written.unwrap();
        }
        // Those that differed are looked at again later, and no more than two at a time.
        let enough = async {
            while db.shadow_statistics().verified < 5 {
                balances(&db).await;
                yield_now().await;
            }
        };
        timeout(PATIENCE, enough).await.unwrap();
        let seen = db.shadow_statistics();
        assert_eq!((seen.violations, seen.failed), (0, 0), "{seen:?}");
    }
}

#[tokio::test]
async fn what_is_kept_for_its_time_or_may_change_by_itself_is_not_compared() {
    let (_test, db) = verified(CacheMode::Shared).await;
    let sum = || db.sql("SELECT sum(balance)::int8 FROM accounts").cached();
    let hits = db.cache_statistics().hits;
    // More than are compared at a time: of others, some would be skipped, which counts at once.
    for _ in 0..=5 {
        let read = sum().ttl_only(LONG).fetch_scalar::<i64>();
        assert_eq!(read.await.unwrap(), 200);
    }
    for _ in 0..=5 {
        let read = sum().ttl(LONG).allow_volatile().fetch_scalar::<i64>();
        assert_eq!(read.await.unwrap(), 200);
    }
    assert_eq!(db.cache_statistics().hits, hits + 10);
    assert_eq!(db.shadow_statistics(), ShadowStatistics::default());
    for _ in 0..=5 {
        let read = sum().ttl(LONG).fetch_scalar::<i64>();
        assert_eq!(read.await.unwrap(), 200);
    }
    assert_eq!(db.shadow_statistics().skipped, 3);
}

#[tokio::test]
async fn without_a_share_nothing_is_compared() {
    let (_test, db) = super::cached_accounts().await;
    balances(&db).await;
    assert!(is_kept(&db).await && is_kept(&db).await);
    assert_eq!(db.shadow_statistics(), ShadowStatistics::default());
}
