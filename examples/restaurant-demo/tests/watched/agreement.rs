//! What Prometheus has scraped is what Larder's own statistics say.

use std::time::SystemTime;

use serde_json::Value;

use crate::demo::Demo;
use crate::prometheus::Prometheus;

/// Fails unless the two agree once nothing happens any more.
pub(crate) async fn of(demo: &Demo, prometheus: &Prometheus) {
    let statistics = when_quiet(demo, prometheus).await;
    let mut compared = 0;
    for (expression, said) in expected(&statistics) {
        let scraped = prometheus.number(&expression).await;
        assert_eq!(
            scraped, said,
            "{expression}, where Larder says: {statistics}"
        );
        compared += 1;
    }
    assert!(compared >= 12, "{compared}");
    mean_duration(prometheus, &statistics).await;
}

/// The statistics, where they are the same before and after a scrape.
async fn when_quiet(demo: &Demo, prometheus: &Prometheus) -> Value {
    const COMPARED: [&str; 3] = ["queries", "connections", "services"];
    for _ in 0..30 {
        let before = demo.statistics().await;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        prometheus.scraped_after(now.unwrap().as_secs_f64()).await;
        let after = demo.statistics().await;
        if COMPARED.iter().all(|what| before[what] == after[what]) {
            return after;
        }
    }
    panic!("the demo is never quiet");
}

/// Expressions, and what Larder says that they are.
fn expected(statistics: &Value) -> Vec<(String, f64)> {
    let number = |path: &str| {
        let found = statistics.pointer(path).and_then(Value::as_f64);
        found.unwrap_or_else(|| panic!("no {path} in {statistics}"))
    };
    let statements = "db_client_operation_duration_seconds_count";
    let mut expected = vec![
        (format!("sum({statements}{{pool=\"main\"}})"), number("/queries/total")),
        (
            format!("sum({statements}{{pool=\"main\", error_type!=\"\"}})"),
            number("/queries/failed"),
        ),
        (
            "sum(larder_cache_requests_total{database=\"main\", tier=\"l1\", outcome=~\"hit|stale\"})".to_owned(),
            number("/queries/cached"),
        ),
        (
            "larder_cache_requests_total{database=\"main\", tier=\"l1\", outcome=\"miss\"}".to_owned(),
            number("/cache/misses"),
        ),
        (
            "larder_sessions_total{pool=\"main\", outcome=\"lent\"}".to_owned(),
            number("/connections/acquired"),
        ),
        (
            "larder_transactions_total{pool=\"main\", outcome=\"committed\"}".to_owned(),
            number("/connections/committed"),
        ),
        (
            "db_client_connection_count{pool=\"main\", state=\"idle\"}".to_owned(),
            number("/pool/idle"),
        ),
        (
            "larder_cache_entries{database=\"main\", tier=\"l1\"}".to_owned(),
            number("/cache/entries"),
        ),
    ];
    // The load did what it was for: nothing is compared that is nothing.
    for path in ["/queries/total", "/queries/failed", "/queries/cached"] {
        assert!(number(path) > 0.0, "{path} in {statistics}");
    }
    for (service, did) in statistics["services"].as_object().unwrap() {
        let of = |what: &str| did[what].as_f64().unwrap();
        let calls = "larder_service_operation_duration_seconds_count";
        if of("calls") > 0.0 {
            let calls = format!("sum({calls}{{database=\"main\", service=\"{service}\"}})");
            expected.push((calls, of("calls")));
        }
        let queries =
            format!("larder_service_queries_total{{database=\"main\", service=\"{service}\"}}");
        expected.push((queries, of("queries")));
    }
    expected
}

/// The mean of the histogram is that of the statistics, which sum in nanoseconds too.
async fn mean_duration(prometheus: &Prometheus, statistics: &Value) {
    let statements = "db_client_operation_duration_seconds";
    let mean = format!(
        "1000 * sum({statements}_sum{{pool=\"main\"}}) / sum({statements}_count{{pool=\"main\"}})"
    );
    let scraped = prometheus.number(&mean).await;
    let said = statistics["queries"]["avg_ms"].as_f64().unwrap();
    assert!((scraped / said - 1.0).abs() < 1e-6, "{scraped} and {said}");
}
