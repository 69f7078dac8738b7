//! Limits so long that there are none.

use std::time::Duration;

use larder_pool::{ConnectOptions, deadline};

use super::support::{PATIENCE, backend, empty, pool_by};

#[tokio::test]
async fn the_longest_duration_is_no_limit() {
    // What panics in a task of the pool's leaves everybody else waiting.
    tokio::time::timeout(PATIENCE, without_limits())
        .await
        .unwrap();
}

async fn without_limits() {
    let test = empty().await;
    let mut connect = ConnectOptions::parse(test.url()).unwrap();
    connect.connect_timeout = Duration::MAX;
    let pool = pool_by(connect, |options| {
        options.acquire_timeout = Duration::MAX;
        options.overload_target = Duration::MAX;
        options.overload_interval = Duration::MAX;
        options.max_lifetime = Some(Duration::MAX);
        options.lanes.count = 1;
    });
    let within = deadline::within(Duration::MAX, async {
        assert!(deadline::remaining().is_some_and(|left| !left.is_zero()));
        backend(&mut *pool.session().await.unwrap()).await
    });
    assert!(within.await.unwrap() > 0);
    // One who has to wait, for one of whom the pool has but one.
    let held = pool.session().await.unwrap();
    let next = async { backend(&mut *pool.session().await.unwrap()).await };
    let give_back = async { drop(held) };
    assert!(futures::join!(next, give_back).0 > 0);
    assert_eq!(pool.open_lanes().await, 1);
}
