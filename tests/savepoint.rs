//! Transactions inside transactions.

use diesel::result::Error as DieselError;
use diesel_async::AsyncConnection;

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
