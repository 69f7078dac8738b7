//! Writes that do not say which rows, or say it of too many: all rows of the table count.

use super::{add_on, assert_right, is_kept, keep, run, with};
use larder_database::Error;

/// Writes with the parameters `a` and `b`, on accounts 1 to 4.
const WRITES: &[&str] = &[
    "UPDATE accounts SET balance = balance + 1 WHERE :a < :b",
    "UPDATE accounts SET id = id + 4 WHERE id = :a AND :b > 0",
    "UPDATE accounts SET id = :b + 4 WHERE id = :a",
    "UPDATE accounts SET id = :b + 4, balance = 3 WHERE id = :a",
    "UPDATE accounts SET balance = 3 WHERE id = :a OR id = :b",
    "UPDATE accounts SET balance = 3 WHERE id IN (:a, :b)",
    "UPDATE accounts SET balance = 3 WHERE id BETWEEN :a AND :b",
    "UPDATE accounts SET balance = 3 WHERE NOT (id = :a) AND id = :b",
    "UPDATE accounts SET balance = 3 FROM (VALUES (:a + 0)) v (n) WHERE id = v.n AND :b > 0",
    "UPDATE accounts SET balance = 3 WHERE id = (SELECT max(id) FROM accounts WHERE id <> :a AND id <> :b)",
    "DELETE FROM accounts WHERE id > :a AND id > :b",
    "DELETE FROM accounts USING (VALUES (:a + 1)) v (n) WHERE id = v.n AND :b > 0",
    "WITH gone AS (DELETE FROM accounts WHERE id = :a) UPDATE accounts SET balance = 7 WHERE id = :b",
    "WITH more AS (UPDATE accounts SET balance = 9 WHERE id = :b RETURNING id) SELECT id, :a + 1 AS n FROM more",
    "MERGE INTO accounts a USING (VALUES (:a + 0, :b + 0)) v (x, y) ON a.id = v.y WHEN MATCHED THEN UPDATE SET balance = 5",
    "INSERT INTO accounts SELECT id + 2 * :a * :b, balance FROM accounts",
];

#[tokio::test]
async fn writes_of_rows_that_are_not_named() {
    let (_test, db) = with("").await;
    for write in WRITES {
        run(
            &db,
            "TRUNCATE accounts; INSERT INTO accounts VALUES (1, 100), (2, 100), (3, 100), (4, 100)",
        )
        .await;
        keep(&db, &[1, 2, 3, 4, 5, 6]).await;
        let statement = db.sql(*write).bind("a", 1).bind("b", 2);
        statement.execute().await.unwrap();
        assert_right(&db, 1..=9, write).await;
    }
    for write in ["TRUNCATE accounts", "DELETE FROM accounts"] {
        run(
            &db,
            "TRUNCATE accounts; INSERT INTO accounts VALUES (1, 100)",
        )
        .await;
        keep(&db, &[1]).await;
        run(&db, write).await;
        assert_right(&db, [1], write).await;
    }
}

#[tokio::test]
async fn a_whole_table_that_is_written_takes_all_its_rows_with_it() {
    let (_test, db) = with("").await;
    keep(&db, &[1, 2, 9]).await;
    run(&db, "UPDATE accounts SET balance = 5").await;
    for id in [1, 2, 9] {
        assert!(!is_kept(&db, id).await, "account {id}");
    }
    assert_right(&db, [1, 2, 9], "an update of all").await;
}

/// Adds to so many accounts by their keys, in one transaction.
async fn add_to(db: &larder_database::Database, ids: std::ops::Range<i32>) {
    db.transaction(async |conn| {
        for id in ids {
            add_on(conn, id, 1).await?;
        }
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn so_many_rows_that_the_table_counts() {
    let (_test, db) = with("").await;
    run(
        &db,
        "INSERT INTO accounts SELECT n, 100 FROM generate_series(3, 2000) n",
    )
    .await;
    keep(&db, &[1, 10, 1500]).await;
    add_to(&db, 10..110).await;
    assert!(is_kept(&db, 1).await && is_kept(&db, 1500).await);
    assert!(!is_kept(&db, 10).await);
    keep(&db, &[10, 299, 1500]).await;
    add_to(&db, 10..310).await;
    // Which rows is not told any more: the table is.
    assert!(!is_kept(&db, 1500).await);
    assert_right(&db, (1..320).step_by(7), "300 writes by keys").await;
    // Nothing of it lasts.
    keep(&db, &[1500]).await;
    add_to(&db, 10..11).await;
    assert!(is_kept(&db, 1500).await);
}
