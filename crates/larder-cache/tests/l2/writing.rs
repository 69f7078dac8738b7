//! Writes never wait, and what is removed or unlocked is only one's own.

use std::time::{Duration, Instant};

use larder_cache::l2::Fetch;

use crate::reading::written;
use crate::server::{Server, connected, key, options, shared_url, until};

#[tokio::test]
async fn an_entry_is_removed_only_if_it_is_still_the_same() {
    let redis = connected(options(&shared_url())).await;
    let (kept, removed) = (key("kept"), key("removed"));
    written(&redis, &kept, b"newer").await;
    written(&redis, &removed, b"broken").await;
    redis.remove_if_unchanged(kept.clone(), b"broken".to_vec());
    redis.remove_if_unchanged(removed.clone(), b"broken".to_vec());
    until("it is removed", async || {
        redis.get(&removed).await == Fetch::Missing
    })
    .await;
    assert!(matches!(redis.get(&kept).await, Fetch::Found { .. }));
}

#[tokio::test]
async fn a_lock_is_had_by_one_and_given_back_by_that_one() {
    let redis = connected(options(&shared_url())).await;
    let other = connected(options(&shared_url())).await;
    let lock = key("lock");
    let life = Duration::from_secs(60);
    assert!(redis.try_lock(&lock, life).await);
    assert!(!redis.try_lock(&lock, life).await);
    assert!(!other.try_lock(&lock, life).await);
    // It has none: nothing happens.
    other.unlock(lock.clone());
    other.shutdown().await;
    assert!(matches!(redis.get(&lock).await, Fetch::Found { .. }));
    redis.unlock(lock.clone());
    until("it is free", async || redis.try_lock(&lock, life).await).await;
}

#[tokio::test]
async fn a_lock_that_another_has_meanwhile_is_not_given_back() {
    let redis = connected(options(&shared_url())).await;
    let other = connected(options(&shared_url())).await;
    let lock = key("lock");
    assert!(redis.try_lock(&lock, Duration::from_millis(1)).await);
    let life = Duration::from_secs(60);
    until("it has ended", async || other.try_lock(&lock, life).await).await;
    redis.unlock(lock.clone());
    redis.shutdown().await;
    assert!(!other.try_lock(&lock, life).await);
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_and_nobody_waits() {
    let server = Server::start(&[]).await;
    let redis = connected(options(&server.url())).await;
    server.pause();
    let begun = Instant::now();
    let value = vec![7; 64 << 10];
    for n in 0..1_000 {
        redis.put(format!("large:{n}"), value.clone(), Duration::from_secs(60));
    }
    for n in 0..10_000 {
        redis.put(format!("small:{n}"), Vec::new(), Duration::from_secs(60));
    }
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    // 255 of the first are 16 MiB, and 4096 altogether are kept.
    assert_eq!(redis.statistics().puts_dropped, 11_000 - 4_096);
    server.resume();
    until("the rest is written or dropped", async || {
        let statistics = redis.statistics();
        statistics.puts + statistics.puts_dropped == 11_000
    })
    .await;
    assert!(redis.statistics().puts > 0);
    // There is room again.
    written(&redis, "again", b"value").await;
}

#[tokio::test]
async fn what_waits_is_written_before_the_end() {
    let server = Server::start(&[]).await;
    let redis = connected(options(&server.url())).await;
    for n in 0..500 {
        redis.put(format!("key:{n}"), vec![1; 100], Duration::from_secs(60));
    }
    redis.shutdown().await;
    assert_eq!(server.cli(&["DBSIZE"]), "500");
    assert!(!redis.is_available());
    assert_eq!(redis.get("key:1").await, Fetch::Unavailable);
}

#[tokio::test]
async fn a_redis_that_refuses_to_write_is_still_read() {
    let server = Server::start(&[]).await;
    let redis = connected(options(&server.url())).await;
    written(&redis, "key", b"value").await;
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    for _ in 0..10 {
        redis.put(
            "other".to_owned(),
            b"value".to_vec(),
            Duration::from_secs(60),
        );
    }
    until("all are refused", async || {
        redis.statistics().puts_dropped == 10
    })
    .await;
    assert!(redis.is_available());
    assert!(matches!(redis.get("key").await, Fetch::Found { .. }));
}

#[tokio::test]
async fn a_server_that_takes_no_writes_any_more_is_connected_to_anew() {
    let server = Server::start(&[]).await;
    let redis = connected(options(&server.url())).await;
    server.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    redis.put("key".to_owned(), vec![1], Duration::from_secs(60));
    until("it is connected to anew", async || {
        redis.statistics().reconnects > 0
    })
    .await;
    assert_eq!(redis.statistics().puts_dropped, 1);
}
