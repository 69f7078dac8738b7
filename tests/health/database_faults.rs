//! The server does not answer, lets nobody in, or has no connection left.

use larder_testing::proxy::Proxy;
use larder_testing::servers::{PostgresOptions, PostgresServer, StopMode};
use tokio_postgres::{Client, NoTls};

use super::named::{Faulty, instance};

/// What follows, and is not the cause.
fn follows(report: &larder::health::HealthReport, name: &str) {
    let probe = report.probe(name).unwrap();
    assert_eq!(probe.follows.as_deref(), Some("database"), "{report}");
    assert!(
        report.causes[0].explains.contains(&name.to_owned()),
        "{report}"
    );
}

#[tokio::test]
async fn postgresql_that_is_stopped_is_the_cause() {
    let mut server = PostgresServer::start().await.unwrap();
    let mut faulty = Faulty::start(instance(&server.url()), "database").await;
    server.stop(StopMode::Fast).await.unwrap();
    // The lease lapses too.
    let report = faulty.is_named(&["refused"]).await;
    assert!(
        report.causes[0]
            .cure
            .as_deref()
            .unwrap()
            .contains("start PostgreSQL")
    );
    server.start_again().await.unwrap();
    faulty.until_over().await;
}

#[tokio::test]
async fn postgresql_that_is_paused_is_the_cause() {
    let mut server = PostgresServer::start().await.unwrap();
    let mut faulty = Faulty::start(instance(&server.url()), "database").await;
    server.pause();
    let report = faulty.is_named(&["silent"]).await;
    assert!(
        report.causes[0].reason.contains("did not answer"),
        "{report}"
    );
    // Each check took longer than the lease lasts.
    follows(&report, "follower");
    server.resume();
    faulty.until_over().await;
}

#[tokio::test]
async fn a_network_that_swallows_everything_is_the_cause() {
    let server = PostgresServer::start().await.unwrap();
    let proxy = Proxy::start(&server.url()).unwrap();
    let mut faulty = Faulty::start(instance(&proxy.url()), "database").await;
    proxy.hold();
    let report = faulty.is_named(&["silent"]).await;
    follows(&report, "follower");
    proxy.resume();
    faulty.until_over().await;
}

async fn superuser(server: &PostgresServer) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn a_password_that_was_changed_is_the_cause() {
    let server = PostgresServer::start().await.unwrap();
    let admin = superuser(&server).await;
    let role = "CREATE ROLE app LOGIN SUPERUSER PASSWORD 'the first one'";
    admin.batch_execute(role).await.unwrap();
    let url = format!(
        "postgres://app:the%20first%20one@127.0.0.1:{}/postgres",
        server.port()
    );
    let mut faulty = Faulty::start(instance(&url), "database").await;
    // First the one, then the other: who comes back in between would be let in.
    for change in [
        "ALTER ROLE app PASSWORD 'the second one'",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'",
    ] {
        admin.batch_execute(change).await.unwrap();
    }
    let report = faulty.is_named(&["authentication"]).await;
    assert!(
        report.causes[0]
            .cure
            .as_deref()
            .unwrap()
            .contains("password")
    );
    assert!(!report.to_string().contains("the first one"));
    let back = "ALTER ROLE app PASSWORD 'the first one'";
    admin.batch_execute(back).await.unwrap();
    faulty.until_over().await;
}

#[tokio::test]
async fn a_server_without_a_connection_left_is_the_cause() {
    let options = PostgresOptions::default().setting("max_connections", "20");
    let server = PostgresServer::start_with(options).await.unwrap();
    let builder = instance(&server.url())
        .set("pool.size", 4)
        .set("pool.overflow", 0)
        .set("health.max_server_connections", 0.9)
        .set("health.max_failed_connections", 0);
    let mut faulty = Faulty::start(builder, "server").await;
    let mut others = Vec::new();
    while let Ok((client, connection)) = tokio_postgres::connect(&server.url(), NoTls).await {
        tokio::spawn(connection);
        others.push(client);
    }
    // Nor does the pool get any more: that follows.
    let mut sessions = Vec::new();
    while let Ok(session) = faulty.larder.db().session().await {
        sessions.push(session);
        assert!(sessions.len() < 4, "the server was full");
    }
    let report = faulty.is_named(&["too_many_connections"]).await;
    assert!(
        report.causes[0]
            .reason
            .contains("connections of the server"),
        "{report}"
    );
    let connections = report.probe("connections").unwrap();
    assert_eq!(connections.follows.as_deref(), Some("server"), "{report}");
    drop((others, sessions));
    faulty.until_over().await;
}
