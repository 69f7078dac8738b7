//! Statistics, health and metrics.

use crate::support::Api;

#[tokio::test]
async fn statistics_are_one_object() {
    let api = Api::start().await;
    let answer = api.get("/statistics").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["pool"]["size"], 2);
}

#[tokio::test]
async fn a_service_with_its_database_is_healthy() {
    let api = Api::start().await;
    let answer = api.get("/health").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["status"], "healthy");
}

#[tokio::test]
async fn metrics_are_text_for_prometheus() {
    let api = Api::start().await;
    let answer = api.get("/metrics").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let content_type = answer.header("content-type").unwrap();
    assert!(
        content_type.starts_with("text/plain; version=0.0.4"),
        "{content_type}"
    );
    assert!(
        answer.body.contains("# TYPE larder_pool_"),
        "{}",
        answer.body
    );
}
