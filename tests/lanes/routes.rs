//! What travels on a lane, and what does not: by what the server says of where it runs.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_database::Error;
use larder_pool::BypassReason;
use larder_testing::TestDatabase;

use super::{laned, lanes, notes, one_laned, read, setting, words};
use crate::support::{balance, open_alone};

#[tokio::test]
async fn a_read_runs_on_a_lane_that_can_only_read() {
    let test = notes().await;
    let db = laned(&test, |options| {
        options.connect = options.connect.clone().application_name("shop");
        options.pool.lanes.statement_timeout = Duration::from_secs(1);
    })
    .await;
    assert_eq!(setting(&db, "application_name").await, "shop lane");
    assert_eq!(setting(&db, "transaction_read_only").await, "on");
    assert_eq!(setting(&db, "statement_timeout").await, "1s");
}

#[tokio::test]
async fn a_stricter_timeout_of_the_user_holds_on_lanes_too() {
    let test = notes().await;
    for (stated, on_lanes) in [("250ms", "250ms"), ("0", "1s"), ("30000", "1s")] {
        let db = laned(&test, |options| {
            options.connect = options.connect.clone().setting("statement_timeout", stated);
            options.pool.lanes.statement_timeout = Duration::from_secs(1);
        })
        .await;
        assert_eq!(setting(&db, "statement_timeout").await, on_lanes);
    }
}

#[tokio::test]
async fn settings_of_all_connections_hold_on_lanes() {
    let test = notes().await;
    let db = laned(&test, |options| {
        options.connect = options.connect.clone().setting("TimeZone", "Asia/Tokyo");
    })
    .await;
    let before = lanes(&db).reads;
    assert_eq!(setting(&db, "TimeZone").await, "Asia/Tokyo");
    assert_eq!(lanes(&db).reads, before + 1);
}

#[tokio::test]
async fn what_a_user_sets_by_a_reader_stays_with_nobody() {
    let test = notes().await;
    let db = laned(&test, |_| {}).await;
    let mut reader = db.reader();
    reader
        .batch_execute("SET TimeZone = 'Asia/Tokyo'")
        .await
        .unwrap();
    for _ in 0..8 {
        assert_eq!(setting(&db, "TimeZone").await, "UTC");
    }
    let on_the_pool: String = db.sql("SHOW TimeZone").fetch_scalar().await.unwrap();
    assert_eq!(on_the_pool, "UTC");
}

