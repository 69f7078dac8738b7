//! Refusals of the server that are run again within limits, and those that never are.

use std::time::Duration;

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_database::{Error, ErrorClass, RetryPolicy};
use larder_pool::SqlState;

use super::support::{Runs, raise};
use crate::support::{accounts, balance, open, withdraw};

fn eager() -> RetryPolicy {
    RetryPolicy::default()
        .retries(5)
        .pauses(Duration::from_millis(1), Duration::from_millis(5))
}

#[tokio::test]
async fn fault_16_a_lock_that_is_not_free_is_tried_once_more() {
    let test = accounts().await;
    let db = open(&test, |_| {}).await;
    let mut holder = test.database().session().await.unwrap();
    let held = holder.transaction(async |holder| {
        withdraw(holder, 1, 0).await?;
        let runs = Runs::default();
        let error = db
            .retry(eager())
            .transaction(async |conn| {
                runs.count();
                diesel::sql_query("SELECT 1 FROM accounts WHERE id = 1 FOR UPDATE NOWAIT")
                    .execute(conn)
                    .await
            })
            .await
            .unwrap_err();
        assert_eq!(error.sql_state(), Some(SqlState::LOCK_NOT_AVAILABLE));
        assert_eq!(error.class(), ErrorClass::Retryable);
        assert_eq!(runs.so_far(), 2);
        // Why there was no third time.
        assert!(error.to_string().contains("it was run 2 times"), "{error}");
        Ok::<_, diesel::result::Error>(())
    });
    held.await.unwrap();
}

#[tokio::test]
async fn fault_16_a_statement_that_was_cancelled_is_not_run_again() {
    let test = accounts().await;
    let db = open(&test, |options| {
        options.connect = options.connect.clone().setting("statement_timeout", "50ms");
    })
    .await;
    let runs = Runs::default();
    let error = db
        .retry(eager())
        .transaction(async |conn| {
            runs.count();
            conn.batch_execute("SELECT pg_sleep(600)").await
        })
        .await
        .unwrap_err();
    assert_eq!(error.sql_state(), Some(SqlState::QUERY_CANCELED));
    assert_eq!(error.class(), ErrorClass::Timeout);
    assert_eq!(runs.so_far(), 1);
}

#[tokio::test]
async fn fault_16_a_failed_transaction_is_not_run_again_for_having_failed() {
    let test = accounts().await;
    let db = open(&test, |_| {}).await;
    let runs = Runs::default();
    let error = db
        .retry(eager())
        .transaction(async |conn| {
            runs.count();
            let _ = raise(conn, "22012").await;
            withdraw(conn, 1, 30).await
        })
        .await
        .unwrap_err();
    assert_eq!(error.sql_state(), Some(SqlState::IN_FAILED_TRANSACTION));
    assert_eq!(error.class(), ErrorClass::Caller);
    assert_eq!(runs.so_far(), 1);
}

#[tokio::test]
async fn fault_16_what_decides_is_the_server_and_not_the_type_of_the_error() {
    #[derive(Debug)]
    struct Refused;
    impl From<Error> for Refused {
        fn from(_: Error) -> Self {
            Self
        }
    }
    let test = accounts().await;
    let db = open(&test, |_| {}).await;

    // The closure hides the error of the server in its own.
    let runs = Runs::default();
    db.retry(eager())
        .transaction(async |conn| {
            if runs.count() < 3 {
                raise(conn, "40001").await.map_err(|_| Refused)?;
            }
            withdraw(conn, 1, 30).await.map_err(|_| Refused)
        })
        .await
        .unwrap();
    assert_eq!(runs.so_far(), 3);
    assert_eq!(balance(&db, 1).await, 70);

    // It has overcome the error, and fails for a reason of its own.
    let runs = Runs::default();
    db.retry(eager())
        .transaction(async |conn| {
            runs.count();
            let overcome = conn
                .transaction(async |conn| raise(conn, "40001").await)
                .await;
            assert!(overcome.is_err());
            withdraw(conn, 1, 30).await.map_err(|_| Refused)?;
            Err::<(), _>(Refused)
        })
        .await
        .unwrap_err();
    assert_eq!(runs.so_far(), 1);
    assert_eq!(balance(&db, 1).await, 70);
}

#[tokio::test]
async fn fault_16_a_unique_violation_is_run_again_by_request_only() {
    let test = accounts().await;
    let db = open(&test, |_| {}).await;
    for (policy, expected) in [
        (eager(), 1),
        (eager().also_on(SqlState::UNIQUE_VIOLATION), 6),
    ] {
        let runs = Runs::default();
        let error = db
            .retry(policy)
            .transaction(async |conn| {
                runs.count();
                diesel::sql_query("INSERT INTO accounts VALUES (1, 1)")
                    .execute(conn)
                    .await
            })
            .await
            .unwrap_err();
        assert_eq!(error.class(), ErrorClass::Constraint);
        assert_eq!(runs.so_far(), expected);
    }
}

#[tokio::test]
async fn fault_16_inside_a_transaction_or_a_retry_nothing_is_run_again_by_itself() {
    let test = accounts().await;
    let db = open(&test, |_| {}).await;
    let (outer, inner) = (Runs::default(), Runs::default());
    let error = db
        .retry(eager().retries(1))
        .run(async || {
            outer.count();
            db.retry(eager())
                .transaction(async |conn| {
                    inner.count();
                    raise(conn, "40P01").await
                })
                .await
        })
        .await
        .unwrap_err();
    assert_eq!((outer.so_far(), inner.so_far()), (2, 2));
    assert!(error.to_string().contains("as a whole"), "{error}");

    let inner = Runs::default();
    db.transaction(async |_| {
        db.retry(eager())
            .transaction(async |conn| {
                inner.count();
                raise(conn, "40P01").await
            })
            .await
    })
    .await
    .unwrap_err();
    assert_eq!(inner.so_far(), 1);
}

#[tokio::test]
async fn fault_16_a_server_that_only_reads_is_left_once() {
    let test = accounts().await;
    let db = open(&test, |options| {
        options.pool.size = 1;
        options.connect = options
            .connect
            .clone()
            .setting("default_transaction_read_only", "on");
    })
    .await;
    let before = crate::support::backend(&mut db.session().await.unwrap()).await;
    let runs = Runs::default();
    let error = db
        .retry(eager())
        .transaction(async |conn| {
            runs.count();
            withdraw(conn, 1, 30).await
        })
        .await
        .unwrap_err();
    assert_eq!(error.sql_state(), Some(SqlState::READ_ONLY_TRANSACTION));
    assert_eq!(runs.so_far(), 2);
    // Not on the same connection.
    let after = crate::support::backend(&mut db.session().await.unwrap()).await;
    assert_ne!(before, after);

    // Who asked for a transaction that only reads has got what was asked for.
    let runs = Runs::default();
    db.retry(eager())
        .read_only()
        .transaction(async |conn| {
            runs.count();
            withdraw(conn, 1, 30).await
        })
        .await
        .unwrap_err();
    assert_eq!(runs.so_far(), 1);
}
