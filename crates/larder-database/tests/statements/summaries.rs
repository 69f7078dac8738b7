//! What is counted of statements.

use std::time::Duration;

use diesel_async::RunQueryDsl;
use larder_database::{OperationScope, ServiceRegistry};

use crate::support::{database, run, summary};

#[tokio::test(flavor = "multi_thread")]
async fn each_text_has_its_calls_errors_rows_and_tables() {
    let test = database(|_| {}).await;
    let db = test.database();
    run(
        db,
        &["CREATE TABLE menus (id bigint PRIMARY KEY, name text)"],
    )
    .await;
    run(
        db,
        &["INSERT INTO menus SELECT n, 'dish' FROM generate_series(1, 20) n"],
    )
    .await;
    for id in 1..=7_i64 {
        let query = diesel::sql_query("SELECT name FROM menus WHERE id <= $1");
        let query = query.bind::<diesel::sql_types::BigInt, _>(id);
        let mut session = db.session().await.unwrap();
        assert_eq!(query.execute(&mut session).await.unwrap(), id as usize);
    }
    let one = db
        .sql("INSERT INTO menus VALUES (:id, 'twice')")
        .bind("id", 1_i64);
    assert!(one.execute().await.is_err());

    let reads = summary(db, "select name from menus");
    assert_eq!(reads.text, "select name from menus where id <= ?");
    assert_eq!((reads.calls, reads.errors, reads.rows), (7, 0, 28));
    assert_eq!((reads.operation.as_str(), reads.slow), ("SELECT", 0));
    assert_eq!(reads.collections, ["menus"]);
    assert_eq!((&reads.example, &reads.plan), (&None, &None));
    assert!(reads.p50_ms > 0.0 && reads.p50_ms <= reads.p95_ms && reads.p99_ms <= reads.max_ms);
    assert!(reads.total_ms >= reads.max_ms && reads.mean_ms * 7.0 <= reads.total_ms * 1.001);
    assert!(reads.first_seen <= reads.last_seen);

    let write = summary(db, "values");
    assert_eq!(
        (write.calls, write.errors, write.operation.as_str()),
        (1, 1, "INSERT")
    );
    assert!(!write.text.contains("twice"), "{}", write.text);

    // Those of Larder itself are nobody's.
    let known = db.statements();
    assert!(
        known.iter().all(|one| !one.text.contains("pg_class")),
        "{known:#?}"
    );
    assert!(known.is_sorted_by(|one, other| one.total_ms >= other.total_ms));
    let calls: u64 = known.iter().map(|one| one.calls).sum();
    assert_eq!(calls, db.query_statistics().total);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cache_answers_is_told_beside_what_was_sent() {
    let test = database(|_| {}).await;
    let db = test.database();
    run(
        db,
        &["CREATE TABLE menus (id bigint PRIMARY KEY, name text)"],
    )
    .await;
    let read = async || {
        let count = db.sql("SELECT count(*) FROM menus").cached();
        count
            .ttl(Duration::from_secs(600))
            .fetch_scalar::<i64>()
            .await
            .unwrap()
    };
    assert_eq!(read().await, 0);
    assert_eq!(
        (
            summary(db, "count(*)").cached,
            summary(db, "count(*)").calls
        ),
        (0, 1)
    );
    for _ in 0..3 {
        read().await;
    }
    let counted = summary(db, "count(*)");
    assert_eq!((counted.calls, counted.cached), (1, 3));
    assert_eq!(counted.cached_share, 0.75);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_example_has_no_value_unless_values_may_be_shown() {
    for show_values in [false, true] {
        let test = database(|queries| {
            queries.slow_threshold = Duration::ZERO;
            queries.show_values = show_values;
        });
        let test = test.await;
        let db = test.database();
        let sql = "SELECT :name || 'literal' FROM generate_series(1, :number) n";
        let rows = db.sql(sql).bind("name", "Ada").bind("number", 3_i32);
        assert_eq!(rows.fetch_json().await.unwrap().len(), 3);
        let example = summary(db, "generate_series").example.unwrap();
        for value in ["Ada", "literal", "int4 3"] {
            assert_eq!(example.contains(value), show_values, "{value} in {example}");
        }
        assert!(example.contains("3 rows"), "{example}");
        assert!(example.contains("-- $1: text"), "{example}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_has_a_threshold_of_its_own() {
    let test = database(|queries| {
        queries.explain_per_minute = 0;
        queries.slow_thresholds = vec![("reports.daily".to_owned(), Duration::ZERO)];
    });
    let test = test.await;
    let db = test.database();
    let services = ServiceRegistry::default();
    for (operation, slow) in [("yearly", 0), ("daily", 1)] {
        let work = async {
            db.sql("SELECT 'of a report'")
                .fetch_scalar::<String>()
                .await
        };
        let work = OperationScope::measure(services.recorder("reports"), operation, work);
        work.await.unwrap();
        assert_eq!(summary(db, "select").slow, slow, "{operation}");
    }
    let work = db.sql("SELECT 'of a report'").fetch_scalar::<String>();
    OperationScope::slow_after(Duration::ZERO, work)
        .await
        .unwrap();
    let seen = summary(db, "select");
    assert_eq!((seen.calls, seen.slow), (3, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_texts_than_there_is_room_for_are_counted_as_others() {
    let test = database(|queries| queries.statements = 10).await;
    let db = test.database();
    for number in 0..40 {
        let sql = format!("SELECT 1 AS column_{number}");
        db.sql(sql).fetch_scalar::<i32>().await.unwrap();
    }
    let known = db.statements();
    assert!(known.len() <= 11, "{}", known.len());
    let others = known.last().unwrap();
    assert_eq!(others.fingerprint, "other");
    assert!(others.calls >= 30, "{others:?}");
    let calls: u64 = known.iter().map(|one| one.calls).sum();
    assert_eq!(calls, db.query_statistics().total);
}
