//! What is asked, what it takes to be well, and what is remembered.

use larder::Larder;
use larder::health::Status;
use larder_database::CacheMode;
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;
use tokio_postgres::NoTls;

use crate::gate::Gate;
use crate::support::until;
use crate::watched::{on, start};

#[tokio::test]
async fn an_instance_that_works_is_healthy() {
    let (_test, larder) = start().await;
    let report = larder.health().await;
    assert_eq!(report.status, Status::Healthy, "{report}");
    let names: Vec<&str> = report
        .probes
        .iter()
        .map(|probe| probe.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "database",
            "statements",
            "slow",
            "connections",
            "pool",
            "acquire",
            "cache",
            "follower",
            "log",
            "server",
            "replicas",
            "disk",
            "migrations",
            "process"
        ]
    );
    assert!(report.since.is_some() && report.last_check.is_some());
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["status"], "healthy");
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn health_is_checked_in_the_background() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let larder = on(&test)
        .set("health.check_interval", "100ms")
        .start()
        .await
        .unwrap();
    let monitor = larder.health_monitor().clone();
    while monitor.report().checks < 3 {
        tokio::task::yield_now().await;
    }
    assert!(monitor.records().len() >= 3);
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_pool_in_use_to_the_last_connection_is_degraded() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let larder = on(&test)
        .set("pool.size", 10)
        .set("pool.overflow", 0)
        .set("health.check_interval", "1h")
        .start()
        .await
        .unwrap();
    larder.health().await;
    let mut sessions = Vec::new();
    for _ in 0..9 {
        sessions.push(larder.db().session().await.unwrap());
    }
    // Nine of ten, and health asks over a connection of its own.
    let report = larder.health_monitor().check_now().await;
    assert_ne!(report.probe("pool").unwrap().reason, None, "{report}");
    drop(sessions);
    let report = larder.health_monitor().check_now().await;
    assert_eq!(
        report.probe("pool").unwrap().status,
        Status::Healthy,
        "{report}"
    );
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn many_failed_statements_are_degraded() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let larder = on(&test)
        .set("health.check_interval", "1h")
        .start()
        .await
        .unwrap();
    for _ in 0..30 {
        larder.db().sql("SELECT 1 / 0").execute().await.unwrap_err();
    }
    let report = larder.health_monitor().check_now().await;
    assert_eq!(report.status, Status::Degraded, "{report}");
    assert!(
        report.reasons()[0].contains("statements failed"),
        "{report}"
    );
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_gone_is_unhealthy_and_well_again_when_it_is_back() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let admin = TestDatabase::create(MIGRATIONS).await.unwrap();
    let larder = on(&test)
        .set("pool.acquire_timeout", "1s")
        .set("health.check_interval", "1h")
        .start()
        .await
        .unwrap();
    let monitor = larder.health_monitor();
    assert_eq!(monitor.check_now().await.status, Status::Healthy);
    let name: String = larder
        .db()
        .sql("SELECT current_database()::text")
        .fetch_scalar()
        .await
        .unwrap();
    let allow = |allowed: bool| {
        admin
            .database()
            .sql(format!(
                "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {allowed}"
            ))
            .execute()
    };
    allow(false).await.unwrap();
    admin
        .database()
        .sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name")
        .bind("name", name.as_str())
        .execute()
        .await
        .unwrap();
    for expected in [Status::Degraded, Status::Degraded, Status::Unhealthy] {
        let report = monitor.check_now().await;
        assert_eq!(report.status, expected, "{report}");
    }
    // What callers ask is counted, what the checks ask is not.

    assert!(larder.db().session().await.is_err());
    assert!(larder.statistics().connections.errors > 0);
    allow(true).await.unwrap();
    let report = monitor.check_now().await;
    assert_eq!(
        report.probe("database").unwrap().status,
        Status::Healthy,
        "{report}"
    );
    let seen: Vec<Status> = monitor
        .transitions()
        .iter()
        .map(|change| change.to)
        .collect();
    assert!(seen.contains(&Status::Unhealthy), "{seen:?}");
    larder.shutdown().await.unwrap();
}

