//! A Cluster: keys are on the servers where they belong.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_cache::l2::{Fetch, RedisOptions, RedisServer};

use crate::server::{Server, connected, options, until};

async fn cluster() -> Vec<Server> {
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(Server::start(&["--cluster-enabled", "yes"]).await);
    }
    let mut create = Command::new("redis-cli");
    create.args(["--cluster", "create", "--cluster-yes"]);
    create.args(
        servers
            .iter()
            .map(|server| format!("127.0.0.1:{}", server.port)),
    );
    let output = create.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    for server in &servers {
        until("the cluster is there", async || {
            server
                .cli(&["CLUSTER", "INFO"])
                .contains("cluster_state:ok")
        })
        .await;
    }
    servers
}

#[tokio::test]
async fn a_cluster_is_used() {
    let mut servers = cluster().await;
    let cluster = RedisOptions {
        server: RedisServer::Cluster {
            hosts: vec![("127.0.0.1".to_owned(), servers[0].port)],
            url: None,
        },
        ..options("redis://unused")
    };
    let redis = connected(cluster).await;
    let keys: Vec<String> = (0..100).map(|n| format!("key:{n}")).collect();
    for key in &keys {
        redis.put(
            key.clone(),
            key.clone().into_bytes(),
            Duration::from_secs(60),
        );
    }
    until("all is written", async || redis.statistics().puts == 100).await;
    for server in &servers {
        assert_ne!(server.cli(&["DBSIZE"]), "0");
    }
    let is = |fetch: &Fetch, key: &str| matches!(fetch, Fetch::Found { bytes, life: Some(_) } if bytes == key.as_bytes());
    for (key, fetch) in keys.iter().zip(redis.get_many(&keys).await) {
        assert!(is(&fetch, key) && is(&redis.get(key).await, key), "{key}");
    }
    redis.remove_if_unchanged(keys[0].clone(), b"other".to_vec());
    redis.remove_if_unchanged(keys[1].clone(), keys[1].clone().into_bytes());
    until("it is removed", async || {
        redis.get(&keys[1]).await == Fetch::Missing
    })
    .await;
    assert!(is(&redis.get(&keys[0]).await, &keys[0]));
    assert!(redis.try_lock("lock", Duration::from_secs(60)).await);
    assert!(!redis.try_lock("lock", Duration::from_secs(60)).await);

    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    redis.on_hint("channel", move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    until("it listens", async || count.load(Ordering::SeqCst) == 1).await;
    redis.hint("channel");
    until("a hint is heard", async || {
        count.load(Ordering::SeqCst) == 2
    })
    .await;

    // A server of it that is gone takes the rest with it, and comes back.
    servers[2].stop().await;
    until("the loss is noticed", async || {
        redis.get_many(&keys).await;
        !redis.is_available()
    })
    .await;
}
