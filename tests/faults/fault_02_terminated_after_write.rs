//! The connection of a transaction is terminated after a write.

use std::time::Duration;

use diesel_async::RunQueryDsl;
use larder_database::{ErrorClass, RetryPolicy};

use super::support::{Runs, process, terminate};
use crate::support::{accounts, backend, balance, open, withdraw};

#[tokio::test]
async fn fault_02_the_error_is_the_servers_and_the_closure_runs_once() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let before = backend(&mut db.session().await.unwrap()).await;

    let runs = Runs::default();
    let error = db
        .transaction(async |conn| {
            runs.count();
            // Its statement is closed behind it, and the server's last words would be the answer
            // to that. The write comes after it, and its statement is kept.
            let process = process(conn).await?;
            withdraw(conn, 1, 30).await?;
            terminate(&test, process).await;
            withdraw(conn, 1, 30).await
        })
        .await
        .unwrap_err();

    let state = error.sql_state().map(|state| state.as_str().to_owned());
    assert_eq!(state.as_deref(), Some("57P01"), "{error}");
    assert_eq!(error.class(), ErrorClass::Connection);
    assert!(error.server_error().unwrap().fingerprint().is_some());
    assert_eq!(runs.so_far(), 1);
    assert_eq!(balance(&db, 1).await, 100);
    let after = backend(&mut db.session().await.unwrap()).await;
    assert_ne!(before, after);
}

#[tokio::test]
async fn fault_02_before_commit_nothing_took_effect_and_the_error_says_so() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let error = db
        .transaction(async |conn| {
            let process = process(conn).await?;
            withdraw(conn, 1, 30).await?;
            terminate(&test, process).await;
            while !conn.is_closed() {
                tokio::task::yield_now().await;
            }
            Ok::<_, diesel::result::Error>(())
        })
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        larder_database::ErrorKind::Pool(larder_pool::ErrorKind::Lost)
    );
    assert_eq!(error.sql_state().unwrap().as_str(), "57P01", "{error}");
    assert_eq!(balance(&db, 1).await, 100);
}

#[tokio::test]
async fn fault_02_the_closure_runs_again_where_retry_was_asked_for() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let policy = RetryPolicy::default().pauses(Duration::from_millis(1), Duration::from_millis(5));
    let runs = Runs::default();
    db.retry(policy)
        .named("withdraw")
        .transaction(async |conn| {
            let run = runs.count();
            withdraw(conn, 1, 30).await?;
            if run == 1 {
                terminate(&test, process(conn).await?).await;
            }
            diesel::sql_query("SELECT 1").execute(conn).await
        })
        .await
        .unwrap();
    assert_eq!(runs.so_far(), 2);
    assert_eq!(balance(&db, 1).await, 70);
    assert_eq!(db.connection_statistics().retries, 1);
}

#[tokio::test]
async fn fault_02_reads_run_again_and_what_wrote_by_itself_does_not() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let policy = RetryPolicy::default().pauses(Duration::from_millis(1), Duration::from_millis(5));

    let runs = Runs::default();
    db.retry(policy.clone())
        .read(async |conn| {
            if runs.count() == 1 {
                terminate(&test, process(conn).await?).await;
            }
            process(conn).await
        })
        .await
        .unwrap();
    assert_eq!(runs.so_far(), 2);

    let runs = Runs::default();
    let error = db
        .retry(policy)
        .read(async |conn| {
            runs.count();
            withdraw(conn, 1, 30).await?;
            terminate(&test, process(conn).await?).await;
            process(conn).await
        })
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::Connection, "{error}");
    assert_eq!(runs.so_far(), 1);
    assert_eq!(balance(&db, 1).await, 70);
}
