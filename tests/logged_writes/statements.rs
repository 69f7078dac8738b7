//! Statements outside of a transaction.

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures::TryStreamExt;
use larder_database::sql;
use larder_pool::Connection;

use super::{Event, FAILING, Logged, ROW};
use crate::support::{accounts, withdraw};

/// Takes from all accounts and gives the rows.
async fn withdraw_from_all(conn: &mut Connection) -> QueryResult<Vec<i64>> {
    diesel::update(accounts::table)
        .set(accounts::balance.eq(accounts::balance - 30))
        .returning(accounts::balance)
        .get_results(conn)
        .await
}

#[tokio::test]
async fn execute_is_logged() {
    let logged = Logged::start().await;
    let mut session = logged.session().await;
    assert_eq!(withdraw(&mut session, 1, 30).await.unwrap(), 1);
    logged.assert_together(1).await;
    assert!(!session.is_in_transaction());
}

#[tokio::test]
async fn load_is_logged() {
    let logged = Logged::start().await;
    let mut session = logged.session().await;
    assert_eq!(withdraw_from_all(&mut session).await.unwrap(), [70, 70]);
    logged.assert_together(2).await;
}

#[tokio::test]
async fn get_result_is_logged() {
    let logged = Logged::start().await;
    let mut session = logged.session().await;
    let new: (i32, i64) = diesel::insert_into(accounts::table)
        .values((accounts::id.eq(3), accounts::balance.eq(5)))
        .get_result(&mut *session)
        .await
        .unwrap();
    assert_eq!(new, (3, 5));
    logged.assert_together(1).await;
}

#[tokio::test]
async fn raw_sql_is_logged() {
    let logged = Logged::start().await;
    let mut session = logged.session().await;
    let balance: i64 = sql("UPDATE accounts SET balance = 5 WHERE id = :id RETURNING balance")
        .bind("id", 1)
        .fetch_scalar_on(&mut session)
        .await
        .unwrap();
    assert_eq!(balance, 5);
    logged.assert_together(1).await;
}

#[tokio::test]
async fn a_batch_is_logged_as_a_whole() {
    let logged = Logged::start().await;
    let mut session = logged.session().await;
    session
        .batch_execute("UPDATE accounts SET balance = 5; SELECT 1; -- the end")
        .await
        .unwrap();
    logged.assert_together(2).await;
}

#[tokio::test]
async fn a_copy_on_the_side_of_the_server_is_logged() {
    let logged = Logged::start().await;
    let mut session = logged.session().await;
    // What the program prints is copied by the server.
    session
        .batch_execute("COPY accounts FROM PROGRAM 'echo 3,5' (FORMAT csv)")
        .await
        .unwrap();
    logged.assert_together(1).await;
}

#[tokio::test]
async fn a_procedure_is_logged() {
    let logged = Logged::start().await;
    logged
        .prepare(
            "CREATE PROCEDURE pay() LANGUAGE plpgsql AS
             $$ BEGIN UPDATE accounts SET balance = 5; END $$",
        )
        .await;
    let mut session = logged.session().await;
    diesel::sql_query("CALL pay()")
        .execute(&mut session)
        .await
        .unwrap();
    logged.assert_together(2).await;
}

#[tokio::test]
async fn a_stream_that_is_left_after_its_first_row_is_logged_all_the_same() {
    let logged = Logged::start().await;
    let mut session = logged.session().await;
    let many = "INSERT INTO accounts SELECT n, 1 FROM generate_series(1001, 101000) n RETURNING id";
    let query = diesel::dsl::sql::<diesel::sql_types::Integer>(many);
    let mut rows = query.load_stream::<i32>(&mut *session).await.unwrap();
    assert_eq!(rows.try_next().await.unwrap(), Some(1001));
    drop(rows);
    // The server answers in order: what comes next finds it done.
    sql("SELECT 1").execute_on(&mut session).await.unwrap();
    assert_eq!(logged.scribe.take(), [Event::Committed(None)]);
    let own = "SELECT count(*) FROM accounts JOIN log ON accounts.xmin = log.xid::xid";
    assert_eq!(logged.number(own).await, 100_000);
    assert_eq!(logged.log().await.len(), 1);
}

