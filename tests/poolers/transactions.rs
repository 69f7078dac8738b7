//! Transactions, savepoints, errors and futures that are given up.

use std::time::Duration;

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_database::{Database, sql};
use tokio::time::timeout;

use super::{all_clients, behind};
use crate::support::{accounts, balance, eventually, withdraw};

/// Nobody has left a transaction open on the server.
async fn assert_none_open(test: &larder_testing::TestDatabase) {
    eventually(
        test.database(),
        "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() \
         AND pid <> pg_backend_pid() AND (state LIKE 'idle in transaction%' OR state = 'active' \
         AND query LIKE '%pg_sleep%')",
    )
    .await;
}

async fn transfer(db: &Database, fail: bool) -> Result<(), larder_database::Error> {
    db.transaction(async |conn| {
        withdraw(conn, 1, 1).await?;
        // A savepoint that fails, in which the server was asked twice.
        let failed = conn
            .transaction(async |conn| {
                sql("UPDATE accounts SET balance = balance + 50")
                    .execute_on(conn)
                    .await?;
                sql("SELECT 1 / 0").execute_on(conn).await.map(drop)
            })
            .await;
        assert!(failed.is_err());
        withdraw(conn, 2, -1).await?;
        if fail {
            return Err(larder_database::Error::NotFound);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn transactions_and_savepoints_are_whole() {
    let test = accounts().await;
    let db = behind(&test, |_| {}).await;
    all_clients(|client| {
        let db = db.clone();
        async move {
            for _ in 0..5 {
                let fails = client % 2 == 1;
                assert_eq!(transfer(&db, fails).await.is_err(), fails);
            }
        }
    })
    .await;
    assert_eq!(balance(&db, 1).await, 100 - 20);
    assert_eq!(balance(&db, 2).await, 100 + 20);
    assert_none_open(&test).await;
}

#[tokio::test]
async fn an_error_leaves_a_connection_that_works() {
    let test = accounts().await;
    let db = behind(&test, |options| options.pool.size = 1).await;
    for wrong in ["SELEC 1", "SELECT 1 / 0", "SELECT missing FROM accounts"] {
        for _ in 0..2 {
            assert!(db.sql(wrong).execute().await.is_err(), "{wrong}");
            assert_eq!(balance(&db, 1).await, 100);
        }
        let inside = db
            .transaction(async |conn| sql(wrong).execute_on(conn).await.map(drop))
            .await;
        assert!(inside.is_err(), "{wrong}");
    }
    let mut session = db.session().await.unwrap();
    assert!(
        session
            .batch_execute("SELECT 1; SELECT 1 / 0")
            .await
            .is_err()
    );
    assert!(
        diesel::sql_query("SELEC")
            .execute(&mut session)
            .await
            .is_err()
    );
    drop(session);
    assert_eq!(db.pool_status().invalidated, 0);
    assert_none_open(&test).await;
}

#[tokio::test]
async fn a_future_given_up_at_any_moment_leaves_nothing_open() {
    let test = accounts().await;
    let db = behind(&test, |options| options.pool.size = 3).await;
    for round in 0..120_u64 {
        // Each text is new, so that it is described first.
        let text = format!("SELECT balance + {round} FROM accounts WHERE id = 1");
        let moment = Duration::from_micros(fastrand::u64(0..3_000));
        match round % 3 {
            0 => drop(timeout(moment, db.sql(text).fetch_scalar::<i64>()).await),
            1 => {
                let update =
                    format!("UPDATE accounts SET balance = 100 + {round} * 0 WHERE id = 2");
                drop(timeout(moment, db.sql(update).execute()).await);
            }
            _ => {
                let work = db.transaction(async |conn| {
                    withdraw(conn, 1, 0).await?;
                    sql(text).execute_on(conn).await
                });
                drop(timeout(moment, work).await);
            }
        }
    }
    assert_eq!(balance(&db, 1).await, 100);
    assert_none_open(&test).await;
}

#[tokio::test]
async fn a_statement_given_up_is_ended_on_its_server() {
    let test = accounts().await;
    let db = behind(&test, |options| options.pool.size = 2).await;
    let sleeping = db.sql("SELECT pg_sleep(600)");
    drop(timeout(Duration::from_millis(200), sleeping.execute()).await);
    assert_none_open(&test).await;
    assert_eq!(balance(&db, 1).await, 100);
}
