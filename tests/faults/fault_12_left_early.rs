//! A panic or a `?` leaves a session or a transaction early.

use std::panic::AssertUnwindSafe;

use diesel::result::Error as DieselError;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures::FutureExt;
use larder_database::{Database, Error, sql};
use larder_testing::TestDatabase;

use crate::support::{accounts, backend, balance, open, withdraw};

async fn pool_of_one(test: &TestDatabase) -> (Database, i32) {
    let db = open(test, |options| options.pool.size = 1).await;
    let process = backend(&mut db.session().await.unwrap()).await;
    (db, process)
}

/// That nothing was written, and that the next user gets the same connection as if it were new.
async fn assert_clean(db: &Database, process: i32) {
    let mut session = db.session().await.unwrap();
    assert_eq!(backend(&mut session).await, process, "it was kept");
    assert!(!session.is_in_transaction());
    assert!(session.last_server_error().is_none());
    let left = "SELECT concat_ws(' ', current_setting('search_path'), to_regclass('left_behind'))";
    let left: String = sql(left).fetch_scalar_on(&mut session).await.unwrap();
    assert_eq!(left, "\"$user\", public");
    drop(session);
    assert_eq!(balance(db, 1).await, 100);
}

#[derive(Debug, PartialEq)]
enum Refusal {
    TooPoor { missing: i64 },
    Database,
}

impl From<Error> for Refusal {
    fn from(_: Error) -> Self {
        Self::Database
    }
}

#[tokio::test]
async fn fault_12_an_error_rolls_back_and_comes_out_as_it_was() {
    let test = accounts().await;
    let (db, process) = pool_of_one(&test).await;
    let refused: Result<(), Refusal> = db
        .transaction(async |conn| {
            withdraw(conn, 1, 30).await.map_err(Error::from)?;
            Err(Refusal::TooPoor { missing: 5 })
        })
        .await;
    assert_eq!(refused, Err(Refusal::TooPoor { missing: 5 }));
    assert_clean(&db, process).await;
}

#[tokio::test]
async fn fault_12_an_error_out_of_a_savepoint_does_so_too() {
    let test = accounts().await;
    let (db, process) = pool_of_one(&test).await;
    let refused: Result<usize, Error> = db
        .transaction(async |conn| {
            withdraw(conn, 1, 30).await?;
            conn.transaction(async |conn| {
                withdraw(conn, 2, 30).await?;
                withdraw(conn, 2, 1000).await
            })
            .await
            .map_err(Error::from)
        })
        .await;
    assert_eq!(refused.unwrap_err().sql_state().unwrap().as_str(), "23514");
    assert_eq!(balance(&db, 2).await, 100);
    assert_clean(&db, process).await;
}

#[tokio::test]
async fn fault_12_a_panic_rolls_back_and_is_the_same_one_outside() {
    let test = accounts().await;
    let (db, process) = pool_of_one(&test).await;
    let panicking = AssertUnwindSafe(db.transaction(async |conn| {
        withdraw(conn, 1, 30).await?;
        if conn.is_in_transaction() {
            std::panic::panic_any(17_u8);
        }
        Ok::<_, DieselError>(())
    }));
    let panic = panicking.catch_unwind().await.unwrap_err();
    assert_eq!(panic.downcast_ref::<u8>(), Some(&17));
    assert_clean(&db, process).await;
}

#[tokio::test]
async fn fault_12_a_panic_in_a_session_with_a_transaction_and_state_of_its_own() {
    let test = accounts().await;
    let (db, process) = pool_of_one(&test).await;
    let panicking = AssertUnwindSafe(async {
        let mut session = db.session().await.unwrap();
        let changes = "SET search_path = pg_catalog; CREATE TEMP TABLE left_behind (n int)";
        session.batch_execute(changes).await.unwrap();
        session
            .transaction(async |conn| {
                let update = "UPDATE public.accounts SET balance = 0";
                diesel::sql_query(update).execute(conn).await?;
                // An error of the server, too, of which the next user hears nothing.
                assert!(conn.batch_execute("SELECT 1 / 0").await.is_err());
                if conn.is_in_transaction() {
                    panic!("on purpose");
                }
                Ok::<_, DieselError>(())
            })
            .await
    });
    assert!(panicking.catch_unwind().await.is_err());
    assert_clean(&db, process).await;
}

#[tokio::test]
async fn fault_12_an_error_leaves_a_session_between_its_statements() {
    async fn leave_early(db: &Database) -> Result<(), Error> {
        let mut session = db.session().await?;
        session
            .batch_execute("SET search_path = pg_catalog")
            .await?;
        sql("SELECT 1 / 0").execute_on(&mut session).await?;
        unreachable!("the statement fails");
    }

    let test = accounts().await;
    let (db, process) = pool_of_one(&test).await;
    let error = leave_early(&db).await.unwrap_err();
    assert_eq!(error.sql_state().unwrap().as_str(), "22012");
    assert_clean(&db, process).await;
}
