//! How many series there may be.

use super::*;

#[test]
fn tables_beyond_the_first_hundred_are_other() {
    let page = rendered(QueryOptions::default(), |queries| {
        for _ in 0..2 {
            for n in 0..130 {
                queries.record(&QueryObservation {
                    collection: Some(&format!("t{n}")),
                    ..observation()
                });
            }
        }
    });
    let counts = lines(&page, "db_client_operation_duration_seconds_count");
    assert_eq!(counts.len(), 101);
    let other = counts
        .iter()
        .find(|line| line.contains(r#"db_collection_name="other""#));
    assert!(other.unwrap().ends_with(" 60"), "{other:?}");
}

#[test]
fn sqlstates_beyond_the_first_fifty_are_other() {
    let page = rendered(QueryOptions::default(), |queries| {
        for n in 0..70 {
            queries.record(&QueryObservation {
                error: Some(QueryError::SqlState(&format!("X{n:04}"))),
                ..observation()
            });
        }
    });
    let counts = lines(&page, "db_client_operation_duration_seconds_count");
    assert_eq!(counts.len(), 51);
    let other = counts
        .iter()
        .find(|line| line.contains(r#"db_response_status_code="other""#));
    assert!(other.unwrap().ends_with(" 20"), "{other:?}");
}

#[test]
fn combinations_are_bounded_too() {
    let page = rendered(QueryOptions::default(), |queries| {
        for table in 0..100 {
            for error in 0..40 {
                queries.record(&QueryObservation {
                    collection: Some(&format!("t{table}")),
                    error: Some(QueryError::SqlState(&format!("X{error:04}"))),
                    ..observation()
                });
            }
        }
    });
    let counts = lines(&page, "db_client_operation_duration_seconds_count");
    assert_eq!(counts.len(), 1_001);
    let other = counts
        .iter()
        .find(|line| line.contains(r#"error_type="other""#));
    assert!(other.unwrap().ends_with(" 3000"), "{other:?}");
}

#[test]
fn series_by_fingerprint_are_bounded() {
    let options = QueryOptions {
        per_fingerprint: true,
        ..QueryOptions::default()
    };
    let page = rendered(options, |queries| {
        for fingerprint in 0..120 {
            queries.record(&QueryObservation {
                fingerprint,
                ..observation()
            });
        }
    });
    let counts = lines(&page, "larder_statement_duration_seconds_count");
    assert_eq!(counts.len(), 101);
    assert!(page.contains(r#"larder_statement_duration_seconds_count{pool="main",fingerprint="000000000000000a"} 1"#), "{page}");
    assert!(
        page.contains(
            r#"larder_statement_duration_seconds_count{pool="main",fingerprint="other"} 20"#
        ),
        "{page}"
    );
}

#[test]
fn what_is_slow_is_counted_by_kind_of_statement_up_to_a_bound() {
    let options = QueryOptions {
        slow_threshold: Duration::from_millis(1),
        ..QueryOptions::default()
    };
    let page = rendered(options, |queries| {
        for fingerprint in 0..120 {
            queries.record(&QueryObservation {
                fingerprint,
                ..observation()
            });
        }
        queries.record(&QueryObservation {
            fingerprint: 7,
            ..observation()
        });
        queries.record(&QueryObservation {
            fingerprint: 500,
            duration: Duration::from_micros(10),
            ..observation()
        });
    });
    let series = lines(&page, "larder_slow_statements_by_fingerprint_total");
    assert_eq!(series.len(), 101);
    let has = |line: &str| series.contains(&line);
    assert!(has(
        r#"larder_slow_statements_by_fingerprint_total{pool="main",fingerprint="0000000000000007"} 2"#
    ));
    assert!(has(
        r#"larder_slow_statements_by_fingerprint_total{pool="main",fingerprint="other"} 20"#
    ));
}
