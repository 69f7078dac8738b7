//! Which series a statement is in, with which labels.

use super::*;

#[test]
fn a_statement_is_in_the_histograms_with_its_labels() {
    let page = rendered(QueryOptions::default(), |queries| {
        queries.record(&observation());
        queries.record(&observation());
    });
    let labels = r#"{db_system_name="postgresql",db_operation_name="SELECT",db_collection_name="restaurants",pool="main"}"#;
    assert!(
        page.contains(&format!(
            "db_client_operation_duration_seconds_count{labels} 2"
        )),
        "{page}"
    );
    let rows = r#"{db_operation_name="SELECT",db_collection_name="restaurants"}"#;
    assert!(
        page.contains(&format!("db_client_response_returned_rows_sum{rows} 6")),
        "{page}"
    );
    assert!(!page.contains("db_queries_total"), "legacy names are off");
    assert!(
        !page.contains("fingerprint="),
        "series by fingerprint are off"
    );
}

#[test]
fn an_error_has_its_sqlstate_or_class_and_no_rows() {
    let page = rendered(QueryOptions::default(), |queries| {
        for error in [QueryError::SqlState("23505"), QueryError::Class("timeout")] {
            queries.record(&QueryObservation {
                error: Some(error),
                collection: None,
                ..observation()
            });
        }
    });
    let counts = lines(&page, "db_client_operation_duration_seconds_count");
    assert_eq!(counts.len(), 2, "{page}");
    let has = |labels: &str| counts.iter().any(|line| line.contains(labels));
    assert!(
        has(r#"pool="main",error_type="23505",db_response_status_code="23505"} 1"#),
        "{page}"
    );
    assert!(has(r#"pool="main",error_type="timeout"} 1"#), "{page}");
    assert!(
        lines(&page, "db_client_response_returned_rows_count")
            .iter()
            .all(|line| line.ends_with(" 0")),
        "{page}"
    );
}

#[test]
fn a_statement_about_no_table_has_no_label_for_one() {
    let options = QueryOptions {
        slow_threshold: Duration::ZERO,
        ..QueryOptions::default()
    };
    let page = rendered(options, |queries| {
        queries.record(&QueryObservation {
            collection: None,
            ..observation()
        });
    });
    assert!(!page.contains("db_collection_name"), "{page}");
}

#[test]
fn the_names_of_the_predecessor_come_back_when_asked_for() {
    let options = QueryOptions {
        legacy_names: true,
        slow_threshold: Duration::from_millis(2),
        ..QueryOptions::default()
    };
    let page = rendered(options, |queries| {
        queries.record(&observation());
        queries.record(&QueryObservation {
            operation: "MERGE",
            duration: Duration::from_millis(1),
            error: Some(QueryError::Class("connection")),
            ..observation()
        });
        queries.record(&QueryObservation {
            duration: Duration::from_millis(1),
            error: Some(QueryError::CANCELLED),
            ..observation()
        });
    });
    for line in [
        r#"db_queries_total{query_type="select",status="success"} 1"#,
        r#"db_queries_total{query_type="other",status="error"} 1"#,
        r#"db_queries_total{query_type="select",status="cancelled"} 1"#,
        r#"db_query_duration_seconds_count{query_type="select"} 2"#,
        r#"db_slow_queries_total{query_type="select"} 1"#,
        r#"larder_slow_statements_total{pool="main",db_operation_name="SELECT",db_collection_name="restaurants"} 1"#,
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    let left = r#"db_queries_total{query_type="select",status="error"}"#;
    assert!(!page.contains(left), "who leaves is no error: {page}");
}

#[test]
fn without_metrics_there_are_no_series() {
    let options = QueryOptions {
        metrics: false,
        per_fingerprint: true,
        legacy_names: true,
        ..QueryOptions::default()
    };
    let page = rendered(options, |queries| queries.record(&observation()));
    assert_eq!(page, "");
}
