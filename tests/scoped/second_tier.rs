//! Results of tenants in Redis, where other processes find them.

use std::time::Duration;

use larder_database::{Database, RedisOptions, RedisServer};
use redis::AsyncCommands;

use super::{Shop, cached_count, tenant};
use crate::support::PATIENCE;

/// A process that shares its results through the Redis of the test run.
async fn sharing(shop: &Shop, namespace: &str) -> Database {
    let url = std::env::var("LARDER_TEST_REDIS_URL").unwrap();
    let mut options = shop.options();
    let mut redis = RedisOptions::new(RedisServer::Single { url: url.into() });
    redis.deadline = Duration::from_secs(5);
    options.redis = Some(redis);
    options.cache.namespace = namespace.to_owned();
    options.cache.warm = false;
    options.cache.max_staleness = Duration::from_secs(10);
    let db = Database::open(options).await.unwrap();
    crate::support::until("it reaches Redis", || db.redis_available() == Some(true)).await;
    db
}

/// Waits until so many results are in Redis.
async fn stored(namespace: &str, results: usize) {
    let url = std::env::var("LARDER_TEST_REDIS_URL").unwrap();
    let client = redis::Client::open(url).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let looking = async {
        loop {
            let keys: Vec<String> = redis.keys(format!("larder:{namespace}:*")).await.unwrap();
            // What the hottest keys are is no result.
            if keys.iter().filter(|key| !key.contains(":hot:")).count() >= results {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap();
}

/// Two processes of which the second finds what the first has read, and for no other tenant.
///
/// Results count for the roles of the server as they were. Other tests make some, and what was
/// stored before is found by nobody then: it is read again, by two others.
async fn finding(shop: &Shop, namespace: &str) -> (Database, Database) {
    for turn in 0.. {
        let namespace = &format!("{namespace}-{turn}");
        let (one, other) = (
            sharing(shop, namespace).await,
            sharing(shop, namespace).await,
        );
        for (name, count) in [("a", 3), ("b", 2)] {
            assert_eq!(cached_count(&tenant(&one, name)).await, count);
        }
        stored(namespace, 2).await;
        for (name, count) in [("b", 2), ("a", 3), ("c", 0)] {
            assert_eq!(cached_count(&tenant(&other, name)).await, count);
        }
        let statistics = other.cache_statistics();
        if statistics.fetched == 2 {
            return (one, other);
        }
        assert!(statistics.fetched < 2 && turn < 9, "{statistics:?}");
        for db in [one, other] {
            db.shutdown(PATIENCE).await.unwrap();
        }
    }
    unreachable!("the last turn ends in an assertion")
}

#[tokio::test]
async fn processes_find_results_of_the_same_tenant_and_of_no_other() {
    let shop = Shop::open().await;
    let namespace = format!("test-{:x}", fastrand::u64(..));
    let (one, other) = finding(&shop, &namespace).await;
    // What a tenant writes, no process serves to anybody.
    let write = "UPDATE documents SET tenant = 'a' WHERE tenant = 'a'";
    let written = tenant(&one, "a").sql(write).execute().await.unwrap();
    assert_eq!(written, 3);
    tenant(&one, "b")
        .sql("DELETE FROM documents WHERE id = 4")
        .execute()
        .await
        .unwrap();
    assert_eq!(cached_count(&tenant(&one, "b")).await, 1);
    let noticing = async {
        while cached_count(&tenant(&other, "b")).await != 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, noticing).await.unwrap();
    for db in [one, other] {
        db.shutdown(PATIENCE).await.unwrap();
    }
    shop.remove().await;
}
