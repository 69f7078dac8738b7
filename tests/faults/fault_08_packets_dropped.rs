//! Fault 8: packets are dropped and not refused: nobody answers, and nobody says no.

use std::time::Duration;

use larder_pool::{ConnectOptions, Error, Pool, PoolOptions, deadline};
use larder_testing::proxy::Proxy;
use tokio::time::{Instant, timeout};

use super::checkout::backend;
use crate::support::{PATIENCE, accounts};

#[tokio::test]
async fn fault_08_a_checkout_ends_by_its_own_deadline_and_recovers() {
    let test = accounts().await;
    let proxy = Proxy::start(test.url()).unwrap();
    let mut connect = ConnectOptions::parse(&proxy.url()).unwrap();
    connect.connect_timeout = Duration::from_millis(500);
    let mut options = PoolOptions::named("dropped");
    options.size = 1;
    options.overflow = 1;
    options.verify_after = Some(Duration::ZERO);
    options.verify_timeout = Duration::from_millis(300);
    options.acquire_timeout = Duration::from_secs(2);
    let pool = Pool::open(connect, options).await.unwrap();
    backend(&mut pool.session().await.unwrap()).await.unwrap();

    proxy.hold();
    let began = Instant::now();
    let error = pool.session().await.unwrap_err();
    assert!(matches!(error, Error::Acquire(_)), "{error}");
    // Not before, and not by the 30 s of somebody else.
    let took = began.elapsed();
    assert!(
        took >= Duration::from_secs(2) && took < PATIENCE,
        "{took:?}"
    );
    let text = error.to_string();
    assert!(text.contains("there was no answer in time"), "{text}");

    // A request that has less time waits for less.
    let began = Instant::now();
    let hurried = deadline::within(Duration::from_millis(400), pool.session()).await;
    let error = hurried.unwrap().unwrap_err();
    assert!(matches!(error, Error::Acquire(_)), "{error}");
    assert!(began.elapsed() < Duration::from_secs(2));

    proxy.resume();
    let mut session = timeout(PATIENCE, pool.session()).await.unwrap().unwrap();
    backend(&mut session).await.unwrap();
    drop(session);
    assert_eq!(pool.status().in_use, 0);
    assert_eq!(pool.status().waiting, 0);
}
