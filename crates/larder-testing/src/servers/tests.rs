//! Servers are started, stopped, killed, paused and started again.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use larder_database::{CacheMode, Database, DatabaseOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

async fn open(url: &str) -> Database {
    let mut options = DatabaseOptions::from_url(url).unwrap();
    options.cache.mode = CacheMode::Local;
    Database::open(options).await.unwrap()
}

async fn sum(db: &Database) -> i64 {
    let question = db.sql("SELECT coalesce(sum(n), 0)::bigint FROM t");
    question.fetch_scalar().await.unwrap()
}

#[tokio::test]
async fn a_postgres_keeps_its_data_and_its_port() {
    let options = PostgresOptions::default().setting("application_name", "it's ours");
    let mut server = PostgresServer::start_with(options).await.unwrap();
    let url = server.url();
    let db = open(&url).await;
    let setting: String = db
        .sql("SELECT setting FROM pg_file_settings WHERE name = 'application_name'")
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(setting, "it's ours");
    db.sql("CREATE TABLE t (n int)").execute().await.unwrap();
    for mode in [StopMode::Fast, StopMode::Immediate] {
        db.sql("INSERT INTO t VALUES (1)").execute().await.unwrap();
        server.stop(mode).await.unwrap();
        assert!(
            TcpStream::connect(("127.0.0.1", server.port()))
                .await
                .is_err()
        );
        server.start_again().await.unwrap();
        assert_eq!(server.url(), url);
        sum(&open(&url).await).await;
    }
    server.kill().await.unwrap();
    server.start_again().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(sum(&open(&url).await).await, 2);
    let data = server.data_directory();
    assert!(data.exists());
    drop(server);
    assert!(!data.parent().unwrap().exists());
    assert!(DatabaseOptions::from_url(&url).is_ok());
}

#[tokio::test]
async fn a_paused_postgres_says_nothing_until_it_goes_on() {
    let mut server = PostgresServer::start().await.unwrap();
    let db = open(&server.url()).await;
    db.sql("CREATE TABLE t (n int)").execute().await.unwrap();
    server.pause();
    let mut asked = Box::pin(sum(&db));
    assert!(
        timeout(Duration::from_millis(100), &mut asked)
            .await
            .is_err()
    );
    server.resume();
    assert_eq!(timeout(PATIENCE, asked).await.unwrap(), 0);
    // One that stands still is stopped, too.
    server.pause();
    server.stop(StopMode::Fast).await.unwrap();
}

async fn ask_redis(port: u16, question: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let question = format!("{question}\r\nQUIT\r\n");
    stream.write_all(question.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let reading = stream.read_to_string(&mut answer);
    timeout(PATIENCE, reading).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn a_redis_starts_again_with_its_snapshot() {
    let mut redis = RedisServer::start().await.unwrap();
    let port = redis.port();
    ask_redis(port, "SET kept 1").await;
    assert!(ask_redis(port, "SAVE").await.starts_with("+OK"));
    ask_redis(port, "SET lost 1").await;
    redis.kill().await.unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    redis.start_again().await.unwrap();
    assert!(ask_redis(port, "GET kept").await.starts_with("$1\r\n1"));
    assert!(ask_redis(port, "GET lost").await.starts_with("$-1"));
    std::fs::remove_file(redis.snapshot()).unwrap();
    redis.restart().await.unwrap();
    assert!(ask_redis(port, "GET kept").await.starts_with("$-1"));
    redis.pause();
    let asked = timeout(Duration::from_millis(100), ask_redis(port, "PING"));
    assert!(asked.await.is_err());
    redis.resume();
    assert!(ask_redis(port, "PING").await.starts_with("+PONG"));
}
