//! Statistics, health and metrics.

use serde_json::json;

use crate::support::Api;

#[tokio::test]
async fn statistics_tell_what_happened() {
    let api = Api::start().await;
    let statistics = async || {
        let answer = api.get("/statistics").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    let before = statistics().await;
    for section in [
        "queries",
        "connections",
        "pool",
        "cache",
        "health",
        "services",
    ] {
        assert!(before[section].is_object(), "{section}: {before}");
    }
    assert_eq!(before["pool"]["size"], 2);

    let restaurant = api
        .create("/restaurants", json!({"name": "Harbor Noodle House"}))
        .await;
    let target = format!("/restaurants/{}", restaurant["id"]);
    for _ in 0..3 {
        assert_eq!(api.get(&target).await.status, 200);
    }
    let after = statistics().await;
    let grew_by = |section: &str, figure: &str| {
        let number = |statistics: &serde_json::Value| statistics[section][figure].as_u64();
        number(&after).unwrap() - number(&before).unwrap()
    };
    assert_eq!(grew_by("cache", "misses"), 1, "{after}");
    assert_eq!(grew_by("cache", "hits"), 2, "{after}");
    assert!(
        after["services"]["restaurants"]["queries"].as_u64() >= Some(2),
        "{after}"
    );
}

#[tokio::test]
async fn health_is_a_report_and_a_status() {
    let api = Api::start().await;
    let answer = api.get("/health?from=a-load-balancer").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["status"], "healthy", "{answer:?}");

    api.larder.shutdown().await.unwrap();
    for (checks, code, status) in [(1, 200, "degraded"), (2, 503, "unhealthy")] {
        for _ in 0..checks {
            api.larder.health_monitor().check_now().await;
        }
        let answer = api.get("/health").await;
        assert_eq!(answer.status, code, "{answer:?}");
        assert_eq!(answer.json()["status"], status, "{answer:?}");
    }
}

#[tokio::test]
async fn metrics_are_text_for_prometheus_where_they_are_on() {
    let api = Api::start_with(|builder| builder.set("metrics.enabled", true)).await;
    assert_eq!(api.get("/restaurants/1").await.status, 404);
    let answer = api.get("/metrics").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let content_type = answer.header("content-type").unwrap();
    assert!(
        content_type.starts_with("text/plain; version=0.0.4"),
        "{content_type}"
    );
    let series = |name: &str| {
        let lines = answer.body.lines();
        let mut values = lines.filter(|line| line.starts_with(name) && !line.starts_with('#'));
        assert!(
            values.next().is_some(),
            "{name} is missing in {}",
            answer.body
        );
    };
    for name in SERIES {
        series(name);
    }
}

/// One of each part.
const SERIES: [&str; 3] = [
    "db_client_connection_count",
    "larder_cache_",
    "larder_health_",
];

#[tokio::test]
async fn where_metrics_are_off_it_says_how_to_have_them() {
    let api = Api::start().await;
    let answer = api.get("/metrics").await;
    assert_eq!(answer.status, 404, "{answer:?}");
    assert_eq!(answer.error(), ("not_found".to_owned(), None));
    assert!(answer.message().contains("metrics.enabled"), "{answer:?}");
}
