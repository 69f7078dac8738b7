//! Tests of the recorder of connections.

use super::*;
use crate::Exporter;

fn exercise(pool: &PoolRecorder) {
    pool.connected(Duration::from_millis(20));
    pool.connect_failed("refused");
    pool.connect_failed("refused");
    pool.connect_failed("tls");
    pool.acquired(Duration::from_millis(1));
    pool.released(Duration::from_millis(7));
    pool.acquire_timed_out();
}

#[test]
fn statistics_are_exact() {
    let pool = PoolRecorder::without_series("main");
    exercise(&pool);
    let expected = ConnectionStatistics {
        opened: 1,
        errors: 3,
        consecutive_errors: 3,
        acquired: 1,
        waited_us: 1_000,
        timeouts: 1,
        retries: 0,
        retry_refusals: 0,
    };
    assert_eq!(pool.statistics(), expected);
    let lately = pool.connects_within(Duration::from_secs(60));
    assert_eq!((lately.calls, lately.failures), (4, 3));
    pool.connected(Duration::from_millis(20));
    assert_eq!(pool.statistics().consecutive_errors, 0);
    assert_eq!(pool.statistics().errors, 3);
}

#[test]
fn what_happened_is_in_the_series() {
    let (recorder, exporter) = Exporter::detached();
    let page = metrics::with_local_recorder(&recorder, || {
        exercise(&PoolRecorder::new("main"));
        exporter.render().unwrap()
    });
    for line in [
        r#"db_client_connection_create_time_seconds_count{pool="main"} 1"#,
        r#"db_client_connection_wait_time_seconds_sum{pool="main"} 0.001"#,
        r#"db_client_connection_use_time_seconds_sum{pool="main"} 0.007"#,
        r#"db_client_connection_timeouts_total{pool="main"} 1"#,
        r#"larder_connect_failures_total{pool="main",cause="refused"} 2"#,
        r#"larder_connect_failures_total{pool="main",cause="tls"} 1"#,
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
}

#[test]
fn without_series_nothing_is_exposed() {
    let (recorder, exporter) = Exporter::detached();
    let page = metrics::with_local_recorder(&recorder, || {
        exercise(&PoolRecorder::without_series("main"));
        exporter.render().unwrap()
    });
    assert_eq!(page, "");
}
