//! Values are read as they were written.

use std::time::Duration;

use larder_cache::l2::{Fetch, Redis};

use crate::server::{connected, key, options, shared_url, until};

/// Writes it, and waits until it is there.
pub(crate) async fn written(redis: &Redis, key: &str, value: &[u8]) {
    redis.put(key.to_owned(), value.to_vec(), Duration::from_secs(60));
    until(
        "a value is written",
        async || matches!(redis.get(key).await, Fetch::Found { bytes, .. } if bytes == value),
    )
    .await;
}

#[tokio::test]
async fn a_value_is_read_as_it_was_written_with_its_life() {
    let redis = connected(options(&shared_url())).await;
    let (here, missing) = (key("here"), key("missing"));
    let value: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    written(&redis, &here, &value).await;

    let Fetch::Found { bytes, life } = redis.get(&here).await else {
        panic!("it is not there");
    };
    assert_eq!(bytes, value);
    let life = life.unwrap();
    assert!(
        life <= Duration::from_secs(60) && life > Duration::from_secs(50),
        "{life:?}"
    );
    assert_eq!(redis.get(&missing).await, Fetch::Missing);

    let keys = [missing.clone(), here.clone(), missing];
    let all = redis.get_many(&keys).await;
    assert_eq!(all.len(), 3);
    assert!(matches!(&all[1], Fetch::Found { bytes, .. } if *bytes == value));
    assert_eq!((&all[0], &all[2]), (&Fetch::Missing, &Fetch::Missing));
    assert_eq!(redis.get_many(&[]).await, []);

    let statistics = redis.statistics();
    assert_eq!(statistics.gets, statistics.found + statistics.missing);
    assert_eq!(statistics.bytes_in, statistics.found * 100_000);
    assert_eq!((statistics.puts, statistics.bytes_out), (1, 100_000));
    assert_eq!(
        (
            statistics.unavailable,
            statistics.errors,
            statistics.reconnects
        ),
        (0, 0, 0)
    );
    let json = serde_json::to_value(statistics).unwrap();
    assert_eq!(json["bytes_out"], 100_000);
}

#[tokio::test]
async fn what_is_no_text_under_a_key_is_not_read_and_is_no_fault() {
    let server = crate::server::Server::start(&[]).await;
    let redis = connected(options(&server.url())).await;
    server.cli(&["LPUSH", "a-list", "x"]);
    server.cli(&["SET", "for-ever", "x"]);
    for _ in 0..5 {
        assert_eq!(redis.get("a-list").await, Fetch::Unavailable);
    }
    let found = Fetch::Found {
        bytes: b"x".to_vec(),
        life: None,
    };
    assert_eq!(redis.get("for-ever").await, found);
    let both = redis
        .get_many(&["a-list".to_owned(), "for-ever".to_owned()])
        .await;
    assert_eq!(both, [Fetch::Unavailable, found]);
    assert!(redis.is_available());
}

#[tokio::test]
async fn a_server_that_knows_only_resp2_is_used() {
    let server = crate::server::Server::start(&["--rename-command", "HELLO", ""]).await;
    let redis = connected(options(&server.url())).await;
    written(&redis, "key", b"value").await;
    assert!(server.cli(&["CLIENT", "LIST"]).contains("resp=2"));
    let modern = crate::server::Server::start(&[]).await;
    let _redis = connected(options(&modern.url())).await;
    assert!(modern.cli(&["CLIENT", "LIST"]).contains("resp=3"));
}

#[tokio::test]
async fn it_can_be_used_from_any_task() {
    let redis = connected(options(&shared_url())).await;
    let name = key("tasks");
    written(&redis, &name, b"value").await;
    let read = |redis: Redis, name: String| async move {
        let one = redis.get(&name).await;
        let many = redis.get_many(std::slice::from_ref(&name)).await;
        let locked = redis
            .try_lock(&format!("{name}:lock"), Duration::from_secs(1))
            .await;
        (one, many, locked)
    };
    let tasks: Vec<_> = (0..200)
        .map(|_| tokio::spawn(read(redis.clone(), name.clone())))
        .collect();
    let mut locks = 0;
    for task in tasks {
        let (one, many, locked) = task.await.unwrap();
        assert!(matches!(&one, Fetch::Found { bytes, .. } if bytes == b"value"));
        assert!(matches!(&many[0], Fetch::Found { bytes, .. } if bytes == b"value"));
        locks += u32::from(locked);
    }
    assert_eq!(locks, 1);
}
