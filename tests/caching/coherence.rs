//! A read after an acknowledged write never sees what was before it.

use std::sync::Arc;

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_database::{Database, Error, sql};

use super::{LONG, accounts, balances, cached_accounts, is_kept};
use crate::support::{self, eventually, open_alone, withdraw};

/// A read that is held up on the server after it has taken its snapshot, until the lock is free.
async fn gate(db: &Database) {
    let mut session = db.session().await.unwrap();
    session
        .batch_execute(
            "CREATE FUNCTION gate(balance bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
                 PERFORM pg_advisory_xact_lock_shared(7); RETURN balance; END $$",
        )
        .await
        .unwrap();
}

async fn gated(db: &Database) -> i64 {
    db.sql("SELECT gate(balance) FROM accounts WHERE id = 1")
        .cached()
        .ttl(LONG)
        .fetch_scalar()
        .await
        .unwrap()
}

fn waiting(readers: u32) -> String {
    format!(
        "SELECT count(*) = {readers} FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
}

#[tokio::test]
async fn a_slow_load_never_brings_back_what_a_commit_made_wrong() {
    let (test, db) = cached_accounts().await;
    gate(&db).await;
    let mut keeper = db.session().await.unwrap();
    keeper
        .batch_execute("SELECT pg_advisory_lock(7)")
        .await
        .unwrap();
    let early = tokio::spawn({
        let db = db.clone();
        async move { gated(&db).await }
    });
    eventually(test.database(), &waiting(1)).await;
    db.transaction(async |conn| withdraw(conn, 1, 30).await)
        .await
        .unwrap();
    // Begun after the write was acknowledged: it must not join the load before it.
    let late = tokio::spawn({
        let db = db.clone();
        async move { gated(&db).await }
    });
    eventually(test.database(), &waiting(2)).await;
    keeper
        .batch_execute("SELECT pg_advisory_unlock(7)")
        .await
        .unwrap();
    assert_eq!(early.await.unwrap(), 100, "what it saw when it began");
    assert_eq!(late.await.unwrap(), 70);
    let hits = db.cache_statistics().hits;
    assert_eq!(
        gated(&db).await,
        70,
        "what the slow load returned was not kept"
    );
    assert_eq!(db.cache_statistics().hits, hits + 1);
}

/// What a write does, by its name and its SQL.
const WRITES: &[(&str, &str)] = &[
    ("update", "UPDATE accounts SET balance = balance + 1"),
    ("insert", "INSERT INTO accounts VALUES (9, 9)"),
    (
        "upsert",
        "INSERT INTO accounts VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET balance = excluded.balance",
    ),
    ("delete", "DELETE FROM accounts WHERE id = 2"),
    (
        "writing CTE",
        "WITH gone AS (DELETE FROM accounts WHERE id = 1 RETURNING *) SELECT * FROM gone",
    ),
    (
        "merge",
        "MERGE INTO accounts a USING (VALUES (1)) AS n (id) ON a.id = n.id WHEN MATCHED THEN DELETE",
    ),
    ("truncate", "TRUNCATE accounts"),
    (
        "block",
        "DO $$ BEGIN UPDATE accounts SET balance = 3; END $$",
    ),
    ("function", "SELECT drain()"),
    ("view", "UPDATE rich SET balance = 77"),
    (
        "rename",
        "ALTER TABLE accounts RENAME COLUMN balance TO amount; ALTER TABLE accounts RENAME COLUMN amount TO balance; UPDATE accounts SET balance = 8",
    ),
];

async fn objects(db: &Database) {
    db.session()
        .await
        .unwrap()
        .batch_execute(
            "CREATE FUNCTION drain() RETURNS void LANGUAGE sql AS 'UPDATE accounts SET balance = 0';
             CREATE VIEW rich AS SELECT * FROM accounts WHERE balance >= 50;",
        )
        .await
        .unwrap();
}

/// The balances of all accounts, past the cache.
async fn truth(db: &Database) -> Arc<[i64]> {
    db.cached(
        accounts::table
            .select(accounts::balance)
            .order(accounts::id),
    )
    .bypass()
    .load()
    .await
    .unwrap()
}

/// Puts the accounts back as they were, and a result of them into the cache.
async fn begin_anew(db: &Database) -> Arc<[i64]> {
    db.session()
        .await
        .unwrap()
        .batch_execute("TRUNCATE accounts; INSERT INTO accounts VALUES (1, 100), (2, 100)")
        .await
        .unwrap();
    let before = balances(db).await;
    assert!(is_kept(db).await);
    before
}

#[tokio::test]
async fn each_kind_of_write_is_seen_by_the_next_read() {
    let (_test, db) = cached_accounts().await;
    objects(&db).await;
    for (name, write) in WRITES {
        for way in ["batch", "statement", "transaction", "session transaction"] {
            let several = write.contains(';') && !write.starts_with("DO");
            if several && way != "batch" {
                continue;
            }
            let before = begin_anew(&db).await;
            by(way, &db, write).await;
            let after = balances(&db).await;
            assert_eq!(after, truth(&db).await, "{name} by {way}");
            assert_ne!(after, before, "{name} by {way}: the write did something");
        }
    }
}

/// Writes in one of the ways in which a caller can.
async fn by(way: &str, db: &Database, write: &str) {
    let mut session = db.session().await.unwrap();
    match way {
        "batch" => session.batch_execute(write).await.unwrap(),
        "statement" => {
            db.sql(write).execute().await.unwrap();
        }
        "transaction" => {
            db.transaction(async |conn| {
                sql(write).execute_on(conn).await?;
                Ok::<_, Error>(())
            })
            .await
            .unwrap();
        }
        _ => {
            session
                .transaction(async |conn| {
                    diesel::sql_query(write).execute(conn).await?;
                    Ok::<_, diesel::result::Error>(())
                })
                .await
                .unwrap();
        }
    }
}

#[tokio::test]
async fn a_write_to_another_table_leaves_a_result_where_it_is() {
    let (_test, db) = cached_accounts().await;
    db.sql("CREATE TABLE notes (text text)")
        .execute()
        .await
        .unwrap();
    balances(&db).await;
    db.sql("INSERT INTO notes VALUES ('x')")
        .execute()
        .await
        .unwrap();
    db.sql("SELECT pg_notify('news', 'x')")
        .execute()
        .await
        .unwrap();
    assert!(is_kept(&db).await);
}

#[tokio::test]
async fn a_write_that_its_caller_gave_up_is_seen_once_it_is_over() {
    let (test, db) = cached_accounts().await;
    gate(&db).await;
    let mut keeper = db.session().await.unwrap();
    keeper
        .batch_execute("SELECT pg_advisory_lock(7)")
        .await
        .unwrap();
    balances(&db).await;
    let writing = tokio::spawn({
        let db = db.clone();
        async move {
            // Waits in mid-statement, outside of any transaction.
            db.sql("UPDATE accounts SET balance = gate(balance) + 1")
                .execute()
                .await
        }
    });
    eventually(test.database(), &waiting(1)).await;
    writing.abort();
    assert!(writing.await.unwrap_err().is_cancelled());
    keeper
        .batch_execute("SELECT pg_advisory_unlock(7)")
        .await
        .unwrap();
    // It is cancelled, or it was quicker and took effect. Once it is over the cache is right.
    eventually(
        test.database(),
        "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() \
         AND state = 'active' AND query LIKE 'UPDATE%'",
    )
    .await;
    drop(keeper);
    // The connection is back, or closed: whichever, what became of the write is known.
    while db.pool_status().in_use > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(balances(&db).await, truth(&db).await);
}

#[tokio::test]
async fn a_write_whose_outcome_is_not_known_keeps_its_tables_out_of_the_cache() {
    // Alone: where there is a log, the row of such a write appears with it or not at all.
    let test = support::accounts().await;
    let db = open_alone(&test, |options| options.pool.size = 8).await;
    balances(&db).await;
    let mut keeper = test.database().session().await.unwrap();
    gate(&db).await;
    keeper
        .batch_execute("SELECT pg_advisory_lock(7)")
        .await
        .unwrap();
    balances(&db).await;
    let writing = tokio::spawn({
        let db = db.clone();
        async move {
            db.sql("UPDATE accounts SET balance = gate(balance) + 1")
                .execute()
                .await
        }
    });
    let writer = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'UPDATE accounts SET balance = gate%' AND state = 'active'";
    let watcher = super::other_process(&test).await;
    eventually(&watcher, &format!("SELECT count(*) = 1 {writer}")).await;
    watcher
        .sql(format!("SELECT pg_terminate_backend(pid) {writer}"))
        .execute()
        .await
        .unwrap();
    assert!(writing.await.unwrap().is_err());
    assert!(
        !is_kept(&db).await,
        "nobody knows whether it took effect, or will"
    );
    assert!(!is_kept(&db).await);
    assert_eq!(balances(&db).await, truth(&db).await);
}

#[tokio::test]
async fn a_write_whose_rows_nobody_reads_to_the_end_is_not_served_from_before() {
    let (_test, db) = cached_accounts().await;
    db.sql("INSERT INTO accounts SELECT n, 1 FROM generate_series(10, 2000) n")
        .execute()
        .await
        .unwrap();
    db.sql("ALTER TABLE accounts ADD COLUMN note text NOT NULL DEFAULT repeat('x', 1000)")
        .execute()
        .await
        .unwrap();
    balances(&db).await;
    assert!(is_kept(&db).await);
    let mut session = db.session().await.unwrap();
    // One row of two thousand: the caller has its answer, and the rest is on its way.
    let first: Noted = diesel::sql_query("UPDATE accounts SET balance = 7 RETURNING note")
        .get_result(&mut session)
        .await
        .unwrap();
    assert_eq!(first.note.len(), 1000);
    let seen = balances(&db).await;
    assert!(!is_kept(&db).await || seen.iter().all(|balance| *balance == 7));
    drop(session);
    while db.pool_status().in_use > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(balances(&db).await, truth(&db).await);
}

/// Whether this read is served from the cache now.
async fn is_kept_under<F>(db: &Database, read: impl Fn() -> F) -> bool
where
    F: Future<Output = Result<i64, Error>>,
{
    let before = db.cache_statistics().hits;
    read().await.unwrap();
    db.cache_statistics().hits > before
}

#[derive(QueryableByName)]
struct Noted {
    #[diesel(sql_type = diesel::sql_types::Text)]
    note: String,
}

#[tokio::test]
async fn a_read_that_writes_is_a_write() {
    let (_test, db) = cached_accounts().await;
    db.session()
        .await
        .unwrap()
        .batch_execute(
            "CREATE TABLE audit (n int); \
             CREATE FUNCTION note() RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO audit VALUES (1) RETURNING n'; \
             CREATE VIEW watched AS SELECT id, note() AS noted FROM accounts",
        )
        .await
        .unwrap();
    let audits = || {
        db.sql("SELECT count(*) FROM audit")
            .cached()
            .ttl(LONG)
            .fetch_scalar::<i64>()
    };
    assert_eq!(audits().await.unwrap(), 0);
    db.sql("SELECT * FROM watched").execute().await.unwrap();
    assert_eq!(audits().await.unwrap(), 2);
}

#[tokio::test]
async fn a_default_that_changes_while_connections_are_open_misleads_nobody() {
    let (test, db) = cached_accounts().await;
    db.session()
        .await
        .unwrap()
        .batch_execute(
            "CREATE SCHEMA shop; CREATE TABLE shop.accounts (LIKE public.accounts INCLUDING ALL); \
             INSERT INTO shop.accounts VALUES (1, 1)",
        )
        .await
        .unwrap();
    let here = || {
        db.sql("SELECT sum(balance)::int8 FROM public.accounts")
            .cached()
            .ttl(LONG)
            .fetch_scalar::<i64>()
    };
    assert_eq!(here().await.unwrap(), 200);
    let mut older = db.session().await.unwrap();
    let name: String = test
        .database()
        .sql("SELECT current_database()::text")
        .fetch_scalar()
        .await
        .unwrap();
    test.database()
        .sql(format!(
            "ALTER DATABASE {name} SET search_path = shop, public"
        ))
        .execute()
        .await
        .unwrap();
    // A connection that is made now finds the other table under the name. The next read runs on
    // it, because all others are in use.
    let mut others = Vec::new();
    loop {
        let session = db.session().await.unwrap();
        if session.session_settings() != older.session_settings() {
            break;
        }
        others.push(session);
    }
    let under_the_name = || {
        let count = db.sql("SELECT count(*) FROM accounts").cached();
        count.ttl(LONG).fetch_scalar::<i64>()
    };
    while under_the_name().await.unwrap() != 1 || !is_kept_under(&db, under_the_name).await {}
    assert_eq!(here().await.unwrap(), 200);
    // The older one still means what it meant.
    older
        .batch_execute("UPDATE accounts SET balance = 5")
        .await
        .unwrap();
    assert_eq!(here().await.unwrap(), 10);
    drop(older);
}
