//! A closure swallows a failed statement and returns `Ok`.

use std::time::Duration;

use larder_database::{ErrorKind, RetryPolicy};

use super::support::{Runs, raise};
use crate::support::{accounts, balance, open, withdraw};

#[tokio::test]
async fn fault_27_it_is_rolled_back_and_reported() {
    let test = accounts().await;
    let db = open(&test, |_| {}).await;
    let policy = RetryPolicy::default().pauses(Duration::from_millis(1), Duration::from_millis(5));
    for code in ["22012", "40001"] {
        let error = db
            .transaction(async |conn| {
                withdraw(conn, 1, 30).await?;
                let _ = raise(conn, code).await;
                Ok::<_, diesel::result::Error>(())
            })
            .await
            .unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Pool(larder_pool::ErrorKind::Aborted)
        );
        assert_eq!(error.sql_state().unwrap().as_str(), code);
        assert_eq!(balance(&db, 1).await, 100);
    }

    // A retry runs it again for the error that was swallowed.
    let runs = Runs::default();
    db.retry(policy)
        .transaction(async |conn| {
            withdraw(conn, 1, 30).await?;
            if runs.count() == 1 {
                let _ = raise(conn, "40001").await;
            }
            Ok::<_, diesel::result::Error>(())
        })
        .await
        .unwrap();
    assert_eq!(runs.so_far(), 2);
    assert_eq!(balance(&db, 1).await, 70);
}
