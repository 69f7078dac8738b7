//! Tests of the histograms.

use metrics::Label;

use super::*;

fn rendered(histograms: &Histograms) -> String {
    let mut page = String::new();
    histograms.render(&mut page);
    page
}

fn series(name: &'static str, labels: &[(&'static str, &'static str)]) -> Key {
    let labels: Vec<Label> = labels
        .iter()
        .map(|(key, value)| Label::new(*key, *value))
        .collect();
    Key::from_parts(name, labels)
}

#[test]
fn a_value_counts_from_its_bucket_on() {
    let histograms = Histograms::default();
    let key = series("db_query_duration_seconds", &[("query_type", "select")]);
    let histogram = histograms.register(&key).unwrap();
    for value in [0.001, 0.000_999, 0.002, 0.75, 5.1, -1.0, f64::NAN] {
        histogram.record(value);
    }
    histogram.record_many(2.0, 3);
    let expected = r#"
# HELP db_query_duration_seconds Duration of statements by type (the predecessor's name).
# TYPE db_query_duration_seconds histogram
db_query_duration_seconds_bucket{query_type="select",le="0.001"} 4
db_query_duration_seconds_bucket{query_type="select",le="0.005"} 5
db_query_duration_seconds_bucket{query_type="select",le="0.01"} 5
db_query_duration_seconds_bucket{query_type="select",le="0.05"} 5
db_query_duration_seconds_bucket{query_type="select",le="0.1"} 5
db_query_duration_seconds_bucket{query_type="select",le="0.5"} 5
db_query_duration_seconds_bucket{query_type="select",le="1"} 6
db_query_duration_seconds_bucket{query_type="select",le="2"} 9
db_query_duration_seconds_bucket{query_type="select",le="5"} 9
db_query_duration_seconds_bucket{query_type="select",le="+Inf"} 10
db_query_duration_seconds_sum{query_type="select"} 11.853999
db_query_duration_seconds_count{query_type="select"} 10
"#;
    assert_eq!(rendered(&histograms), expected);
}

#[test]
fn one_series_is_one_histogram() {
    let histograms = Histograms::default();
    let key = series(
        "db_client_connection_wait_time_seconds",
        &[("pool", "a\\b")],
    );
    let same = series(
        "db_client_connection_wait_time_seconds",
        &[("pool", "a\"b")],
    );
    histograms.register(&key).unwrap().record(1.0);
    histograms.register(&same).unwrap().record(1.0);
    let page = rendered(&histograms);
    let count = r#"db_client_connection_wait_time_seconds_count{pool="a_b"} 2"#;
    assert!(page.contains(count), "{page}");
    assert_eq!(page.matches("# TYPE").count(), 1);
}

#[test]
fn labels_that_the_table_does_not_have_are_left_out() {
    let histograms = Histograms::default();
    let key = series(
        "db_query_duration_seconds",
        &[("odd label", "x"), ("le", "1")],
    );
    histograms.register(&key).unwrap().record(1.0);
    let page = rendered(&histograms);
    assert!(
        page.contains("db_query_duration_seconds_bucket{le=\"1\"} 1\n"),
        "{page}"
    );
    assert!(
        page.contains("db_query_duration_seconds_count 1\n"),
        "{page}"
    );
}

#[test]
fn rows_add_up_exactly() {
    let histograms = Histograms::default();
    let key = series("db_client_response_returned_rows", &[]);
    let histogram = histograms.register(&key).unwrap();
    histogram.record(0.0);
    histogram.record(9_007_199_254_740_000.0);
    histogram.record(1.0);
    let page = rendered(&histograms);
    assert!(
        page.contains("db_client_response_returned_rows_sum 9007199254740001\n"),
        "{page}"
    );
    assert!(
        page.contains("db_client_response_returned_rows_bucket{le=\"0\"} 1\n"),
        "{page}"
    );
}

#[test]
fn other_names_are_not_ours() {
    let histograms = Histograms::default();
    assert!(histograms.register(&series("requests", &[])).is_none());
    let gauge = series("db_client_connection_max", &[("pool", "main")]);
    assert!(histograms.register(&gauge).is_none());
    assert_eq!(rendered(&histograms), "");
}
