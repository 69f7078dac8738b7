//! The demo under load, watched by a real Prometheus.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod agreement;
mod demo;
mod load;
mod prometheus;
mod promtool;

use std::time::Duration;

use crate::demo::Demo;
use crate::prometheus::Prometheus;

/// Long enough for a busy machine, short enough to notice that something hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// For how long it is watched under load.
const WATCHED: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn promtool_takes_what_the_demo_shows() {
    let demo = Demo::start(&[("LARDER_METRICS__LEGACY_NAMES", "true")]).await;
    demo.load(Duration::from_secs(1)).await;
    let page = demo.page().await;
    promtool::check_metrics(&page);
    // That was a page of something, and the predecessor's names are on it with their labels.
    for series in [
        "db_client_operation_duration_seconds_bucket{",
        "larder_service_operation_duration_seconds_count{",
        "db_queries_total{query_type=\"select\",status=\"success\"}",
        "db_queries_total{query_type=\"insert\",status=\"error\"}",
        "db_query_duration_seconds_bucket{query_type=\"select\",le=\"2\"}",
        "db_connection_pool_size ",
        "db_active_connections ",
        "db_cache_hits_total{cache_type=\"query\"}",
        "db_cache_misses_total{cache_type=\"query\"}",
        "db_slow_queries_total{query_type=\"select\"}",
    ] {
        let is_there = page.lines().any(|line| line.starts_with(series));
        assert!(is_there, "{series} is not in\n{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prometheus_that_watched_for_a_minute_says_what_larder_says() {
    let demo = Demo::start(&[]).await;
    let prometheus = Prometheus::watching(demo.address()).await;
    demo.load(WATCHED).await;
    agreement::of(&demo, &prometheus).await;

    // It was there all the time, and took every rule.
    let scrapes = prometheus.number("count_over_time(up[10m])").await;
    assert!(scrapes >= 30.0, "{scrapes} scrapes in a minute");
    assert_eq!(prometheus.number("min_over_time(up[10m])").await, 1.0);
    prometheus.check_rules().await;
    let rate = prometheus.number("larder:statements:rate5m{pool=\"main\"}");
    assert!(rate.await > 0.0);
    let utilisation = prometheus.number("larder:pool_utilisation:ratio{pool=\"main\"}");
    assert!((0.0..=1.0).contains(&utilisation.await));
    let critical = "ALERTS{severity=\"critical\", alertstate=\"firing\"}";
    assert_eq!(prometheus.find(critical).await, None, "{critical}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scrapes_and_pages_cause_no_query() {
    let demo = Demo::start(&[]).await;
    demo.load(Duration::from_secs(1)).await;
    let before = demo.statistics().await;
    for _ in 0..100 {
        demo.page().await;
        demo.statistics().await;
    }
    let after = demo.statistics().await;
    assert!(before["queries"]["total"].as_u64().unwrap() > 0);
    for what in ["queries", "connections", "services"] {
        assert_eq!(before[what], after[what], "{what}");
    }
}
