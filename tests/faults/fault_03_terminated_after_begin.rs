//! The connection of a transaction is terminated after BEGIN, before anything ran.

use std::time::Duration;

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_database::{CacheMode, Database, DatabaseOptions, ErrorKind};
use larder_testing::proxy::Proxy;
use tokio::time::timeout;

use super::support::{Runs, process, terminate};
use crate::support::{PATIENCE, accounts, backend, balance, open, withdraw};

#[tokio::test]
async fn fault_03_the_transaction_is_begun_again_unseen() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let before = backend(&mut db.session().await.unwrap()).await;

    let runs = Runs::default();
    let after = db
        .build_transaction()
        .isolation_level(larder_pool::IsolationLevel::Serializable)
        .run(async |conn| {
            runs.count();
            terminate(&test, before).await;
            withdraw(conn, 1, 30).await?;
            let level = diesel::dsl::sql::<diesel::sql_types::Text>(
                "current_setting('transaction_isolation')",
            );
            let level: String = diesel::select(level).get_result(conn).await?;
            assert_eq!(level, "serializable");
            process(conn).await
        })
        .await
        .unwrap();
    assert_eq!(runs.so_far(), 1);
    assert_ne!(before, after);
    assert_eq!(balance(&db, 1).await, 70);
    // It is the pool's connection from now on.
    assert_eq!(backend(&mut db.session().await.unwrap()).await, after);
}

#[tokio::test]
async fn fault_03_rows_and_texts_of_several_statements_begin_again_too() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    for round in 0..2 {
        let before = backend(&mut db.session().await.unwrap()).await;
        db.transaction(async |conn| {
            terminate(&test, before).await;
            if round == 0 {
                process(conn).await?;
            }
            let sql = "UPDATE accounts SET balance = balance - 10; SELECT 1";
            conn.batch_execute(sql).await
        })
        .await
        .unwrap();
    }
    assert_eq!(balance(&db, 1).await, 80);
}

#[tokio::test]
async fn fault_03_a_connection_that_is_dead_at_begin_is_replaced() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let mut session = db.session().await.unwrap();
    let before = process(&mut session).await.unwrap();
    terminate(&test, before).await;
    session
        .transaction(async |conn| withdraw(conn, 1, 30).await)
        .await
        .unwrap();
    assert_eq!(balance(test.database(), 1).await, 70);
}

#[tokio::test]
async fn fault_03_whoever_holds_the_other_connection_is_known() {
    let test = accounts().await;
    let db = open(&test, |options| {
        (options.pool.size, options.pool.overflow) = (1, 0);
    })
    .await;
    let mut session = db.session().await.unwrap();
    let before = process(&mut session).await.unwrap();
    terminate(&test, before).await;
    let after = session.transaction(async |conn| process(conn).await);
    assert_ne!(after.await.unwrap(), before);
    // He who has it would wait for himself, and is told so.
    let nested = timeout(PATIENCE, db.session()).await.unwrap();
    let kind = ErrorKind::Pool(larder_pool::ErrorKind::NestedCheckout);
    assert_eq!(nested.unwrap_err().kind(), kind);
}

#[tokio::test]
async fn fault_03_a_server_that_does_not_come_back_is_not_waited_for_beyond_the_deadline() {
    let test = accounts().await;
    let proxy = Proxy::start(test.url()).unwrap();
    let mut options = DatabaseOptions::from_url(&proxy.url()).unwrap();
    options.cache.mode = CacheMode::Local;
    (options.pool.size, options.pool.overflow) = (1, 0);
    let db = Database::open(options).await.unwrap();
    let limit = Duration::from_millis(500);
    let late = db.within(limit, async {
        db.transaction(async |conn| {
            // The connection is gone, and the next one is never answered.
            proxy.hold();
            proxy.cut();
            withdraw(conn, 1, 30).await?;
            Ok::<_, larder_database::Error>(())
        })
        .await
    });
    let late = timeout(PATIENCE, late).await.unwrap();
    assert!(late.is_err());
    proxy.resume();
    assert_eq!(balance(&db, 1).await, 100);
}

#[tokio::test]
async fn fault_03_a_session_that_was_changed_is_not_replaced() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let mut session = db.session().await.unwrap();
    // Another connection would not have this setting.
    session.batch_execute("SET work_mem = '5MB'").await.unwrap();
    let before = process(&mut session).await.unwrap();
    terminate(&test, before).await;
    session
        .transaction(async |conn| withdraw(conn, 1, 30).await)
        .await
        .unwrap_err();
    assert_eq!(balance(test.database(), 1).await, 100);
}
