//! The master that Sentinels name is used, also after they named another.

use larder_cache::l2::{RedisOptions, RedisServer};

use crate::reading::written;
use crate::server::{Server, connected, options, until};

#[tokio::test]
async fn the_master_is_used_that_the_sentinels_name_now() {
    let password = ["--requirepass", "secret", "--masterauth", "secret"];
    let mut master = Server::start(&password).await;
    let of_master = format!("127.0.0.1 {}", master.port);
    let mut of_replica = password.to_vec();
    of_replica.extend(["--replicaof", &of_master, "--repl-diskless-sync-delay", "0"]);
    let replica = Server::start(&of_replica).await;
    until("the replica follows", async || {
        replica.cli(&["-a", "secret", "ROLE"]).contains("connected")
    })
    .await;
    let sentinel = Server::start_sentinel(&format!(
        "sentinel monitor main {of_master} 1\n\
         sentinel auth-pass main secret\n\
         sentinel down-after-milliseconds main 500\n\
         sentinel failover-timeout main 2000\n"
    ))
    .await;
    until("the sentinel knows the replica", async || {
        sentinel
            .cli(&["SENTINEL", "replicas", "main"])
            .contains(&replica.port.to_string())
    })
    .await;

    let sentinels = vec![
        // Nobody is there.
        ("127.0.0.1".to_owned(), crate::server::free_port()),
        ("127.0.0.1".to_owned(), sentinel.port),
    ];
    let redis = connected(RedisOptions {
        server: RedisServer::Sentinel {
            hosts: sentinels,
            service: "main".to_owned(),
            url: Some("redis://:secret@unused".into()),
        },
        ..options("redis://unused")
    })
    .await;
    written(&redis, "key", b"value").await;
    assert_eq!(master.cli(&["-a", "secret", "GET", "key"]), "value");

    master.stop().await;
    until("the replica is the master", async || {
        redis.get("key").await;
        replica.cli(&["-a", "secret", "ROLE"]).starts_with("master")
    })
    .await;
    until("the new master is used", async || {
        redis.get("key").await;
        redis.is_available()
    })
    .await;
    written(&redis, "other", b"value").await;
    assert_eq!(replica.cli(&["-a", "secret", "GET", "other"]), "value");
    assert!(redis.statistics().reconnects >= 1);
}

#[tokio::test]
async fn a_master_that_is_none_any_more_is_left() {
    let first = Server::start(&[]).await;
    let of_first = format!("127.0.0.1 {}", first.port);
    let second = Server::start(&["--replicaof", &of_first]).await;
    let sentinel = Server::start_sentinel(&format!(
        "sentinel monitor main {of_first} 1\n\
         sentinel failover-timeout main 2000\n"
    ))
    .await;
    until("the sentinel knows the replica", async || {
        sentinel
            .cli(&["SENTINEL", "replicas", "main"])
            .contains(&second.port.to_string())
    })
    .await;
    let redis = connected(RedisOptions {
        server: RedisServer::Sentinel {
            hosts: vec![("127.0.0.1".to_owned(), sentinel.port)],
            service: "main".to_owned(),
            url: None,
        },
        ..options("redis://unused")
    })
    .await;
    written(&redis, "key", b"value").await;
    until("the sentinel changes the master", async || {
        let answer = sentinel.cli(&["SENTINEL", "failover", "main"]);
        let master = sentinel.cli(&["SENTINEL", "get-master-addr-by-name", "main"]);
        answer == "OK" || master.contains(&second.port.to_string())
    })
    .await;
    until("what is written is on the new master", async || {
        redis.put(
            "other".to_owned(),
            vec![b'x'],
            std::time::Duration::from_secs(60),
        );
        second.cli(&["ROLE"]).starts_with("master") && second.cli(&["GET", "other"]) == "x"
    })
    .await;
}
