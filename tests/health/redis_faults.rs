//! Redis is gone, or says nothing.

use larder::health::Status;
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;
use larder_testing::servers::RedisServer;

use super::named::{Faulty, instance};

async fn with_redis() -> (TestDatabase, RedisServer, Faulty) {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let redis = RedisServer::start().await.unwrap();
    let builder = instance(test.url()).set("redis.url", redis.url());
    let faulty = Faulty::start(builder, "redis").await;
    (test, redis, faulty)
}

#[tokio::test]
async fn redis_that_is_stopped_is_the_cause() {
    let (_test, mut redis, mut faulty) = with_redis().await;
    redis.stop().await.unwrap();
    let report = faulty.is_named(&["unavailable"]).await;
    assert_eq!(
        report.status,
        Status::Degraded,
        "everything works without it"
    );
    redis.start_again().await.unwrap();
    faulty.until_over().await;
}

#[tokio::test]
async fn redis_that_is_paused_is_the_cause() {
    let (_test, mut redis, mut faulty) = with_redis().await;
    redis.pause();
    let report = faulty.is_named(&["silent"]).await;
    assert_eq!(
        report.status,
        Status::Degraded,
        "everything works without it"
    );
    redis.resume();
    faulty.until_over().await;
}
