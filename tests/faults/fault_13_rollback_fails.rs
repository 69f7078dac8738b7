//! ROLLBACK fails, or nobody answers it: the connection is closed, and the caller gets the error that
//! led there.

use std::time::Duration;

use diesel::result::Error as DieselError;
use larder_database::{CacheMode, Database, DatabaseOptions, Error};
use larder_testing::TestDatabase;
use larder_testing::proxy::{Fault, Moment, Proxy};
use tokio::time::timeout;

use crate::support::{PATIENCE, accounts, backend, balance, eventually, until, withdraw};

/// A pool of one that reaches its server by a way of its own.
async fn pool_of_one(test: &TestDatabase) -> (Database, Proxy) {
    let proxy = Proxy::start(test.url()).unwrap();
    let mut options = DatabaseOptions::from_url(&proxy.url()).unwrap();
    (options.pool.size, options.pool.overflow) = (1, 0);
    options.pool.rollback_timeout = Duration::from_millis(300);
    options.cache.mode = CacheMode::Local;
    (Database::open(options).await.unwrap(), proxy)
}

/// The error of the caller's own that leads to the ROLLBACK.
#[derive(Debug, PartialEq)]
struct First;

impl From<Error> for First {
    fn from(error: Error) -> Self {
        panic!("the first error wins, and not: {error}");
    }
}

async fn fail(db: &Database) -> Result<(), First> {
    db.transaction(async |conn| {
        withdraw(conn, 1, 30).await.unwrap();
        Err(First)
    })
    .await
}

/// That the pool of one serves by another connection, and nothing was written.
async fn assert_replaced(test: &TestDatabase, db: &Database, before: i32) {
    let mut session = timeout(PATIENCE, db.session()).await.unwrap().unwrap();
    assert_ne!(backend(&mut session).await, before);
    drop(session);
    until("nobody uses the pool", || db.pool_status().in_use == 0).await;
    let gone = format!("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = {before}");
    eventually(test.database(), &gone).await;
    assert_eq!(balance(db, 1).await, 100);
    // Nobody waits for a lock that it has left.
    let next = db.transaction(async |conn| withdraw(conn, 1, 1).await);
    timeout(PATIENCE, next).await.unwrap().unwrap();
}

#[tokio::test]
async fn fault_13_the_connection_is_cut_at_rollback() {
    let test = accounts().await;
    // Before the server gets it, and before the client hears of it.
    for moment in [Moment::statement("ROLLBACK"), Moment::reply("ROLLBACK")] {
        let (db, proxy) = pool_of_one(&test).await;
        let before = backend(&mut db.session().await.unwrap()).await;
        let struck = proxy.at(moment, Fault::Cut);
        assert_eq!(fail(&db).await, Err(First));
        timeout(PATIENCE, struck).await.unwrap();
        let mut session = timeout(PATIENCE, db.session()).await.unwrap().unwrap();
        assert_ne!(backend(&mut session).await, before);
        drop(session);
        assert_eq!(balance(&db, 1).await, 100);
    }
}

#[tokio::test]
async fn fault_13_nobody_answers_rollback() {
    let test = accounts().await;
    let (db, proxy) = pool_of_one(&test).await;
    let before = backend(&mut db.session().await.unwrap()).await;
    let struck = proxy.at(Moment::statement("ROLLBACK"), Fault::Hold);
    let failed = timeout(PATIENCE, fail(&db)).await;
    assert_eq!(failed.unwrap(), Err(First));
    timeout(PATIENCE, struck).await.unwrap();
    until("nobody uses the pool", || db.pool_status().in_use == 0).await;
    // Now the server hears that its client has left, too.
    proxy.resume();
    assert_replaced(&test, &db, before).await;
}

#[tokio::test]
async fn fault_13_the_server_ended_the_connection_before_rollback() {
    let test = accounts().await;
    let (db, _proxy) = pool_of_one(&test).await;
    let before = backend(&mut db.session().await.unwrap()).await;
    let failed: Result<(), First> = db
        .transaction(async |conn| {
            withdraw(conn, 1, 30).await.unwrap();
            let end = format!("SELECT pg_terminate_backend({before}, 10000)");
            test.database().sql(end).execute().await.unwrap();
            Err(First)
        })
        .await;
    assert_eq!(failed, Err(First));
    assert_replaced(&test, &db, before).await;
}

#[tokio::test]
async fn fault_13_the_connection_is_cut_at_the_end_of_a_savepoint() {
    let test = accounts().await;
    let (db, proxy) = pool_of_one(&test).await;
    let before = backend(&mut db.session().await.unwrap()).await;
    let struck = proxy.at(Moment::statement("ROLLBACK TO"), Fault::Cut);
    let mut inner = None;
    let failed: Result<(), Error> = db
        .transaction(async |conn| {
            withdraw(conn, 1, 30).await?;
            let undone: Result<(), DieselError> =
                conn.transaction(async |_| Err(DieselError::NotFound)).await;
            inner = undone.err();
            // It is refused now, and so is the commit of whoever takes no notice.
            assert!(withdraw(conn, 2, 1).await.is_err());
            Ok::<_, Error>(())
        })
        .await;
    timeout(PATIENCE, struck).await.unwrap();
    assert_eq!(inner, Some(DieselError::NotFound), "the first error wins");
    assert!(failed.is_err(), "never taken for a commit");
    assert_replaced(&test, &db, before).await;
}
