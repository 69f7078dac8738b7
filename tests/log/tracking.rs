//! Tables that others write: what their triggers leave in the log.

use std::collections::BTreeSet;

use futures::SinkExt;
use larder_testing::TestDatabase;
use tokio_postgres::Client;

use super::{plain, with_log};

const TABLES: &str = "
    CREATE TABLE plain_table (id int PRIMARY KEY);
    CREATE TABLE child_table (id int REFERENCES plain_table ON DELETE CASCADE ON UPDATE SET NULL);
    CREATE TABLE measure (at int, n int) PARTITION BY RANGE (at);
    CREATE TABLE measure_low PARTITION OF measure FOR VALUES FROM (0) TO (10);
    CREATE TABLE measure_high PARTITION OF measure FOR VALUES FROM (10) TO (100) PARTITION BY LIST (n);
    CREATE TABLE measure_high_1 PARTITION OF measure_high FOR VALUES IN (1);
    CREATE TABLE base (id int); CREATE TABLE other_base (id int);
    CREATE TABLE derived () INHERITS (base, other_base);";

async fn tracked() -> (TestDatabase, Client) {
    let test = with_log().await;
    let client = plain(&test).await;
    client.batch_execute(TABLES).await.unwrap();
    for table in [
        "plain_table",
        "child_table",
        "measure",
        "measure_low",
        "measure_high",
        "measure_high_1",
        "base",
        "derived",
    ] {
        client
            .batch_execute(&format!(
                "CREATE TRIGGER larder_track AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} \
                 FOR EACH STATEMENT EXECUTE FUNCTION larder.track(); \
                 ALTER TABLE {table} ENABLE ALWAYS TRIGGER larder_track"
            ))
            .await
            .unwrap();
    }
    (test, client)
}

/// The names of what a statement touched by the log, each row of which is of this transaction.
async fn touched(client: &mut Client, statement: &str) -> BTreeSet<String> {
    let transaction = client.transaction().await.unwrap();
    transaction.batch_execute(statement).await.unwrap();
    let rows = transaction
        .query(
            "SELECT DISTINCT format::int4, unnest(touched)::oid::regclass::text FROM larder.invalidation \
             WHERE xid = pg_current_xact_id()",
            &[],
        )
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    rows.iter()
        .map(|row| {
            assert_eq!(row.get::<_, i32>(0), 1);
            row.get(1)
        })
        .collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn every_kind_of_statement_leaves_a_row() {
    let (_test, mut client) = tracked().await;
    for statement in [
        "INSERT INTO plain_table SELECT generate_series(1, 5)",
        "INSERT INTO plain_table VALUES (1) ON CONFLICT DO NOTHING",
        "INSERT INTO plain_table VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 9",
        "UPDATE plain_table SET id = id + 100",
        "WITH gone AS (DELETE FROM plain_table WHERE id = 101 RETURNING id) SELECT * FROM gone",
        "DO $$ BEGIN DELETE FROM plain_table WHERE id = 102; END $$",
    ] {
        let touched = touched(&mut client, statement).await;
        assert!(touched.contains("plain_table"), "{statement}: {touched:?}");
    }
    let truncated = touched(&mut client, "TRUNCATE plain_table CASCADE").await;
    assert_eq!(truncated, names(&["plain_table", "child_table"]));
}

#[tokio::test]
async fn copy_leaves_a_row() {
    let (_test, client) = tracked().await;
    let sink = client
        .copy_in::<_, std::io::Cursor<Vec<u8>>>("COPY plain_table FROM STDIN")
        .await
        .unwrap();
    let mut sink = std::pin::pin!(sink);
    let rows = std::io::Cursor::new(b"1\n2\n".to_vec());
    sink.send(rows).await.unwrap();
    assert_eq!(sink.finish().await.unwrap(), 2);
    let row = client
        .query_one(
            "SELECT touched = array['plain_table'::regclass::oid::int8] FROM larder.invalidation",
            &[],
        )
        .await
        .unwrap();
    assert!(row.get::<_, bool>(0));
}

#[tokio::test]
async fn what_a_foreign_key_carries_on_leaves_a_row_too() {
    let (_test, mut client) = tracked().await;
    client
        .batch_execute(
            "INSERT INTO plain_table VALUES (1), (2); INSERT INTO child_table VALUES (1), (2)",
        )
        .await
        .unwrap();
    let both = names(&["plain_table", "child_table"]);
    assert_eq!(
        touched(&mut client, "DELETE FROM plain_table WHERE id = 1").await,
        both
    );
    assert_eq!(
        touched(&mut client, "UPDATE plain_table SET id = 3 WHERE id = 2").await,
        both
    );
}

#[tokio::test]
async fn all_tables_that_show_the_rows_are_named() {
    let (_test, mut client) = tracked().await;
    let all = names(&["measure", "measure_low", "measure_high", "measure_high_1"]);
    for (statement, expected) in [
        ("INSERT INTO measure VALUES (1, 1), (11, 1)", &all),
        ("UPDATE measure SET at = 12 WHERE at = 1", &all),
        (
            "INSERT INTO measure_low VALUES (2, 2)",
            &names(&["measure", "measure_low"]),
        ),
        (
            "DELETE FROM measure_high_1",
            &names(&["measure", "measure_high", "measure_high_1"]),
        ),
        (
            "INSERT INTO derived VALUES (1)",
            &names(&["base", "other_base", "derived"]),
        ),
        // Its rows show through the other parent of what is below.
        (
            "UPDATE base SET id = 2",
            &names(&["base", "other_base", "derived"]),
        ),
    ] {
        assert_eq!(
            &touched(&mut client, statement).await,
            expected,
            "{statement}"
        );
    }
    assert_eq!(touched(&mut client, "TRUNCATE measure").await, all);
}

#[tokio::test]
async fn a_session_in_the_role_of_a_replica_is_seen() {
    let (_test, mut client) = tracked().await;
    client
        .batch_execute("SET session_replication_role = replica")
        .await
        .unwrap();
    let touched = touched(&mut client, "INSERT INTO plain_table VALUES (1)").await;
    assert_eq!(touched, names(&["plain_table"]));
}

#[tokio::test]
async fn what_is_rolled_back_leaves_nothing() {
    let (test, client) = tracked().await;
    client
        .batch_execute("BEGIN; INSERT INTO plain_table VALUES (1); ROLLBACK")
        .await
        .unwrap();
    assert_eq!(test.database().log_status().await.unwrap().rows, Some(0));
    client
        .batch_execute("BEGIN; INSERT INTO plain_table VALUES (1); COMMIT")
        .await
        .unwrap();
    assert_eq!(test.database().log_status().await.unwrap().rows, Some(1));
}

#[tokio::test]
async fn a_writer_needs_no_right_on_the_log() {
    let (test, client) = tracked().await;
    let role = super::Role::create(&test).await;
    client
        .batch_execute(&format!("GRANT INSERT ON plain_table TO {}", role.name))
        .await
        .unwrap();
    let writer = super::connect(&role.url).await;
    writer
        .batch_execute("INSERT INTO plain_table VALUES (1)")
        .await
        .unwrap();
    assert_eq!(test.database().log_status().await.unwrap().rows, Some(1));
    role.remove().await;
}
