//! Transactions inside transactions.

use diesel::result::Error as DieselError;

use larder_database::ErrorKind;

use crate::support::{accounts, balance, withdraw};

#[tokio::test]
async fn a_nested_transaction_is_a_savepoint() {
    let test = accounts().await;
    test.database()
        .transaction(async |conn| {
            withdraw(conn, 1, 10).await?;
            let inner = conn
                .transaction::<(), DieselError, _>(async |conn| {
                    withdraw(conn, 2, 50).await?;
                    Err(DieselError::RollbackTransaction)
                })
                .await;
            assert_eq!(inner, Err(DieselError::RollbackTransaction));
            // A failure inside is over with its savepoint.
            let failed = conn
                .transaction::<_, DieselError, _>(async |conn| withdraw(conn, 2, 1000).await)
                .await;
            assert!(failed.is_err());
            conn.transaction::<_, DieselError, _>(async |conn| withdraw(conn, 2, 1).await)
                .await
        })
        .await
        .unwrap();
    assert_eq!(balance(test.database(), 1).await, 90);
    assert_eq!(balance(test.database(), 2).await, 99);
}

#[tokio::test]
async fn a_failure_swallowed_in_a_savepoint_is_reported_there() {
    let test = accounts().await;
    test.database()
        .transaction(async |conn| {
            let inner = conn
                .transaction::<_, DieselError, _>(async |conn| {
                    withdraw(conn, 1, 10).await?;
                    assert!(withdraw(conn, 2, 1000).await.is_err());
                    Ok(())
                })
                .await;
            let text = inner.unwrap_err().to_string();
            assert!(text.contains("a statement in it had failed"), "{text}");
            assert!(text.contains("SQLSTATE 23514"), "{text}");
            // The outer transaction goes on.
            withdraw(conn, 2, 5).await
        })
        .await
        .unwrap();
    assert_eq!(balance(test.database(), 1).await, 100);
    assert_eq!(balance(test.database(), 2).await, 95);
}

/// A nested transaction whose future is dropped while it waits.
async fn give_up_inside(conn: &mut larder_pool::Connection) {
    let inside = conn.transaction::<(), DieselError, _>(async |conn| {
        withdraw(conn, 2, 50).await?;
        std::future::pending().await
    });
    let short = std::time::Duration::from_millis(50);
    assert!(tokio::time::timeout(short, inside).await.is_err());
}

#[tokio::test]
async fn a_nested_transaction_that_was_given_up_takes_all_with_it() {
    let test = accounts().await;
    let error = test
        .database()
        .transaction(async |conn| {
            withdraw(conn, 1, 10).await?;
            give_up_inside(conn).await;
            withdraw(conn, 1, 10).await
        })
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Pool(larder_pool::ErrorKind::GivenUpInside)
    );
    assert_eq!(balance(test.database(), 1).await, 100);
    assert_eq!(balance(test.database(), 2).await, 100);
}

#[tokio::test]
async fn so_it_does_in_the_transaction_of_a_session() {
    let test = accounts().await;
    let mut session = test.database().session().await.unwrap();
    let error = session
        .transaction::<_, DieselError, _>(async |conn| {
            withdraw(conn, 1, 10).await?;
            give_up_inside(conn).await;
            Ok(())
        })
        .await
        .unwrap_err();
    assert!(error.to_string().contains("was given up"), "{error}");
    // And the session goes on outside of any transaction.
    assert!(!session.is_in_transaction());
    withdraw(&mut session, 1, 1).await.unwrap();
    assert_eq!(balance(test.database(), 1).await, 99);
    assert_eq!(balance(test.database(), 2).await, 100);
}
