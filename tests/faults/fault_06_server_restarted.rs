//! Fault 6: the server is restarted with twice the pool in flight.

use larder_pool::ErrorClass;
use larder_testing::servers::PostgresServer;

use super::checkout::{backend, pool_of, sleep};
use crate::support::until;

#[tokio::test]
async fn fault_06_those_in_flight_fail_the_next_pass_and_the_pool_refills() {
    let mut server = PostgresServer::start().await.unwrap();
    let pool = pool_of(&server.url(), |options| {
        options.size = 4;
        options.overflow = 0;
        options.keep_open = 3;
        // So that none of them is asked whether it is alive.
        options.verify_after = None;
    })
    .await;
    let running: Vec<_> = (0..4)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { sleep(&mut pool.session().await?).await })
        })
        .collect();
    until("all connections run a statement", || {
        let holders = pool.status().holders;
        holders.len() == 4 && holders.iter().all(|holder| holder.is_busy)
    })
    .await;
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { backend(&mut pool.session().await?).await })
        })
        .collect();
    until("as many wait", || pool.status().waiting == 4).await;

    server.restart().await.unwrap();

    for running in running {
        let error = running.await.unwrap().unwrap_err();
        assert_eq!(error.class(), ErrorClass::Connection, "{error}");
    }
    // Who waited gets a new connection, unless it was made in the last moment of the old server.
    for waiting in waiting {
        if let Err(error) = waiting.await.unwrap() {
            assert_eq!(error.class(), ErrorClass::Connection, "{error}");
        }
    }
    for _ in 0..8 {
        backend(&mut pool.session().await.unwrap()).await.unwrap();
    }
    until("the pool is full again by itself", || {
        let status = pool.status();
        status.idle >= 3 && status.in_use == 0 && status.last_connect_error.is_none()
    })
    .await;
    backend(&mut pool.session().await.unwrap()).await.unwrap();
}

/// Nobody asks, nobody waits: the pool finds out and opens what is missing.
#[tokio::test]
async fn fault_06_a_pool_that_nobody_uses_refills_too() {
    let mut server = PostgresServer::start().await.unwrap();
    let pool = pool_of(&server.url(), |options| {
        options.size = 3;
        options.keep_open = 2;
    })
    .await;
    until("it has what it keeps", || pool.status().idle == 2).await;
    server.restart().await.unwrap();
    until("both were replaced", || {
        let status = pool.status();
        status.invalidated >= 2 && status.idle == 2
    })
    .await;
    backend(&mut pool.session().await.unwrap()).await.unwrap();
}
