//! Transactions.

use diesel::result::Error as DieselError;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_pool::{ConnectOptions, Connection, ErrorKind, TransactionError};

use super::{Event, FAILING, Logged};
use crate::support::withdraw;

fn pool_error<E: std::fmt::Debug>(error: TransactionError<E>) -> larder_pool::Error {
    match error {
        TransactionError::Pool(error) => error,
        closure => panic!("not an error of the pool: {closure:?}"),
    }
}

/// Calls a function of which nobody knows what it does.
async fn peek(conn: &mut Connection) -> Result<i32, DieselError> {
    diesel::dsl::sql::<diesel::sql_types::Integer>("SELECT peek()")
        .get_result(conn)
        .await
}

const PEEK: &str =
    "CREATE FUNCTION peek() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 7; END $$";

#[tokio::test]
async fn a_row_and_its_writes_are_one_transaction() {
    let logged = Logged::start().await;
    let written = logged.pool.transaction(async |conn| {
        withdraw(conn, 1, 30).await?;
        withdraw(conn, 2, 30).await
    });
    written.await.unwrap();
    logged.assert_together(2).await;
    assert_eq!(logged.scribe.asked(), 1);
}

#[tokio::test]
async fn so_they_are_in_the_transaction_of_a_session() {
    let logged = Logged::start().await;
    let mut session = logged.session().await;
    session
        .transaction(async |conn| withdraw(conn, 1, 30).await)
        .await
        .unwrap();
    logged.assert_together(1).await;
}

#[tokio::test]
async fn a_row_that_cannot_be_written_takes_its_transaction_with_it() {
    let logged = Logged::start().await;
    logged.scribe.use_companion(FAILING);
    let written = logged
        .pool
        .transaction(async |conn| withdraw(conn, 1, 30).await);
    let error = pool_error(written.await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::CommitRefused);
    assert_eq!(error.sql_state().unwrap().as_str(), "22012");
    logged.assert_untouched().await;
    assert_eq!(logged.scribe.take(), []);
    // The connection is free, and no transaction is open on it.
    let session = logged.session().await;
    assert!(!session.is_in_transaction());
}

#[tokio::test]
async fn a_rollback_leaves_no_row() {
    let logged = Logged::start().await;
    let given_up = logged.pool.transaction(async |conn| {
        withdraw(conn, 1, 30).await?;
        Err::<(), _>(DieselError::RollbackTransaction)
    });
    given_up.await.unwrap_err();
    logged.assert_untouched().await;
    assert_eq!(logged.scribe.asked(), 0);
}

#[tokio::test]
async fn a_savepoint_that_is_rolled_back_has_written_nothing() {
    let logged = Logged::start().await;
    let only_inside = logged.pool.transaction(async |conn| {
        let inside = conn.transaction(async |conn| {
            withdraw(conn, 1, 30).await?;
            Err::<(), _>(DieselError::RollbackTransaction)
        });
        assert!(inside.await.is_err());
        Ok::<_, DieselError>(())
    });
    only_inside.await.unwrap();
    assert_eq!(logged.scribe.asked(), 0);
    logged.assert_untouched().await;

    let released = logged.pool.transaction(async |conn| {
        conn.transaction(async |conn| withdraw(conn, 1, 30).await)
            .await
    });
    released.await.unwrap();
    assert_eq!(logged.scribe.asked(), 1);
    assert_eq!(logged.log().await.len(), 1);
    let written = "SELECT count(*) FROM accounts WHERE id = 1 AND balance = 70";
    assert_eq!(logged.number(written).await, 1);
}

#[tokio::test]
async fn a_transaction_that_wrote_nothing_has_no_row() {
    let logged = Logged::start().await;
    let read = logged.pool.transaction(async |conn| {
        diesel::sql_query("SELECT id FROM accounts")
            .execute(conn)
            .await
    });
    read.await.unwrap();
    assert_eq!(logged.scribe.asked(), 0);
    logged.assert_untouched().await;
}

#[tokio::test]
async fn a_transaction_begun_as_read_only_has_no_companion() {
    let logged = Logged::start().await;
    logged.prepare(PEEK).await;
    let reading = logged.pool.build_transaction().read_only();
    assert_eq!(reading.run(peek).await.unwrap(), 7);
    assert_eq!(logged.scribe.asked(), 0);
}

#[tokio::test]
async fn a_transaction_begun_as_read_only_and_made_another_one_has_its_row() {
    let logged = Logged::start().await;
    let reading = logged.pool.build_transaction().read_only();
    let written = reading.run(async |conn| {
        conn.batch_execute("SET TRANSACTION READ WRITE").await?;
        withdraw(conn, 1, 30).await
    });
    written.await.unwrap();
    logged.assert_together(1).await;
}

#[tokio::test]
async fn a_transaction_that_turns_out_to_be_read_only_succeeds_without_its_row() {
    let logged = Logged::start_with(|url| {
        let options = ConnectOptions::parse(url).unwrap();
        options.setting("default_transaction_read_only", "on")
    })
    .await;
    logged.prepare(PEEK).await;
    let called = logged.pool.transaction(async |conn| {
        let value = peek(conn).await?;
        conn.after_commit(|| ())?;
        Ok::<_, DieselError>(value)
    });
    assert_eq!(called.await.unwrap(), 7);
    assert_eq!(logged.scribe.asked(), 1);
    assert_eq!(logged.scribe.take(), [Event::Committed(None)]);
    logged.assert_untouched().await;
    let mut session = logged.session().await;
    assert!(!session.is_in_transaction());
    assert!(session.last_server_error().is_none());

    // So does a statement by itself.
    assert_eq!(peek(&mut session).await.unwrap(), 7);
    assert_eq!(logged.scribe.asked(), 2);
    assert_eq!(logged.scribe.take(), [Event::Committed(None)]);
    logged.assert_untouched().await;
}

#[tokio::test]
async fn a_commit_that_is_refused_leaves_no_row() {
    let logged = Logged::start().await;
    let orphan = logged.pool.transaction(async |conn| {
        diesel::sql_query("INSERT INTO parts VALUES (1, 7)")
            .execute(conn)
            .await
    });
    let error = pool_error(orphan.await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::CommitRefused);
    assert_eq!(error.sql_state().unwrap().as_str(), "23503");
    assert_eq!(logged.scribe.take(), []);
    logged.assert_untouched().await;
}

#[tokio::test]
async fn a_failure_that_nobody_read_is_not_logged() {
    let logged = Logged::start().await;
    let written = logged.pool.transaction(async |conn| {
        withdraw(conn, 1, 30).await?;
        let failing = conn.batch_execute("SELECT 1 / (pg_sleep(0.05) IS NULL)::int");
        drop(futures::future::select(Box::pin(failing), Box::pin(tokio::task::yield_now())).await);
        Ok::<_, DieselError>(())
    });
    let error = pool_error(written.await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Aborted);
    logged.assert_untouched().await;
}

#[tokio::test]
async fn an_answer_that_nobody_read_and_that_was_none_hides_no_id() {
    let logged = Logged::start().await;
    let written = logged.pool.transaction(async |conn| {
        let slow = conn.batch_execute("SELECT pg_sleep(0.05)");
        drop(futures::future::select(Box::pin(slow), Box::pin(tokio::task::yield_now())).await);
        withdraw(conn, 1, 30).await
    });
    written.await.unwrap();
    logged.assert_together(1).await;
}
