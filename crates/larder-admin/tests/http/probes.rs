//! What load balancers, monitoring systems and scrapers get.

use larder_health::Finding;
use serde_json::Value;

use crate::support::{Pages, header, send};

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_the_status_and_liveness_does_not() {
    let pages = Pages::serve(&[]).await;
    // Nothing was checked yet.
    assert_eq!(pages.status("/readyz").await, 503);
    for (finding, word, code) in [
        (Finding::healthy(), "healthy", 200),
        (Finding::degraded("slow"), "degraded", 200),
        (Finding::unhealthy("gone"), "unhealthy", 503),
        (Finding::critical("gone for long"), "critical", 503),
        (Finding::healthy(), "healthy", 200),
    ] {
        pages.find(finding).await;
        let ready = send(pages.get("/readyz")).await;
        assert_eq!(ready.status(), code, "{word}");
        assert_eq!(ready.text().await.unwrap(), format!("{word}\n"));
        assert_eq!(pages.status("/livez").await, 200, "{word}");
        assert_eq!(pages.status("/healthz").await, code, "{word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_is_health_json_with_the_reason() {
    let pages = Pages::serve(&[]).await;
    pages.find(Finding::unhealthy("nobody answers")).await;
    let response = send(pages.get("/healthz")).await;
    assert_eq!(header(&response, "content-type"), "application/health+json");
    let report: Value = response.json().await.unwrap();
    assert_eq!(report["status"], "fail");
    assert!(
        report["output"].to_string().contains("nobody answers"),
        "{report}"
    );
    let checks = report["checks"].as_object().unwrap();
    assert!(
        checks.keys().all(|key| key.starts_with("database:")),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_instance_is_not_ready_whatever_was_found() {
    let pages = Pages::serve(&[]).await;
    pages.find(Finding::healthy()).await;
    // A connection that is open is answered to its end.
    let router = pages.admin.router();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { larder_admin::axum::serve(listener, router).await });
    pages.admin.stop();
    let ready = reqwest::get(format!("http://{address}/readyz"))
        .await
        .unwrap();
    assert_eq!(ready.status(), 503);
    assert_eq!(ready.text().await.unwrap(), "shutting down\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_cause_no_query() {
    let pages = Pages::serve(&[]).await;
    pages.find(Finding::healthy()).await;
    let paths = [
        "/livez",
        "/readyz",
        "/healthz",
        "/metrics",
        "/dashboard",
        "/api/context",
        "/api/overview",
        "/api/history",
        "/api/statements",
    ];
    let sent = |pages: &Pages| {
        let connections = pages.database().connection_statistics();
        (
            pages.database().query_statistics().total,
            connections.acquired,
            connections.opened,
        )
    };
    let before = sent(&pages);
    for _ in 0..20 {
        for path in paths {
            let status = pages.status(path).await;
            assert!(status == 200 || path == "/metrics", "{path}: {status}");
        }
    }
    assert_eq!(sent(&pages), before);
    // The counters would have noticed one.
    pages.database().sql("SELECT 1").execute().await.unwrap();
    assert_ne!(sent(&pages), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_that_are_off_are_not_found_and_say_why() {
    let pages = Pages::serve(&[]).await;
    let response = send(pages.get("/metrics")).await;
    assert_eq!(response.status(), 404);
    let problem: Value = response.json().await.unwrap();
    assert!(
        problem["detail"].to_string().contains("metrics.enabled"),
        "{problem}"
    );
}
