//! What happens to the cache, as those hear it who listen.

use std::time::Duration;

use larder_database::{CacheEvent, CacheEvents, CacheMode, CacheTarget, Cause, Database};
use tokio::time::timeout;

use super::{balances, cached_accounts, other_process};
use crate::support::{self, PATIENCE, open};

/// The next event that `choose` makes something of.
async fn next<T>(events: &mut CacheEvents, mut choose: impl FnMut(CacheEvent) -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(chosen) = choose(events.recv().await.unwrap()) {
                return chosen;
            }
        }
    };
    timeout(PATIENCE, waiting).await.unwrap()
}

async fn oid(db: &Database) -> u32 {
    let oid: i64 = db
        .sql("SELECT 'accounts'::regclass::oid::int8")
        .fetch_scalar()
        .await
        .unwrap();
    u32::try_from(oid).unwrap()
}

fn tables(event: CacheEvent) -> Option<(Cause, Vec<u32>)> {
    match event {
        CacheEvent::Invalidated {
            cause,
            tables,
            everything: false,
            pattern: None,
        } => Some((cause, tables)),
        _ => None,
    }
}

#[tokio::test]
async fn writes_of_this_process_and_of_others_are_told_of_with_their_tables() {
    let (test, db) = cached_accounts().await;
    let accounts = oid(&db).await;
    balances(&db).await;
    let other = other_process(&test).await;
    let mut events = db.cache_events();
    let write = "UPDATE accounts SET balance = balance + 1";
    db.sql(write).execute().await.unwrap();
    let told = next(&mut events, tables).await;
    assert_eq!(told, (Cause::Write, vec![accounts]));
    other.sql(write).execute().await.unwrap();
    let told = next(&mut events, tables).await;
    assert_eq!(told, (Cause::Remote, vec![accounts]));
    db.invalidate().matching("menus:*").await.unwrap();
    let pattern = next(&mut events, |event| match event {
        CacheEvent::Invalidated { pattern, .. } => pattern,
        _ => None,
    });
    assert_eq!(pattern.await, "menus:*");
    db.invalidate().everything().await.unwrap();
    let everything = next(&mut events, |event| match event {
        CacheEvent::Invalidated {
            cause, everything, ..
        } => Some((cause, everything)),
        _ => None,
    });
    assert_eq!(everything.await, (Cause::Everything, true));
}

#[tokio::test]
async fn switches_are_told_of_once_in_each_process() {
    let (test, db) = cached_accounts().await;
    let other = other_process(&test).await;
    let target = CacheTarget::Service("menus".to_owned());
    let mut heard = Vec::new();
    for listener in [&db, &other] {
        heard.push(listener.cache_events());
    }
    db.switch_cache_off(&target).await.unwrap();
    db.switch_cache_off(&target).await.unwrap();
    let off = |event| match event {
        CacheEvent::SwitchedOff { target } => Some(target),
        _ => None,
    };
    for events in &mut heard {
        assert_eq!(next(events, off).await, "service:menus");
    }
    db.switch_cache_on(&target).await.unwrap();
    for events in &mut heard {
        let on = next(events, |event| match event {
            CacheEvent::SwitchedOff { .. } => panic!("told twice"),
            CacheEvent::SwitchedOn { target } => Some(target),
            _ => None,
        });
        assert_eq!(on.await, "service:menus");
    }
}

#[tokio::test]
async fn a_lost_lease_and_its_return_are_told_of() {
    let test = support::accounts().await;
    let db = open(&test, |options| {
        options.pool.size = 4;
        options.cache.max_staleness = Duration::from_millis(200);
    })
    .await;
    balances(&db).await;
    let mut events = db.cache_events();
    let (keeper, connection) = tokio_postgres::connect(test.url(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    // Whoever looks into the log waits.
    keeper
        .batch_execute("BEGIN; LOCK TABLE larder.invalidation IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let lease = |event| match event {
        CacheEvent::LeaseLost | CacheEvent::LeaseRegained => Some(event),
        _ => None,
    };
    assert_eq!(next(&mut events, lease).await, CacheEvent::LeaseLost);
    let statistics = db.follower_statistics().unwrap();
    assert!(!statistics.has_lease);
    keeper.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(next(&mut events, lease).await, CacheEvent::LeaseRegained);
}

#[tokio::test]
async fn tables_that_get_hot_and_cool_are_told_of() {
    let test = support::accounts().await;
    let db = open(&test, |options| {
        options.cache.mode = CacheMode::Local;
        options.cache.hot_writes = 3;
    })
    .await;
    let accounts = oid(&db).await;
    balances(&db).await;
    let mut events = db.cache_events();
    for _ in 0..50 {
        let write = db.sql("UPDATE accounts SET balance = balance + 1");
        write.execute().await.unwrap();
        if !db.hot_tables().is_empty() {
            break;
        }
    }
    let hot = next(&mut events, |event| match event {
        CacheEvent::TableHot { table } => Some(table),
        _ => None,
    });
    assert_eq!(hot.await, accounts);
    while !db.hot_tables().is_empty() {
        tokio::task::yield_now().await;
    }
    let cooled = next(&mut events, |event| match event {
        CacheEvent::TableCooled { table } => Some(table),
        _ => None,
    });
    assert_eq!(cooled.await, accounts);
}

#[tokio::test]
async fn events_are_written_with_their_name() {
    let (_test, db) = cached_accounts().await;
    let mut events = db.cache_events();
    db.invalidate().matching("menus:*").await.unwrap();
    let event = events.recv().await.unwrap();
    assert_eq!(
        serde_json::to_value(event).unwrap(),
        serde_json::json!({
            "event": "invalidated",
            "cause": "pattern",
            "everything": false,
            "tables": [],
            "pattern": "menus:*",
        })
    );
}
