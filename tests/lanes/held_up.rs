//! A statement that takes long, or returns much, holds up the others for no longer than it may.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use larder_database::{Database, Error, sql};
use larder_pool::BypassReason;
use larder_testing::TestDatabase;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{PAGES, all_pages, lanes, notes, one_laned, read, words};
use crate::support::{PATIENCE, until};

diesel::table! {
    /// The table that `accounts()` makes.
    accounts (id) {
        id -> Integer,
        balance -> BigInt,
    }
}

/// How much all accounts have, by a reader.
async fn sum(db: &Database) -> QueryResult<Vec<i64>> {
    let balances = accounts::table.select(accounts::balance);
    balances.load(&mut db.reader()).await
}

/// Somebody who holds the accounts: who reads them waits until this is released.
struct Held {
    release: oneshot::Sender<()>,
    holder: JoinHandle<()>,
}

impl Held {
    async fn begin(test: &TestDatabase) -> Self {
        let db = test.database().clone();
        let (is_held, held) = oneshot::channel();
        let (release, released) = oneshot::channel();
        let holder = tokio::spawn(async move {
            db.transaction(async |conn| {
                sql("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")
                    .execute_on(conn)
                    .await?;
                is_held.send(()).unwrap();
                released.await.unwrap();
                Ok::<_, Error>(())
            })
            .await
            .unwrap();
        });
        held.await.unwrap();
        Self { release, holder }
    }

    async fn end(self) {
        self.release.send(()).unwrap();
        self.holder.await.unwrap();
    }
}

/// A database with one lane, which has prepared what the tests read.
async fn prepared(
    test: &TestDatabase,
    change: impl FnOnce(&mut larder_database::DatabaseOptions),
) -> Database {
    let db = one_laned(test, change).await;
    read(&db, 1).await.unwrap();
    assert_eq!(sum(&db).await.unwrap(), [100, 100]);
    db
}

