//! Fault 7: the database is down at the start, and comes up later.

use larder::Larder;
use larder::config::Profile;
use larder::health::Status;
use larder_pool::{ConnectErrorCause, ConnectOptions, Error, Pool, PoolOptions, PoolStart};
use larder_testing::servers::{PostgresServer, StopMode};

use super::checkout::{backend, pool_of};
use crate::support::until;

#[tokio::test]
async fn fault_07_a_start_fails_fast_or_keeps_trying() {
    let mut server = PostgresServer::start().await.unwrap();
    server.stop(StopMode::Fast).await.unwrap();

    let connect = ConnectOptions::parse(&server.url()).unwrap();
    let refused = Pool::open(connect, PoolOptions::named("fast")).await;
    match refused.unwrap_err() {
        Error::Connect(error) => assert_eq!(error.cause(), ConnectErrorCause::Refused),
        other => panic!("not an error of connecting: {other}"),
    }

    let pool = pool_of(&server.url(), |options| {
        options.start = PoolStart::KeepTrying;
        options.connect_parallelism = 2;
    })
    .await;
    until("it has tried again", || {
        pool.status().connect_failures.len() >= 3
    })
    .await;
    let status = pool.status();
    assert!(status.last_connect_error.is_some());
    let times: Vec<_> = status
        .connect_failures
        .iter()
        .map(|failure| failure.at)
        .collect();
    assert!(times.is_sorted());

    server.start_again().await.unwrap();
    until("it has connected by itself", || pool.status().idle == 1).await;
    assert!(pool.status().last_connect_error.is_none());
    assert!(
        !pool.status().connect_failures.is_empty(),
        "what happened can still be read"
    );
    backend(&mut pool.session().await.unwrap()).await.unwrap();
}

/// What cannot get better by itself ends the start in any case.
#[tokio::test]
async fn fault_07_a_database_that_is_missing_is_not_waited_for() {
    let server = PostgresServer::start().await.unwrap();
    let connect = ConnectOptions::parse(&server.url_of("missing")).unwrap();
    let mut options = PoolOptions::named("keep trying");
    options.start = PoolStart::KeepTrying;
    match Pool::open(connect, options).await.unwrap_err() {
        Error::Connect(error) => assert_eq!(error.cause(), ConnectErrorCause::UnknownDatabase),
        other => panic!("not an error of connecting: {other}"),
    }
}

/// The process is alive, and says that it is not ready; with the database it becomes so by itself.
#[tokio::test]
async fn fault_07_an_instance_starts_without_its_database_and_gets_ready_with_it() {
    let mut server = PostgresServer::start().await.unwrap();
    server.stop(StopMode::Fast).await.unwrap();
    let variables = vec![("DATABASE_URL".to_owned(), server.url())];
    let larder = Larder::builder()
        .profile(Profile::Test)
        .load_with(|loader| loader.no_file().environment(variables))
        .set("pool.start", "keep-trying")
        .set("pool.acquire_timeout", "1s")
        .set("health.check_interval", "1h")
        .start()
        .await
        .unwrap();
    let monitor = larder.health_monitor();
    assert_ne!(monitor.check_now().await.status, Status::Healthy);
    assert_eq!(larder.db().server_version(), "unknown");

    server.start_again().await.unwrap();
    until("it knows its server", || {
        larder.db().server_version() != "unknown"
    })
    .await;
    let report = monitor.check_now().await;
    let database = report.probe("database").unwrap();
    assert_eq!(database.status, Status::Healthy, "{report}");
    larder.shutdown().await.unwrap();
}
