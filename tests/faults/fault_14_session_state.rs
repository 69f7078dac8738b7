//! Fault 14: what a user leaves on a session, the next one must not find.

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_database::{Database, sql};

use crate::support::{accounts, backend, eventually, open, open_alone};

/// What is left behind, and what is true of a session where it is not.
const LEFT: [(&str, &str); 18] = [
    (
        "SET statement_timeout = '7s'",
        "SELECT current_setting('statement_timeout') <> '7s'",
    ),
    (
        "SELECT set_config('statement_timeout', '7s', false)",
        "SELECT current_setting('statement_timeout') <> '7s'",
    ),
    (
        "DO $$ BEGIN PERFORM set_config('statement_timeout', '7s', false); END $$",
        "SELECT current_setting('statement_timeout') <> '7s'",
    ),
    (
        "SELECT leave_setting()",
        "SELECT current_setting('statement_timeout') <> '7s'",
    ),
    (
        "SET TimeZone = 'Asia/Tokyo'",
        "SELECT current_setting('TimeZone') = 'UTC'",
    ),
    (
        "SET larder.somebody = 'else'",
        "SELECT coalesce(current_setting('larder.somebody', true), '') = ''",
    ),
    (
        "SELECT pg_advisory_lock(4711)",
        "SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
    ),
    (
        "SELECT leave_lock()",
        "SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
    ),
    (
        "LISTEN news",
        "SELECT count(*) = 0 FROM pg_listening_channels()",
    ),
    (
        "CREATE TEMP TABLE accounts (id int, balance bigint)",
        "SELECT count(*) = 2 FROM accounts",
    ),
    (
        "PREPARE mine AS SELECT 1",
        "SELECT count(*) = 0 FROM pg_prepared_statements WHERE name = 'mine'",
    ),
    (
        "DECLARE mine CURSOR WITH HOLD FOR SELECT 1",
        "SELECT count(*) = 0 FROM pg_cursors WHERE name = 'mine'",
    ),
    (
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SELECT NOT current_setting('transaction_read_only')::bool",
    ),
    (
        "SET ROLE pg_read_all_data",
        "SELECT current_user <> 'pg_read_all_data'",
    ),
    (
        "SET SESSION AUTHORIZATION pg_read_all_data",
        "SELECT session_user <> 'pg_read_all_data'",
    ),
    (
        "SET search_path = pg_catalog",
        "SELECT to_regclass('accounts') IS NOT NULL",
    ),
    ("DISCARD ALL", "SELECT true"),
    ("DEALLOCATE ALL", "SELECT true"),
];

const FUNCTIONS: [&str; 2] = [
    "CREATE FUNCTION leave_setting() RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN SET statement_timeout = '7s'; RETURN 1; END $$",
    "CREATE FUNCTION leave_lock() RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_lock(4711); RETURN 1; END $$",
];

/// The next user of the only connection finds it as a new one, and can use it.
async fn assert_clean(db: &Database, left: &str, question: &str) {
    let mut session = db.session().await.unwrap();
    let is_clean: bool = sql(question).fetch_scalar_on(&mut session).await.unwrap();
    assert!(is_clean, "after {left}");
    // Statements that were prepared before, here and in a transaction.
    let balance = "SELECT balance FROM accounts WHERE id = 1";
    // In a transaction first: there nothing can be prepared anew.
    let inside: i64 = session
        .transaction(async |conn| sql(balance).fetch_scalar_on(conn).await)
        .await
        .unwrap();
    let outside: i64 = sql(balance).fetch_scalar_on(&mut session).await.unwrap();
    assert_eq!((outside, inside), (100, 100), "after {left}");
}

#[tokio::test]
async fn fault_14_the_next_user_finds_nothing_of_the_one_before() {
    let test = accounts().await;
    for function in FUNCTIONS {
        test.database().sql(function).execute().await.unwrap();
    }
    // Without a log: as another role its rows could not be written.
    let db = open_alone(&test, |options| options.pool.size = 1).await;
    for (left, question) in LEFT {
        assert_clean(&db, "nothing", question).await;
        // As a statement, as a batch, and in a transaction that is committed.
        let mut session = db.session().await.unwrap();
        sql(left).execute_on(&mut session).await.unwrap();
        drop(session);
        assert_clean(&db, left, question).await;

        let mut session = db.session().await.unwrap();
        session.batch_execute(left).await.unwrap();
        drop(session);
        assert_clean(&db, left, question).await;

        // What no transaction may contain.
        if left == "DISCARD ALL" {
            continue;
        }
        db.transaction(async |conn| sql(left).execute_on(conn).await.map(drop))
            .await
            .unwrap();
        assert_clean(&db, left, question).await;
    }
}

#[tokio::test]
async fn fault_14_plain_statements_cost_no_cleaning_up() {
    use crate::support::accounts as table;

    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let mut session = db.session().await.unwrap();
    let pid = backend(&mut session).await;
    let found: i64 = table::table
        .find(1)
        .select(table::balance)
        .first(&mut session)
        .await
        .unwrap();
    assert_eq!(found, 100);
    drop(session);
    // It is free at once, and the server was asked nothing more.
    assert_eq!(db.pool_status().in_use, 0);
    let last =
        |like: &str| format!("SELECT query LIKE '{like}' FROM pg_stat_activity WHERE pid = {pid}");
    let last_is = async |like: &str| {
        let asked = test.database().sql(last(like)).fetch_scalar::<bool>();
        asked.await.unwrap()
    };
    assert!(last_is("SELECT \"accounts\".\"balance\"%").await);

    let mut session = db.session().await.unwrap();
    assert_eq!(backend(&mut session).await, pid);
    let write = diesel::update(table::table.find(1)).set(table::balance.eq(100));
    write.execute(&mut session).await.unwrap();
    drop(session);
    assert_eq!(db.pool_status().in_use, 0);
    // The write was sent with its log row between BEGIN and COMMIT.
    assert!(last_is("COMMIT").await);

    // The counterpart: where something may have been left, that is undone.
    let mut session = db.session().await.unwrap();
    session.batch_execute("SET a.b = 'c'").await.unwrap();
    drop(session);
    eventually(test.database(), &last("CLOSE ALL;%")).await;
}