#[tokio::test]
async fn whoever_waits_behind_a_slow_statement_is_sent_elsewhere() {
    let test = notes().await;
    let db = prepared(&test, |options| {
        // It would hold the lane for ever.
        options.pool.lanes.statement_timeout = 10 * PATIENCE;
        options.pool.lanes.slow_after = Duration::from_millis(100);
    })
    .await;
    let held = Held::begin(&test).await;
    let mut slow = std::pin::pin!(sum(&db));
    assert!(futures::poll!(slow.as_mut()).is_pending());
    // Sent right behind it, and before anybody can know that it is slow.
    let behind = (2..8).map(|id| read(&db, id));
    let texts = tokio::time::timeout(PATIENCE, futures::future::join_all(behind)).await;
    for (id, text) in (2..8).zip(texts.unwrap()) {
        assert_eq!(text.unwrap(), words(id));
    }
    let status = lanes(&db);
    let blocked = status.bypassed_for(BypassReason::Blocked);
    let busy = status.bypassed_for(BypassReason::Busy);
    // On a machine that is busy enough the last of them were not sent there any more.
    assert!(blocked + busy == 6, "{status:?}");
    // Who comes now is not sent there at all.
    assert_eq!(read(&db, 9).await.unwrap(), words(9));
    assert_eq!(lanes(&db).bypassed_for(BypassReason::Busy), busy + 1);
    assert!(slow.as_mut().now_or_never().is_none());
    held.end().await;
    assert_eq!(slow.await.unwrap(), [100, 100]);
    until("the lane is empty", || lanes(&db).in_flight == 0).await;
    let before = lanes(&db).reads;
    assert_eq!(read(&db, 1).await.unwrap(), words(1));
    assert_eq!(lanes(&db).reads, before + 1);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_runs_on_the_pool_then_and_later() {
    let test = notes().await;
    let db = prepared(&test, |options| {
        options.pool.lanes.statement_timeout = Duration::from_millis(100);
    })
    .await;
    let held = Held::begin(&test).await;
    let reading = {
        let db = db.clone();
        tokio::spawn(async move { sum(&db).await })
    };
    // The lane has ended it, and the pool waits for the lock.
    let is_away = || lanes(&db).bypassed_for(BypassReason::Slow) == 1;
    until("it is ended on the lane", is_away).await;
    until("the pool runs it", || db.pool_status().in_use == 1).await;
    held.end().await;
    assert_eq!(reading.await.unwrap().unwrap(), [100, 100]);
    let before = lanes(&db).reads;
    assert_eq!(sum(&db).await.unwrap(), [100, 100]);
    assert_eq!(lanes(&db).bypassed_for(BypassReason::Slow), 2);
    assert_eq!(lanes(&db).reads, before);
    // The lane itself is as before.
    assert_eq!(read(&db, 1).await.unwrap(), words(1));
    assert_eq!(lanes(&db).reads, before + 1);
}

#[tokio::test]
async fn a_read_on_a_lane_keeps_the_deadline_of_its_request() {
    let test = notes().await;
    let db = prepared(&test, |options| {
        // Neither ends it before.
        options.pool.lanes.statement_timeout = 10 * PATIENCE;
        options.pool.lanes.slow_after = 10 * PATIENCE;
    })
    .await;
    let held = Held::begin(&test).await;
    let limit = Duration::from_millis(50);
    let reading = db.within(limit, async { Ok::<_, Error>(sum(&db).await) });
    let late = tokio::time::timeout(PATIENCE, reading).await.unwrap();
    let late = late.unwrap().unwrap_err().to_string();
    assert!(late.contains("the deadline of the request, 50ms"), "{late}");
    // Nothing was ended on the server for that: others are on the same connection.
    let waiting = "SELECT count(*) = 1 FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let is_waiting: bool = test.database().sql(waiting).fetch_scalar().await.unwrap();
    assert!(is_waiting);
    held.end().await;
    until("the lane is empty", || lanes(&db).in_flight == 0).await;
    let before = lanes(&db).reads;
    assert_eq!(sum(&db).await.unwrap(), [100, 100]);
    assert_eq!(lanes(&db).reads, before + 1);
}

#[tokio::test]
async fn a_caller_whose_time_is_up_leaves_the_lane_as_it_is() {
    let test = notes().await;
    let db = prepared(&test, |_| {}).await;
    let held = Held::begin(&test).await;
    let in_time = tokio::time::timeout(Duration::from_millis(1), sum(&db)).await;
    assert!(in_time.is_err());
    held.end().await;
    assert_eq!(sum(&db).await.unwrap(), [100, 100]);
    until("the lane is empty", || lanes(&db).in_flight == 0).await;
    assert_eq!(lanes(&db).open, 1);
}

#[tokio::test]
async fn a_large_result_comes_by_the_pool_then_and_later() {
    let test = notes().await;
    let db = prepared(&test, |options| options.pool.lanes.result_cap = 200_000).await;
    let before = lanes(&db).reads;
    for round in 1..4 {
        let pages = all_pages(&db).await.unwrap();
        assert_eq!(pages.len(), PAGES);
        assert!(pages.iter().all(|page| page.starts_with("page ")));
        assert_eq!(lanes(&db).bypassed_for(BypassReason::Large), round);
    }
    assert_eq!(lanes(&db).reads, before);
    until("the lane is empty", || lanes(&db).in_flight == 0).await;
    assert_eq!(read(&db, 1).await.unwrap(), words(1));
    assert_eq!(lanes(&db).reads, before + 1);
    assert_eq!(lanes(&db).bypassed_for(BypassReason::Lost), 0);
}

#[tokio::test]
async fn a_huge_result_costs_its_lane_and_nobody_an_answer() {
    let test = notes().await;
    // A sixteenth of what comes is far more than this.
    let db = prepared(&test, |options| options.pool.lanes.result_cap = 10_000).await;
    let (pages, first, second) = futures::join!(all_pages(&db), read(&db, 1), read(&db, 2));
    assert_eq!(pages.unwrap().len(), PAGES);
    assert_eq!(first.unwrap(), words(1));
    assert_eq!(second.unwrap(), words(2));
    assert_eq!(lanes(&db).bypassed_for(BypassReason::Large), 1);
    // There is another one soon.
    assert_eq!(db.open_lanes().await.unwrap(), 1);
    until("a new lane carries reads", || {
        lanes(&db).open == 1 && lanes(&db).in_flight == 0
    })
    .await;
    assert_eq!(read(&db, 3).await.unwrap(), words(3));
}
