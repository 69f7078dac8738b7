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
    pool.retried("close_day", "deadlock", Some("40P01"));
    pool.retried("close_day", "connection_lost", None);
    pool.retry_recovered("close_day");
    pool.transaction_ended(TransactionOutcome::Committed);
    pool.transaction_ended(TransactionOutcome::Committed);
    pool.transaction_ended(TransactionOutcome::RolledBack);
    pool.transaction_ended(TransactionOutcome::InDoubt);
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
        retries: 2,
        retry_refusals: 0,
        retry_recoveries: 1,
        committed: 2,
        rolled_back: 1,
        in_doubt: 1,
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
        r#"larder_retries_total{pool="main",name="close_day",reason="deadlock",db_response_status_code="40P01"} 1"#,
        r#"larder_retries_total{pool="main",name="close_day",reason="connection_lost"} 1"#,
        r#"larder_retry_recoveries_total{pool="main",name="close_day"} 1"#,
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

#[test]
fn names_of_work_beyond_the_bound_are_other() {
    let (recorder, exporter) = Exporter::detached();
    let page = metrics::with_local_recorder(&recorder, || {
        let pool = PoolRecorder {
            bounds: Box::leak(Box::new(Bounds::new())),
            ..PoolRecorder::new("main")
        };
        for number in 0..110 {
            let name: &'static str = Box::leak(format!("work_{number}").into());
            pool.retried(name, "deadlock", None);
            pool.retry_refused(name, "time");
            pool.retry_recovered(name);
        }
        exporter.render().unwrap()
    });
    for name in [
        "larder_retries_total",
        "larder_retry_refusals_total",
        "larder_retry_recoveries_total",
    ] {
        let series = page.lines().filter(|line| line.starts_with(name));
        let series: Vec<&str> = series.collect();
        assert_eq!(series.len(), 101, "{name}");
        let other = series.iter().find(|line| line.contains(r#"name="other""#));
        assert!(other.unwrap().ends_with(" 10"), "{series:?}");
    }
}
