//! The embedded database: starting, keeping its data, sharing its directory with nobody.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use larder_embedded::{EmbeddedDatabase, EmbeddedOptions, ErrorKind};
use tokio_postgres::NoTls;

const STOP: Duration = Duration::from_secs(20);

fn in_directory(directory: &std::path::Path) -> EmbeddedOptions {
    let mut options = EmbeddedOptions::default();
    options.directory = Some(directory.to_owned());
    options
}

async fn run(database: &EmbeddedDatabase, sql: &str) -> Option<String> {
    let (client, connection) = tokio_postgres::connect(database.url(), NoTls)
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    let messages = client.simple_query(sql).await.unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
    messages.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    })
}

#[tokio::test]
async fn a_temporary_database_has_what_the_services_need() {
    let database = EmbeddedDatabase::start(EmbeddedOptions::default())
        .await
        .unwrap();
    assert_eq!(database.directory(), None);
    let version = run(&database, "SHOW server_version").await.unwrap();
    assert!(version.starts_with("17."), "{version}");
    run(&database, "CREATE EXTENSION IF NOT EXISTS pg_trgm").await;
    let similarity = run(&database, "SELECT similarity('pastrami', 'pastramy') > 0.5").await;
    assert_eq!(similarity.as_deref(), Some("t"));
    database.stop(STOP).await.unwrap();
}

#[tokio::test]
async fn data_in_a_directory_outlives_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let database = EmbeddedDatabase::start(in_directory(directory.path()))
        .await
        .unwrap();
    run(
        &database,
        "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)",
    )
    .await;
    database.stop(STOP).await.unwrap();

    let database = EmbeddedDatabase::start(in_directory(directory.path()))
        .await
        .unwrap();
    assert_eq!(
        run(&database, "SELECT n FROM kept").await.as_deref(),
        Some("7")
    );
    database.stop(STOP).await.unwrap();
}

#[tokio::test]
async fn a_directory_in_use_is_refused_with_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let database = EmbeddedDatabase::start(in_directory(directory.path()))
        .await
        .unwrap();
    let error = EmbeddedDatabase::start(in_directory(directory.path()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse);
    let text = error.to_string();
    assert!(text.contains(directory.path().to_str().unwrap()), "{text}");
    assert!(text.contains("another process is using it"), "{text}");
    database.stop(STOP).await.unwrap();
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_refused_with_the_reason() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = EmbeddedDatabase::start(in_directory(&file.path().join("data")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Directory);
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn a_start_that_takes_too_long_is_given_up() {
    let mut options = EmbeddedOptions::default();
    options.start_timeout = Duration::from_nanos(1);
    let error = EmbeddedDatabase::start(options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}