/// A database that nobody follows, and an instance on it that has looked into the log.
async fn follower() -> (TestDatabase, Larder) {
    let alone = |options: &mut larder_database::DatabaseOptions| {
        options.cache.mode = CacheMode::Local;
    };
    let test = TestDatabase::create_with(MIGRATIONS, alone).await.unwrap();
    let larder = on(&test)
        .set("cache.max_staleness", "400ms")
        .set("cache.poll_interval", "50ms")
        .set("health.check_interval", "1h")
        .start()
        .await
        .unwrap();
    until("the log is followed", || has_lease(&larder)).await;
    (test, larder)
}

fn has_lease(larder: &Larder) -> bool {
    larder.db().follower_statistics().unwrap().has_lease
}

#[tokio::test]
async fn a_follower_that_lost_its_lease_is_degraded_until_it_reads_again() {
    let (test, larder) = follower().await;
    let monitor = larder.health_monitor();
    let (mut client, connection) = tokio_postgres::connect(test.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    // Whoever looks into the log waits for this to end.
    let lock = client.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE larder.epoch").await.unwrap();
    until("the lease has lapsed", || {
        let follower = larder.db().follower_statistics().unwrap();
        !follower.has_lease && follower.last_error.is_some()
    })
    .await;
    let report = monitor.check_now().await;
    let probe = report.probe("follower").unwrap();
    assert_eq!(probe.status, Status::Degraded, "{report}");
    assert_eq!(report.status, Status::Degraded, "{report}");
    let reason = probe.reason.as_deref().unwrap();
    assert!(
        reason.contains("nothing is served from the cache")
            && reason.contains("the database has not answered in time"),
        "{reason}"
    );
    assert!(probe.observed.unwrap().value >= 400.0, "{report}");
    assert!(probe.since.is_some());

    lock.rollback().await.unwrap();
    until("the log is followed again", || has_lease(&larder)).await;
    let report = monitor.check_now().await;
    assert_eq!(
        report.probe("follower").unwrap().status,
        Status::Healthy,
        "{report}"
    );
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_log_that_is_gone_is_told_with_its_cure() {
    let (test, larder) = follower().await;
    let (client, connection) = tokio_postgres::connect(test.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
        .batch_execute("DROP SCHEMA larder CASCADE")
        .await
        .unwrap();
    until("the lease has lapsed", || !has_lease(&larder)).await;
    let report = larder.health_monitor().check_now().await;
    let probe = report.probe("follower").unwrap();
    assert_eq!(probe.status, Status::Degraded, "{report}");
    let reason = probe.reason.as_deref().unwrap();
    assert!(reason.contains("larder cache install"), "{reason}");
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_redis_that_stops_is_degraded_and_never_worse() {
    let gate = Gate::open().await;
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let larder = on(&test)
        .set("redis.url", gate.url())
        .set("health.check_interval", "1h")
        .start()
        .await
        .unwrap();
    let monitor = larder.health_monitor();
    let available = || larder.db().redis_available().unwrap();
    until("Redis is connected to", available).await;
    let report = monitor.check_now().await;
    assert_eq!(
        report.probe("redis").unwrap().status,
        Status::Healthy,
        "{report}"
    );
    assert!(larder.statistics().cache.l2_available);

    gate.set_open(false);
    until("Redis is given up", || !available()).await;
    for _ in 0..4 {
        let report = monitor.check_now().await;
        let probe = report.probe("redis").unwrap();
        assert_eq!(probe.status, Status::Degraded, "{report}");
        assert_eq!(report.status, Status::Degraded, "{report}");
        assert!(
            report.reasons()[0].contains("Redis is not asked"),
            "{report}"
        );
    }
    assert!(!larder.statistics().cache.l2_available);
    // Reads and writes go on.
    let count = larder.db().sql("SELECT count(*) FROM users").cached();
    assert_eq!(count.fetch_scalar::<i64>().await.unwrap(), 0);

    gate.set_open(true);
    until("Redis is connected to again", available).await;
    let report = monitor.check_now().await;
    assert_eq!(
        report.probe("redis").unwrap().status,
        Status::Healthy,
        "{report}"
    );
    larder.shutdown().await.unwrap();
}