/// Runs a statement by a reader, twice because some are looked at only then, and gives how many
/// of the runs a lane answered.
async fn runs_on_lanes(db: &larder_database::Database, sql: &str) -> u64 {
    let before = lanes(db).reads;
    for _ in 0..2 {
        let rows = diesel::sql_query(sql)
            .load::<Nothing>(&mut db.reader())
            .await;
        rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    lanes(db).reads - before
}

#[derive(QueryableByName)]
struct Nothing {}

#[tokio::test]
async fn what_may_do_more_than_read_never_reaches_a_lane() {
    let test = notes().await;
    for statement in [
        "CREATE SEQUENCE steps",
        "CREATE FUNCTION bump() RETURNS bigint VOLATILE LANGUAGE sql
         AS 'UPDATE accounts SET balance = balance + 1 WHERE id = 1 RETURNING balance'",
        "CREATE VIEW bumping AS SELECT id, bump() AS bumped FROM accounts WHERE id = 1",
        "CREATE TABLE mine (id int)",
        "ALTER TABLE mine ENABLE ROW LEVEL SECURITY",
    ] {
        test.database().sql(statement).execute().await.unwrap();
    }
    let db = laned(&test, |_| {}).await;
    for sql in [
        "UPDATE accounts SET balance = balance WHERE id = 1 RETURNING id",
        "WITH gone AS (DELETE FROM accounts WHERE id = 99 RETURNING id) SELECT id FROM gone",
        "SELECT bump()",
        "SELECT id FROM bumping",
        "SELECT nextval('steps')",
        "SELECT id FROM accounts FOR UPDATE",
        "SELECT id FROM accounts FOR KEY SHARE",
        "SELECT pg_sleep(0)",
        "SELECT random()",
        "SELECT set_config('TimeZone', 'UTC', false)",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_advisory_unlock_all()",
        "SELECT pid FROM pg_stat_activity",
        "SHOW TimeZone",
        "EXPLAIN SELECT id FROM notes",
        "VALUES (nextval('steps'))",
    ] {
        assert_eq!(runs_on_lanes(&db, sql).await, 0, "{sql}");
    }
    // Twice by the function itself and twice by the view.
    assert_eq!(balance(&db, 1).await, 104);
    assert!(lanes(&db).bypassed_for(BypassReason::Unfit) > 0);
    // Some of them may have changed definitions, so these are looked at again.
    db.open_lanes().await.unwrap();
    for sql in [
        "SELECT id FROM notes",
        "SELECT count(*), max(words) FROM notes JOIN accounts USING (id)",
        "WITH few AS (SELECT id FROM notes) SELECT id FROM few UNION SELECT 1",
    ] {
        assert_eq!(runs_on_lanes(&db, sql).await, 1, "{sql}");
    }
}

#[tokio::test]
async fn a_function_that_lies_runs_once_and_not_on_a_lane() {
    let test = notes().await;
    for statement in [
        "CREATE FUNCTION bump() RETURNS bigint VOLATILE LANGUAGE sql
         AS 'UPDATE accounts SET balance = balance + 1 WHERE id = 1 RETURNING balance'",
        "CREATE FUNCTION harmless(id int) RETURNS bigint IMMUTABLE LANGUAGE plpgsql
         AS 'BEGIN RETURN bump(); END'",
    ] {
        test.database().sql(statement).execute().await.unwrap();
    }
    let db = laned(&test, |_| {}).await;
    let query = "SELECT harmless(1)";
    // The first one is not looked at: its text may never come again.
    assert_eq!(runs_on_lanes(&db, query).await, 0);
    assert_eq!(balance(&db, 1).await, 102);
    assert_eq!(lanes(&db).bypassed_for(BypassReason::Unfit), 1);
    assert_eq!(runs_on_lanes(&db, query).await, 0);
    assert_eq!(balance(&db, 1).await, 104);
    // From then on it is not sent there any more.
    assert_eq!(lanes(&db).bypassed_for(BypassReason::Unfit), 3);
}

#[tokio::test]
async fn a_transaction_of_the_task_keeps_its_reads_off_the_lanes() {
    let test = notes().await;
    let db = laned(&test, |_| {}).await;
    read(&db, 1).await.unwrap();
    let before = lanes(&db).reads;
    db.transaction(async |_| {
        assert_eq!(read(&db, 1).await?, words(1));
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    assert_eq!(lanes(&db).reads, before);
    assert_eq!(lanes(&db).bypassed_for(BypassReason::Transaction), 1);
}

async fn without_lanes(
    test: &TestDatabase,
    change: impl FnOnce(&mut larder_database::DatabaseOptions),
) {
    let db = open_alone(test, change).await;
    assert_eq!(db.open_lanes().await.unwrap(), 0);
    assert_eq!(read(&db, 1).await.unwrap(), words(1));
    assert_eq!(lanes(&db), larder_pool::LaneStatus::default());
}

#[tokio::test]
async fn there_are_none_where_there_must_not_be_any() {
    let test = notes().await;
    without_lanes(&test, |options| options.pool.lanes.count = 0).await;
    without_lanes(&test, |options| {
        options.connect.pooler = larder_pool::PoolerMode::Transaction;
    })
    .await;
    without_lanes(&test, |options| options.connect.cancel_requests = false).await;
}

#[tokio::test]
async fn definitions_that_change_are_noticed() {
    let test = notes().await;
    let db = one_laned(&test, |_| {}).await;
    assert_eq!(read(&db, 1).await.unwrap(), words(1));
    // The columns of a prepared statement's result must not change.
    for statement in [
        "ALTER TABLE notes ALTER words TYPE varchar(99)",
        "DROP TABLE notes",
        "CREATE TABLE notes (id int PRIMARY KEY, words text NOT NULL)",
        "INSERT INTO notes VALUES (1, 'another')",
    ] {
        let is_there = !statement.starts_with("CREATE") && !statement.starts_with("INSERT");
        if is_there {
            assert_eq!(read(&db, 1).await.unwrap(), words(1), "{statement}");
        }
        test.database().sql(statement).execute().await.unwrap();
    }
    assert_eq!(read(&db, 1).await.unwrap(), "another");
    assert_eq!(lanes(&db).open, 1);
}