#[tokio::test]
async fn a_stream_ends_when_its_row_is_logged() {
    let logged = Logged::start().await;
    let mut session = logged.session().await;
    let query = "UPDATE accounts SET balance = 5 RETURNING id";
    let query = diesel::dsl::sql::<diesel::sql_types::Integer>(query);
    let rows = query.load_stream::<i32>(&mut *session).await.unwrap();
    let rows: Vec<i32> = rows.try_collect().await.unwrap();
    assert_eq!(rows.len(), 2);
    logged.assert_together(2).await;
}

#[tokio::test]
async fn a_row_that_cannot_be_written_fails_the_statement() {
    let logged = Logged::start().await;
    logged.scribe.use_companion(FAILING);
    let mut session = logged.session().await;

    let executed = withdraw(&mut session, 1, 30).await.map(drop);
    let loaded = withdraw_from_all(&mut session).await.map(drop);
    let first: QueryResult<i64> = diesel::dsl::sql::<diesel::sql_types::BigInt>(
        "UPDATE accounts SET balance = 5 WHERE id = 1 RETURNING balance",
    )
    .get_result(&mut *session)
    .await;
    let batch = session.batch_execute("UPDATE accounts SET balance = 5");
    for failed in [executed, loaded, first.map(drop), batch.await] {
        let error = failed.unwrap_err().to_string();
        assert!(error.contains("division by zero"), "{error}");
    }
    let state = session.last_server_error().unwrap().state();
    assert_eq!(state.as_str(), "22012");
    logged.assert_untouched().await;

    // Each of them ended its transaction.
    assert!(!session.is_in_transaction());
    logged.scribe.use_companion(ROW);
    logged.scribe.take();
    withdraw(&mut session, 1, 30).await.unwrap();
    logged.assert_together(1).await;
}

#[tokio::test]
async fn a_statement_that_fails_is_not_logged_and_keeps_its_error() {
    let logged = Logged::start().await;
    let mut session = logged.session().await;
    let error = withdraw(&mut session, 1, 101).await.unwrap_err();
    assert!(
        error.to_string().contains("accounts_balance_check"),
        "{error}"
    );
    let last = session.last_server_error().unwrap();
    assert_eq!(last.constraint(), Some("accounts_balance_check"));
    let batch = "UPDATE accounts SET balance = 5; SELECT 1 / 0";
    assert!(session.batch_execute(batch).await.is_err());
    logged.assert_untouched().await;
    logged.scribe.take();
    withdraw(&mut session, 1, 100).await.unwrap();
    logged.assert_together(1).await;
}

#[tokio::test]
async fn what_the_commit_refuses_is_the_error_of_the_statement() {
    let logged = Logged::start().await;
    let mut session = logged.session().await;
    let executed = diesel::sql_query("INSERT INTO parts VALUES (1, 7)")
        .execute(&mut session)
        .await
        .map(drop);
    let first = diesel::dsl::sql::<diesel::sql_types::Integer>(
        "INSERT INTO parts VALUES (2, 7) RETURNING id",
    )
    .get_result::<i32>(&mut *session)
    .await
    .map(drop);
    let batch = session.batch_execute("INSERT INTO parts VALUES (3, 7)");
    for failed in [executed, first, batch.await] {
        let error = failed.unwrap_err().to_string();
        assert!(error.contains("foreign key"), "{error}");
    }
    logged.assert_untouched().await;
    assert_eq!(logged.number("SELECT count(*) FROM parts").await, 0);
}

#[tokio::test]
async fn a_statement_that_writes_nothing_is_not_logged() {
    let logged = Logged::start().await;
    let mut session = logged.session().await;
    sql("SELECT id FROM accounts")
        .execute_on(&mut session)
        .await
        .unwrap();
    assert_eq!(logged.scribe.asked(), 0);
}

#[tokio::test]
async fn what_a_statement_sets_stays_set() {
    let logged = Logged::start().await;
    let mut session = logged.session().await;
    session
        .batch_execute("SET application_name = 'mine'")
        .await
        .unwrap();
    assert_eq!(logged.scribe.asked(), 1);
    let name: String = sql("SELECT current_setting('application_name')")
        .fetch_scalar_on(&mut session)
        .await
        .unwrap();
    assert_eq!(name, "mine");
}
