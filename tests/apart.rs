//! A connection beside the pool: told of notifications, observed by nobody, closed with the pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use larder_pool::{
    ConnectOptions, EndedStatement, Error, Observer, Pool, PoolObserver, PoolOptions,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::support::{PATIENCE, accounts, eventually};

/// Counts what it is told.
#[derive(Default)]
struct Counter(AtomicUsize);

impl PoolObserver for Counter {
    fn statement_ended(&self, _: &EndedStatement<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn connected(&self, _: Duration) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn committed(&self, _: &larder_pool::Effects, _: Option<u64>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A pool whose connections are told from those of others by their name.
fn pool(url: &str, name: &str, change: impl FnOnce(&mut PoolOptions)) -> Pool {
    let url = format!("{url}?application_name={name}");
    let mut options = PoolOptions::named(name);
    change(&mut options);
    Pool::open_lazily(ConnectOptions::parse(&url).unwrap(), options).unwrap()
}

#[tokio::test]
async fn a_connection_apart_hears_what_others_notify() {
    let test = accounts().await;
    if test.is_embedded() {
        return;
    }
    let pool = pool(test.url(), "hearing", |_| {});
    let (heard, mut hearing) = mpsc::unbounded_channel();
    let mut apart = pool
        .connect_apart(move |channel, payload| {
            let _ = heard.send((channel.to_owned(), payload.to_owned()));
        })
        .await
        .unwrap();
    apart
        .batch_execute("LISTEN news; LISTEN \"Other\"")
        .await
        .unwrap();
    let mut session = pool.session().await.unwrap();
    session
        .batch_execute("NOTIFY news, 'first'; NOTIFY \"Other\"; NOTIFY silent, 'never'")
        .await
        .unwrap();
    session.batch_execute("NOTIFY news, 'last'").await.unwrap();
    for expected in [("news", "first"), ("Other", ""), ("news", "last")] {
        let (channel, payload) = timeout(PATIENCE, hearing.recv()).await.unwrap().unwrap();
        assert_eq!((channel.as_str(), payload.as_str()), expected);
    }
    assert!(hearing.try_recv().is_err());
}

#[tokio::test]
async fn nobody_observes_a_connection_apart() {
    let test = accounts().await;
    if test.is_embedded() {
        return;
    }
    let counter = Arc::new(Counter::default());
    let observer = Observer::new(Arc::clone(&counter) as Arc<dyn PoolObserver>);
    let pool = pool(test.url(), "unobserved", |options| {
        options.observer = observer
    });
    let mut apart = pool.connect_apart(|_, _| {}).await.unwrap();
    assert!(!apart.is_of(&pool));
    apart
        .batch_execute("UPDATE accounts SET balance = 1")
        .await
        .unwrap();
    assert_eq!(counter.0.load(Ordering::Relaxed), 0);
    assert_eq!(pool.status().in_use, 0);
    // The observer is there: it hears of a session.
    let mut session = pool.session().await.unwrap();
    session.batch_execute("SELECT 1").await.unwrap();
    assert_eq!(counter.0.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn dropped_a_connection_apart_is_closed() {
    let test = accounts().await;
    if test.is_embedded() {
        return;
    }
    let pool = pool(test.url(), "dropped_apart", |_| {});
    let apart = pool.connect_apart(|_, _| {}).await.unwrap();
    let open = "SELECT count(*) = 1 FROM pg_stat_activity \
        WHERE application_name = 'dropped_apart' AND datname = current_database()";
    eventually(test.database(), open).await;
    drop(apart);
    let closed = "SELECT count(*) = 0 FROM pg_stat_activity \
        WHERE application_name = 'dropped_apart' AND datname = current_database()";
    eventually(test.database(), closed).await;
}

#[tokio::test]
async fn the_end_of_the_pool_ends_a_connection_apart() {
    let test = accounts().await;
    if test.is_embedded() {
        return;
    }
    let pool = pool(test.url(), "ending", |options| {
        // So that it is not this deadline that ends it.
        options.rollback_timeout = Duration::from_secs(600);
    });
    let mut apart = pool.connect_apart(|_, _| {}).await.unwrap();
    apart.batch_execute("LISTEN news").await.unwrap();
    timeout(PATIENCE, pool.shutdown(PATIENCE))
        .await
        .unwrap()
        .unwrap();
    assert!(apart.batch_execute("SELECT 1").await.is_err());
    let refused = pool.connect_apart(|_, _| {}).await.unwrap_err();
    assert!(matches!(refused, Error::ShutDown { .. }), "{refused}");
}

#[tokio::test]
async fn while_sessions_are_out_a_connection_apart_stays() {
    let test = accounts().await;
    if test.is_embedded() {
        return;
    }
    let pool = pool(test.url(), "staying", |_| {});
    let mut apart = pool.connect_apart(|_, _| {}).await.unwrap();
    let session = pool.session().await.unwrap();
    let ending = {
        let pool = pool.clone();
        tokio::spawn(async move { pool.shutdown(PATIENCE).await })
    };
    while !pool.is_shut_down() {
        tokio::task::yield_now().await;
    }
    apart.batch_execute("SELECT 1").await.unwrap();
    drop(session);
    ending.await.unwrap().unwrap();
    assert!(apart.batch_execute("SELECT 1").await.is_err());
}
