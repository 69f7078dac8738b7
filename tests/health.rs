//! Health: what is asked, what it takes to be well, and what is remembered.

use larder::health::Status;

use crate::watched::{on, start};
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

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
        ["database", "statements", "connections", "pool", "cache"]
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
    // The check itself takes the last one.
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
