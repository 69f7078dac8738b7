//! The caller is dropped while it connects, waits, runs a query, or has a transaction open.

use std::time::Duration;

use diesel::result::Error as DieselError;
use diesel_async::RunQueryDsl;
use futures::poll;
use larder_database::{CacheMode, Database, DatabaseOptions};
use larder_pool::{Pool, PoolOptions};
use larder_testing::TestDatabase;
use larder_testing::proxy::{Moment, Proxy};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::support::{PATIENCE, accounts, backend, balance, eventually, open, until, withdraw};

/// Waits until nobody uses the pool or waits for it.
async fn until_unused(db: &Database) {
    let status = || db.pool_status();
    until("nobody uses the pool", || {
        status().in_use == 0 && status().waiting == 0
    })
    .await;
}

/// Waits until no process of the server is in a transaction, or does what is left of `query`.
async fn until_the_server_has_ended(test: &TestDatabase, query: &str) {
    let ended = format!(
        "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() \
         AND pid <> pg_backend_pid() \
         AND (state LIKE 'idle in transaction%' OR (state = 'active' AND query = '{query}'))"
    );
    eventually(test.database(), &ended).await;
}

#[tokio::test]
async fn fault_11_dropped_while_connecting() {
    let test = accounts().await;
    let proxy = Proxy::start(test.url()).unwrap();
    let options = DatabaseOptions::from_url(&proxy.url()).unwrap();
    let connect = options.connect.application_name("connecting");
    let mut pool = PoolOptions::named("main");
    (pool.size, pool.overflow) = (2, 0);
    let pool = Pool::open_lazily(connect, pool).unwrap();
    // Nobody answers.
    proxy.hold();
    let mut arrived = Some(proxy.when(Moment::connection()));
    for _ in 0..10 {
        let mut session = Box::pin(pool.session());
        assert!(poll!(session.as_mut()).is_pending(), "nobody answers");
        // The first has it opened, and the attempt goes on for the others.
        if let Some(arrived) = arrived.take() {
            timeout(PATIENCE, arrived).await.unwrap();
        }
        assert_eq!(pool.status().waiting, 1);
        drop(session);
        assert_eq!((pool.status().in_use, pool.status().waiting), (0, 0));
    }
    assert!(proxy.connections() <= 2, "one attempt a connection");
    proxy.resume();
    let served = timeout(PATIENCE, pool.session()).await.unwrap().unwrap();
    drop(served);
    eventually(
        test.database(),
        "SELECT count(*) BETWEEN 1 AND 2 FROM pg_stat_activity \
         WHERE application_name = 'connecting' AND datname = current_database()",
    )
    .await;
    pool.shutdown(PATIENCE).await.unwrap();
    eventually(
        test.database(),
        "SELECT count(*) = 0 FROM pg_stat_activity \
         WHERE application_name = 'connecting' AND datname = current_database()",
    )
    .await;
}

#[tokio::test]
async fn fault_11_dropped_while_waiting() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let mut held = db.session().await.unwrap();
    let before = backend(&mut held).await;
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move { db.session().await.map(drop) })
        })
        .collect();
    until("all of them wait", || db.pool_status().waiting == 20).await;
    for caller in &callers {
        caller.abort();
    }
    until("nobody waits", || db.pool_status().waiting == 0).await;
    assert_eq!(db.pool_status().in_use, 1);
    drop(held);
    until_unused(&db).await;
    let mut next = timeout(PATIENCE, db.session()).await.unwrap().unwrap();
    assert_eq!(backend(&mut next).await, before);
}

#[tokio::test]
async fn fault_11_dropped_in_a_query() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let query = "SELECT pg_sleep(600)";
    let task = tokio::spawn({
        let db = db.clone();
        async move {
            db.transaction(async |conn| {
                withdraw(conn, 1, 30).await?;
                diesel::sql_query(query).execute(conn).await
            })
            .await
        }
    });
    let active = "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() \
        AND state = 'active' AND query = 'SELECT pg_sleep(600)'";
    eventually(test.database(), active).await;
    task.abort();
    until_the_server_has_ended(&test, query).await;
    until_unused(&db).await;
    // Its lock is gone too, and its place in the pool is free.
    let next = db.transaction(async |conn| withdraw(conn, 1, 1).await);
    timeout(PATIENCE, next).await.unwrap().unwrap();
    assert_eq!(balance(&db, 1).await, 99);
}

#[tokio::test]
async fn fault_11_dropped_in_a_transaction() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let before = backend(&mut db.session().await.unwrap()).await;
    let (written, has_written) = oneshot::channel();
    let task = tokio::spawn({
        let db = db.clone();
        async move {
            db.transaction(async move |conn| {
                withdraw(conn, 1, 30).await?;
                written.send(()).unwrap();
                std::future::pending::<()>().await;
                Ok::<_, DieselError>(())
            })
            .await
        }
    });
    has_written.await.unwrap();
    task.abort();
    let mut session = db.session().await.unwrap();
    let after = backend(&mut session).await;
    assert_eq!(after, before, "rolled back, not thrown away");
    drop(session);
    assert_eq!(balance(&db, 1).await, 100);
    until_unused(&db).await;
    until_the_server_has_ended(&test, "").await;
}

#[tokio::test]
async fn fault_11_dropped_while_the_server_cannot_be_reached() {
    let test = accounts().await;
    let proxy = Proxy::start(test.url()).unwrap();
    let mut options = DatabaseOptions::from_url(&proxy.url()).unwrap();
    (options.pool.size, options.pool.overflow) = (1, 0);
    options.pool.rollback_timeout = Duration::from_millis(300);
    options.cache.mode = CacheMode::Local;
    let db = Database::open(options).await.unwrap();
    let before = backend(&mut db.session().await.unwrap()).await;
    let sent = proxy.when(Moment::statement("UPDATE"));
    let task = tokio::spawn({
        let db = db.clone();
        async move {
            db.transaction(async |conn| {
                withdraw(conn, 1, 30).await?;
                std::future::pending::<()>().await;
                Ok::<_, DieselError>(())
            })
            .await
        }
    });
    timeout(PATIENCE, sent).await.unwrap();
    proxy.hold();
    task.abort();
    // Nobody confirms that it is rolled back: the connection is given up in its time.
    until_unused(&db).await;
    proxy.resume();
    let mut next = timeout(PATIENCE, db.session()).await.unwrap().unwrap();
    assert_ne!(backend(&mut next).await, before);
    drop(next);
    until_the_server_has_ended(&test, "").await;
    assert_eq!(balance(&db, 1).await, 100);
}
