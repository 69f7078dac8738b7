//! Whatever happens to Redis, nobody who reads waits for longer than the deadline, and soon
//! nobody at all.

use std::time::{Duration, Instant};

use larder_cache::l2::{Fetch, Redis, RedisOptions};

use crate::proxy::Proxy;
use crate::reading::written;
use crate::server::{Server, connected, free_port, options, until, until_available};

/// As services have it: 50 ms.
fn strict(url: &str) -> RedisOptions {
    RedisOptions {
        deadline: Duration::from_millis(50),
        ..options(url)
    }
}

/// The time that most of so many reads do not exceed, none of which gets anything.
async fn typical_read(redis: &Redis) -> Duration {
    let mut times = Vec::new();
    for _ in 0..1_000 {
        let begun = Instant::now();
        assert_eq!(redis.get("key").await, Fetch::Unavailable);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times[990]
}

#[tokio::test]
async fn one_that_is_not_there_is_no_error_and_is_used_when_it_comes() {
    let mut server = Server::prepared(free_port(), &[]);
    let redis = Redis::open(strict(&server.url())).unwrap();
    let typical = typical_read(&redis).await;
    assert!(typical < Duration::from_micros(100), "{typical:?}");
    redis.put("key".to_owned(), vec![1], Duration::from_secs(60));
    assert!(!redis.try_lock("lock", Duration::from_secs(60)).await);
    assert_eq!(redis.statistics().puts_dropped, 1);

    server.restart().await;
    until_available(&redis, true).await;
    written(&redis, "key", b"value").await;
}

#[tokio::test]
async fn one_that_is_stopped_is_left_alone_and_used_again() {
    let mut server = Server::start(&[]).await;
    let redis = connected(strict(&server.url())).await;
    for round in 1..3 {
        server.stop().await;
        until("the loss is noticed", async || {
            redis.get("key").await;
            !redis.is_available()
        })
        .await;
        assert!(typical_read(&redis).await < Duration::from_micros(100));
        server.restart().await;
        until_available(&redis, true).await;
        written(&redis, "key", b"value").await;
        assert_eq!(redis.statistics().reconnects, round);
    }
}

#[tokio::test]
async fn a_loss_that_no_read_sees_is_noticed_too() {
    let mut server = Server::start(&[]).await;
    let redis = connected(strict(&server.url())).await;
    server.stop().await;
    until_available(&redis, false).await;
}

#[tokio::test]
async fn one_that_hangs_costs_three_deadlines_in_all() {
    let server = Server::start(&[]).await;
    let redis = connected(strict(&server.url())).await;
    written(&redis, "key", b"value").await;
    server.pause();
    for _ in 0..3 {
        let begun = Instant::now();
        assert_eq!(redis.get("key").await, Fetch::Unavailable);
        assert!(
            begun.elapsed() < Duration::from_millis(150),
            "{:?}",
            begun.elapsed()
        );
    }
    assert!(!redis.is_available());
    let typical = typical_read(&redis).await;
    assert!(typical < Duration::from_micros(100), "{typical:?}");
    let statistics = redis.statistics();
    assert_eq!((statistics.timeouts, statistics.breaker_opened), (3, 1));

    server.resume();
    until_available(&redis, true).await;
    assert!(matches!(redis.get("key").await, Fetch::Found { .. }));
}

#[tokio::test]
async fn one_that_takes_200_ms_is_left_alone_within_a_second() {
    let server = Server::start(&[]).await;
    let proxy = Proxy::start(server.port).await;
    let redis = connected(strict(&proxy.url())).await;
    written(&redis, "key", b"value").await;
    proxy.delay(Duration::from_millis(200));
    let begun = Instant::now();
    let load = (0..20).map(|_| {
        let redis = redis.clone();
        tokio::spawn(async move { while redis.get("key").await != Fetch::Unavailable {} })
    });
    futures::future::join_all(load).await;
    until_available(&redis, false).await;
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    let typical = typical_read(&redis).await;
    assert!(typical < Duration::from_micros(100), "{typical:?}");

    proxy.delay(Duration::ZERO);
    until_available(&redis, true).await;
    assert!(matches!(redis.get("key").await, Fetch::Found { .. }));
}

#[tokio::test]
async fn a_connection_that_is_cut_in_the_middle_of_a_reply_is_replaced() {
    let server = Server::start(&[]).await;
    let proxy = Proxy::start(server.port).await;
    let redis = connected(options(&proxy.url())).await;
    let value = vec![7; 20_000];
    written(&redis, "key", &value).await;
    for bytes in [1, 5, 10_000] {
        proxy.cut_after(bytes);
        let begun = Instant::now();
        until("it is cut", async || {
            redis.get("key").await == Fetch::Unavailable
        })
        .await;
        assert!(begun.elapsed() < Duration::from_secs(1));
        until_available(&redis, true).await;
        let found = redis.get("key").await;
        assert!(matches!(found, Fetch::Found { bytes, .. } if bytes == value));
    }
    assert!(redis.statistics().reconnects >= 3);
}

#[tokio::test]
async fn answers_that_nobody_waits_for_any_more_go_to_nobody_else() {
    let server = Server::start(&[]).await;
    let redis = connected(options(&server.url())).await;
    for n in 0..20 {
        written(&redis, &format!("key:{n}"), format!("value:{n}").as_bytes()).await;
    }
    for n in 0..2_000_u64 {
        let key = format!("key:{}", n % 20);
        let read = tokio::time::timeout(Duration::from_micros(n % 300), redis.get(&key));
        if let Ok(found) = read.await {
            let expected = format!("value:{}", n % 20).into_bytes();
            assert!(
                matches!(found, Fetch::Found { bytes, .. } if bytes == expected),
                "{n}"
            );
        }
    }
}

#[tokio::test]
async fn one_that_wants_another_password_now_is_not_available() {
    let server = Server::start(&[]).await;
    let redis = connected(options(&server.url())).await;
    server.cli(&["CONFIG", "SET", "requirepass", "secret"]);
    server.cli(&[
        "-a", "secret", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes",
    ]);
    until("the loss is noticed", async || {
        redis.get("key").await;
        !redis.is_available()
    })
    .await;
    server.cli(&["-a", "secret", "CONFIG", "SET", "requirepass", ""]);
    until_available(&redis, true).await;
}
