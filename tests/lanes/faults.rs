//! A lane that is lost is nobody's error: a read runs again, and the lane comes back.

use std::time::Duration;

use futures::future::join_all;
use larder_database::{Database, Error};
use larder_pool::{BypassReason, Error as PoolError};
use larder_testing::TestDatabase;

use super::{laned, lanes, notes, one_laned, read, words};
use crate::support::{PATIENCE, eventually, until};

/// Ends all lanes on the server, and says how many there were.
async fn kill_lanes(test: &TestDatabase) -> i64 {
    test.database()
        .sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name LIKE '% lane'",
        )
        .fetch_scalar()
        .await
        .unwrap()
}

/// Reads notes until it is told to stop, and gives how many it read. Every one is right.
fn reads(db: &Database, stop: &stopping::Stop) -> tokio::task::JoinHandle<u64> {
    let (db, stop) = (db.clone(), stop.clone());
    tokio::spawn(async move {
        let mut count = 0;
        while !stop.is_set() {
            let id = fastrand::i32(1..=super::NOTES);
            assert_eq!(read(&db, id).await.unwrap(), words(id));
            count += 1;
        }
        count
    })
}

/// Tells many tasks to stop.
mod stopping {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[derive(Clone, Default)]
    pub(super) struct Stop(Arc<AtomicBool>);

    impl Stop {
        pub(super) fn set(&self) {
            self.0.store(true, Ordering::Relaxed);
        }

        pub(super) fn is_set(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }
}

#[tokio::test]
async fn reads_go_on_while_lanes_are_killed() {
    let test = notes().await;
    let db = laned(&test, |_| {}).await;
    let stop = stopping::Stop::default();
    let readers: Vec<_> = (0..8).map(|_| reads(&db, &stop)).collect();
    for _ in 0..3 {
        let before = lanes(&db).reads;
        until("lanes carry reads", || lanes(&db).reads > before + 10).await;
        assert!(kill_lanes(&test).await > 0);
        until("lanes are open again", || lanes(&db).open == 2).await;
    }
    let before = lanes(&db).reads;
    until("lanes carry reads again", || lanes(&db).reads > before).await;
    stop.set();
    let ended = tokio::time::timeout(PATIENCE, join_all(readers)).await;
    for count in ended.unwrap() {
        assert!(count.unwrap() > 0);
    }
    until("nothing is on its way", || lanes(&db).in_flight == 0).await;
    assert_eq!(db.pool_status().in_use, 0);
}

#[tokio::test]
async fn without_a_lane_a_read_runs_on_the_pool_at_once() {
    let test = notes().await;
    let db = one_laned(&test, |_| {}).await;
    read(&db, 1).await.unwrap();
    let before = lanes(&db);
    assert_eq!(kill_lanes(&test).await, 1);
    for id in 1..50 {
        assert_eq!(read(&db, id).await.unwrap(), words(id));
    }
    let after = lanes(&db);
    let past = |lanes: &larder_pool::LaneStatus| {
        [BypassReason::Lost, BypassReason::Closed, BypassReason::Busy]
            .map(|reason| lanes.bypassed_for(reason))
            .iter()
            .sum::<u64>()
    };
    assert!(past(&after) > past(&before), "{after:?}");
    until("the lane is open again", || lanes(&db).open == 1).await;
}

#[tokio::test]
async fn retired_lanes_are_replaced() {
    let test = notes().await;
    let db = laned(&test, |options| {
        options.pool.max_lifetime = Some(Duration::from_millis(300));
    })
    .await;
    let pid = "SELECT coalesce(array_agg(pid ORDER BY pid), '{}') FROM pg_stat_activity
               WHERE datname = current_database() AND application_name LIKE '% lane'";
    let pids = || async {
        let pids: Vec<i32> = test.database().sql(pid).fetch_scalar().await.unwrap();
        pids
    };
    let first = pids().await;
    let replaced = async {
        loop {
            let now = pids().await;
            if now.len() == 2 && now.iter().all(|pid| !first.contains(pid)) {
                return;
            }
            assert_eq!(read(&db, 1).await.unwrap(), words(1));
        }
    };
    tokio::time::timeout(PATIENCE, replaced).await.unwrap();
}

#[tokio::test]
async fn shutdown_answers_what_is_on_its_way_and_closes_them() {
    let test = notes().await;
    let db = laned(&test, |_| {}).await;
    let readers = (1..100).map(|id| {
        let db = db.clone();
        tokio::spawn(async move { (id, read(&db, id).await) })
    });
    let readers: Vec<_> = readers.collect();
    until("lanes carry reads", || lanes(&db).reads > 10).await;
    db.shutdown(PATIENCE).await.unwrap();
    for reader in join_all(readers).await {
        match reader.unwrap() {
            (id, Ok(text)) => assert_eq!(text, words(id)),
            (_, Err(error)) => assert!(error.to_string().contains("shut down"), "{error}"),
        }
    }
    assert_eq!(lanes(&db).open, 0);
    // The server hears of it a moment later.
    eventually(
        test.database(),
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name LIKE '% lane')",
    )
    .await;
    let error = db
        .read(async |conn| {
            diesel_async::RunQueryDsl::execute(diesel::sql_query("SELECT 1"), conn).await
        })
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Pool(PoolError::ShutDown { .. })));
}

#[tokio::test]
async fn lanes_nobody_uses_are_closed_and_opened_again() {
    let test = notes().await;
    let db = laned(&test, |options| {
        options.pool.idle_timeout = Some(Duration::from_millis(100));
    })
    .await;
    until("they are closed", || lanes(&db).open == 0).await;
    assert_eq!(read(&db, 1).await.unwrap(), words(1));
    // Who asks opens them again, as long as somebody asks.
    let before = lanes(&db).reads;
    let carried = async {
        while lanes(&db).reads == before {
            assert_eq!(read(&db, 1).await.unwrap(), words(1));
        }
    };
    tokio::time::timeout(PATIENCE, carried).await.unwrap();
}
