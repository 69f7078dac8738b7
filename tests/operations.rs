//! Running it: what the start says, what statistics look like, what the end leaves behind.

use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

use crate::watched::{Log, on, start};

#[tokio::test]
async fn one_line_at_the_start_has_the_effective_configuration_and_no_secret() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let (log, _guard) = Log::listen("larder=info");
    let larder = on(&test).set("pool.size", 7).start().await.unwrap();
    let text = log.text();
    let started: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("larder started"))
        .collect();
    assert_eq!(started.len(), 1, "{text}");
    assert!(
        started[0].contains("pool.size=7") && started[0].contains("cache.ttl="),
        "{text}"
    );
    let password = test.url().split([':', '@']).nth(2).unwrap();
    assert!(
        password.len() > 4 && !text.contains(password),
        "the password is masked"
    );
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn statistics_are_json_with_the_names_of_old() {
    let (_test, larder) = start().await;
    larder.health().await;
    let json = serde_json::to_value(larder.statistics()).unwrap();
    for path in [
        "/queries/total",
        "/queries/cached",
        "/queries/slow",
        "/queries/failed",
        "/queries/avg_ms",
        "/queries/error_rate",
        "/connections/errors",
        "/pool/size",
        "/pool/idle",
        "/pool/used",
        "/pool/overflow",
        "/pool/waiting",
        "/pool/invalidated",
        "/cache/hits",
        "/cache/misses",
        "/cache/sets",
        "/cache/evictions",
        "/cache/hit_rate",
        "/cache/entries",
        "/cache/bytes",
        "/cache/l2_available",
        "/health/status",
        "/health/since",
        "/health/consecutive_failures",
        "/health/avg_ms",
        "/health/checks",
        "/health/per_status",
        "/health/last_check",
        "/services",
        "/uptime",
    ] {
        assert!(
            json.pointer(path).is_some(),
            "{path} is missing in {json:#}"
        );
    }
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_cache_is_switched_off_and_on_while_it_runs() {
    let (_test, larder) = start().await;
    let db = larder.db();
    let count = || {
        db.sql("SELECT count(*) FROM users")
            .cached()
            .fetch_scalar::<i64>()
    };
    count().await.unwrap();
    db.cache().set_enabled(false);
    let hits = db.cache_statistics().hits;
    count().await.unwrap();
    assert_eq!(db.cache_statistics().hits, hits);
    // What was written in between is known all the same.
    db.sql(
        "INSERT INTO users (username, email, password_hash) VALUES ('ada', 'ada@example.com', 'x')",
    )
    .execute()
    .await
    .unwrap();
    db.cache().set_enabled(true);
    assert_eq!(count().await.unwrap(), 1);
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn after_the_end_reads_are_refused_and_nothing_is_left_running() {
    let (_test, larder) = start().await;
    let db = larder.db().clone();
    let count = || {
        db.sql("SELECT count(*) FROM users")
            .cached()
            .fetch_scalar::<i64>()
    };
    count().await.unwrap();
    larder.shutdown().await.unwrap();
    drop(larder);
    let fresh = db
        .sql("SELECT count(*) FROM reviews")
        .cached()
        .fetch_scalar::<i64>()
        .await;
    assert!(fresh.unwrap_err().to_string().contains("shut down"));
}
