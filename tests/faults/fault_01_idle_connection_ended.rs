//! Fault 1: a connection that nobody uses is ended by the server. The next caller does not notice.

use larder_pool::{ConnectOptions, Pool, PoolOptions};

use super::checkout::{backend, pool_of};
use crate::support::accounts;

/// The connection is not verified before it is lent: that it has ended was heard, or it would not
/// be lent. The race right after it is ended is run many times.
#[tokio::test]
async fn fault_01_a_connection_that_was_ended_is_not_lent() {
    let test = accounts().await;
    let pool = pool_of(test.url(), |options| {
        options.size = 1;
        options.overflow = 0;
        options.verify_after = None;
    })
    .await;
    for round in 0..50 {
        let ended = backend(&mut pool.session().await.unwrap()).await.unwrap();
        test.database()
            .sql("SELECT pg_terminate_backend(:pid, 5000)")
            .bind("pid", ended)
            .execute()
            .await
            .unwrap();
        let mut session = pool.session().await.unwrap();
        let other = backend(&mut session).await;
        assert_ne!(
            other.unwrap_or_else(|error| panic!("{round}: {error}")),
            ended
        );
    }
}

/// Where each task runs on another thread, the news may be on its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_01_the_same_with_several_threads() {
    let test = accounts().await;
    let pool = pool_of(test.url(), |options| {
        options.size = 4;
        options.overflow = 0;
        options.verify_after = None;
    })
    .await;
    for round in 0..20 {
        let mut sessions = vec![];
        for _ in 0..4 {
            sessions.push(pool.session().await.unwrap());
        }
        drop(sessions);
        test.database()
            .sql(
                "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = 'checkout'",
            )
            .fetch_scalar::<i64>()
            .await
            .unwrap();
        for _ in 0..4 {
            let pool = pool.clone();
            let asked = tokio::spawn(async move { backend(&mut pool.session().await?).await });
            if let Err(error) = asked.await.unwrap() {
                panic!("{round}: {error}");
            }
        }
    }
}

/// What is older than a connection that was found dead is not lent either: it has seen no less.
#[tokio::test]
async fn fault_01_a_dead_connection_retires_the_older_ones() {
    let test = accounts().await;
    let options = ConnectOptions::parse(test.url()).unwrap();
    let mut pool_options = PoolOptions::named("retired");
    pool_options.size = 3;
    pool_options.adaptive = false;
    let pool = Pool::open(options, pool_options).await.unwrap();
    let mut old = pool.session().await.unwrap();
    let mut middle = pool.session().await.unwrap();
    let mut young = pool.session().await.unwrap();
    let of = [
        backend(&mut old).await.unwrap(),
        backend(&mut middle).await.unwrap(),
        backend(&mut young).await.unwrap(),
    ];
    test.database()
        .sql("SELECT pg_terminate_backend(:pid, 5000)")
        .bind("pid", of[1])
        .execute()
        .await
        .unwrap();
    assert!(backend(&mut middle).await.is_err());
    drop((old, middle, young));
    let mut left = vec![];
    let mut sessions = vec![];
    for _ in 0..3 {
        let mut session = pool.session().await.unwrap();
        left.push(backend(&mut session).await.unwrap());
        sessions.push(session);
    }
    assert!(left.contains(&of[2]), "younger: it stays");
    assert!(!left.contains(&of[0]), "older: it goes");
    assert!(!left.contains(&of[1]));
}
