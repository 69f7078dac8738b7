//! Hints are heard by all who listen, and nobody waits for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use larder_cache::l2::Redis;

use crate::server::{Server, connected, key, options, shared_url, until};

/// How often hints on a channel were heard. It listens when this returns.
async fn heard(redis: &Redis, channel: &str) -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    redis.on_hint(channel, move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    until("it listens", async || count.load(Ordering::SeqCst) == 1).await;
    count
}

async fn until_heard(count: &AtomicU64, times: u64) {
    until("a hint is heard", async || {
        count.load(Ordering::SeqCst) >= times
    })
    .await;
}

#[tokio::test]
async fn hints_are_heard_by_all_on_their_channel() {
    let one = connected(options(&shared_url())).await;
    let other = connected(options(&shared_url())).await;
    let (channel, elsewhere) = (key("channel"), key("elsewhere"));
    let counts = [
        heard(&one, &channel).await,
        heard(&one, &channel).await,
        heard(&other, &channel).await,
    ];
    let not = heard(&other, &elsewhere).await;
    one.hint(&channel);
    for count in &counts {
        until_heard(count, 2).await;
    }
    assert_eq!(not.load(Ordering::SeqCst), 1);
    assert_eq!(one.statistics().hints_sent, 1);
    assert_eq!(other.statistics().hints_received, 1);
}

#[tokio::test]
async fn many_hints_at_once_are_few() {
    let redis = connected(options(&shared_url())).await;
    let channel = key("channel");
    let count = heard(&redis, &channel).await;
    let begun = Instant::now();
    for _ in 0..10_000 {
        redis.hint(&channel);
    }
    assert!(begun.elapsed() < Duration::from_millis(500));
    until_heard(&count, 2).await;
    assert!(
        redis.statistics().hints_sent < 100,
        "{:?}",
        redis.statistics()
    );
}

#[tokio::test]
async fn who_listens_is_told_when_something_may_have_been_missed() {
    let mut server = Server::start(&[]).await;
    let redis = connected(options(&server.url())).await;
    let count = heard(&redis, "channel").await;
    server.stop().await;
    server.restart().await;
    until_heard(&count, 2).await;
    // It listens again.
    crate::server::until_available(&redis, true).await;
    until("a hint is heard", async || {
        redis.hint("channel");
        redis.statistics().hints_received > 0
    })
    .await;
    // A connection that is cut, without the server.
    let before = count.load(Ordering::SeqCst);
    server.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    until_heard(&count, before + 1).await;
}

#[tokio::test]
async fn no_more_connections_are_used_than_may_be() {
    for max_connections in [1, 2] {
        let server = Server::start(&[]).await;
        let mut options = options(&server.url());
        options.max_connections = max_connections;
        let redis = connected(options).await;
        redis.on_hint("channel", || {});
        if max_connections == 2 {
            until("it listens", async || {
                server.cli(&["PUBSUB", "NUMSUB", "channel"]).ends_with('1')
            })
            .await;
        }
        for n in 0..100 {
            redis.put(format!("{n}"), vec![1], Duration::from_secs(60));
            redis.hint("channel");
            redis.get("1").await;
        }
        let clients = server.cli(&["CLIENT", "LIST"]);
        // And the one that asks.
        assert_eq!(clients.lines().count(), max_connections + 1, "{clients}");
    }
}
