//! What was made and used before the exporter was installed shows afterwards what happens then.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use larder_metrics::{
    Exporter, Outcome, PoolRecorder, QueryObservation, QueryOptions, QueryRecorder, ServiceRegistry,
};

#[test]
fn recorders_may_be_older_than_the_exporter() {
    let queries = QueryRecorder::new(QueryOptions {
        slow_threshold: Duration::ZERO,
        per_fingerprint: true,
        ..QueryOptions::default()
    });
    let pool = PoolRecorder::new("main");
    let services = ServiceRegistry::new("main");
    let something_happens = || {
        queries.record(&QueryObservation {
            pool: "main",
            operation: "SELECT",
            collection: None,
            fingerprint: 10,
            text: "select ?",
            duration: Duration::from_millis(1),
            rows: 1,
            error: None,
        });
        pool.connected(Duration::from_millis(1));
        pool.acquire_timed_out();
        let users = services.recorder("users");
        users.record_call("by_id", Duration::from_millis(1), Outcome::Success);
    };
    something_happens();
    let exporter = Exporter::install();
    something_happens();
    something_happens();

    let page = exporter.render().unwrap();
    for line in [
        r#"db_client_operation_duration_seconds_count{db_system_name="postgresql",db_operation_name="SELECT",pool="main"} 2"#,
        r#"larder_slow_statements_total{pool="main",db_operation_name="SELECT"} 2"#,
        r#"larder_statement_duration_seconds_count{pool="main",fingerprint="000000000000000a"} 2"#,
        r#"db_client_connection_create_time_seconds_count{pool="main"} 2"#,
        r#"db_client_connection_timeouts_total{pool="main"} 2"#,
        r#"larder_service_operation_duration_seconds_count{database="main",service="users",operation="by_id",outcome="success"} 2"#,
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    assert_eq!(queries.statistics().total, 3);
}
