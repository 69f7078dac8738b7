//! Which commits the others notice: each that wrote to what they have read, and no other.

use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_database::{Database, sql};
use tokio::time::Instant;

use super::{
    TOTAL, applied, assert_noticed, caught_up, is_kept, keep, process, total, truth, until,
};
use crate::support::{accounts as database_with_accounts, accounts::dsl, withdraw};

/// The ways to write that are tried, in this order.
const WAYS: &[&str] = &[
    "transaction",
    "insert",
    "update",
    "delete",
    "raw",
    "raw, returning",
    "bound",
    "batch",
    "call",
    "call of what commits",
    "block",
    "function",
    "copy",
    "truncate",
];

/// What stands in SQL.
fn text(way: &str) -> &'static str {
    match way {
        "raw" => "UPDATE accounts SET balance = balance + 3",
        "raw, returning" => {
            "WITH gone AS (DELETE FROM accounts WHERE id = 2 RETURNING *) SELECT * FROM gone"
        }
        "batch" => {
            "UPDATE accounts SET balance = balance + 1; SELECT 1; INSERT INTO accounts VALUES (5, 5)"
        }
        "call" => "CALL pay()",
        "call of what commits" => "CALL pay_in_parts()",
        "block" => "DO $$ BEGIN UPDATE accounts SET balance = balance + 7; END $$",
        "function" => "SELECT earn()",
        "copy" => "COPY accounts FROM PROGRAM 'echo 6,60' CSV",
        "truncate" => "TRUNCATE accounts",
        other => panic!("{other} is none of raw SQL"),
    }
}

async fn write(db: &Database, way: &str) {
    let mut session = db.session().await.unwrap();
    let table = dsl::accounts;
    match way {
        "transaction" => {
            drop(session);
            let moving = async |conn: &mut larder_pool::Connection| withdraw(conn, 1, 30).await;
            db.transaction(moving).await.unwrap();
        }
        "insert" => {
            let row = (dsl::id.eq(3), dsl::balance.eq(11));
            let insert = diesel::insert_into(table).values(row);
            insert.execute(&mut session).await.unwrap();
        }
        "update" => {
            let update = diesel::update(table.find(3)).set(dsl::balance.eq(12));
            update.execute(&mut session).await.unwrap();
        }
        "delete" => {
            let delete = diesel::delete(table.find(3));
            delete.execute(&mut session).await.unwrap();
        }
        "bound" => {
            let update = sql("UPDATE accounts SET balance = :balance WHERE id = 1");
            let update = update.bind("balance", 77_i64);
            update.execute_on(&mut session).await.unwrap();
        }
        "batch" | "truncate" => session.batch_execute(text(way)).await.unwrap(),
        "function" => {
            drop(session);
            db.sql(text(way)).fetch_json().await.unwrap();
        }
        _ => {
            drop(session);
            db.sql(text(way)).execute().await.unwrap();
        }
    }
}

#[tokio::test]
async fn every_kind_of_write_is_noticed() {
    let test = database_with_accounts().await;
    let routines = "
        CREATE PROCEDURE pay() LANGUAGE sql AS 'UPDATE accounts SET balance = balance + 5';
        CREATE PROCEDURE pay_in_parts() LANGUAGE plpgsql AS $$ BEGIN
            UPDATE accounts SET balance = balance + 1 WHERE id = 1;
            COMMIT;
            UPDATE accounts SET balance = balance + 1 WHERE id = 5;
        END $$;
        CREATE FUNCTION earn() RETURNS void LANGUAGE sql AS 'UPDATE accounts SET balance = balance + 2';";
    let mut session = test.database().session().await.unwrap();
    session.batch_execute(routines).await.unwrap();
    drop(session);
    let writer = process(&test, |_| {}).await;
    let other = process(&test, |_| {}).await;
    for way in WAYS {
        let before = keep(&other).await;
        assert_eq!(keep(&writer).await, before);
        write(&writer, way).await;
        let written = Instant::now();
        let own = total(&writer).await;
        assert_ne!(own, before, "the writer itself, at once: {way}");
        assert_eq!(own, truth(&test).await, "{way}");
        assert_noticed(&other, written, own).await;
    }
}

#[tokio::test]
async fn a_write_to_another_table_leaves_the_result() {
    let test = database_with_accounts().await;
    let writer = process(&test, |_| {}).await;
    let create = "CREATE TABLE elsewhere (n int)";
    writer.sql(create).execute().await.unwrap();
    let other = process(&test, |_| {}).await;
    keep(&writer).await;
    keep(&other).await;
    let before = applied(&other);
    let insert = "INSERT INTO elsewhere VALUES (1)";
    writer.sql(insert).execute().await.unwrap();
    until("the row is read", async || applied(&other) > before).await;
    caught_up(&other).await;
    assert!(is_kept(&other).await);
    assert!(is_kept(&writer).await);
}

#[tokio::test]
async fn what_was_rolled_back_leaves_the_result() {
    let test = database_with_accounts().await;
    let writer = process(&test, |_| {}).await;
    let create = "CREATE TABLE elsewhere (n int)";
    writer.sql(create).execute().await.unwrap();
    let other = process(&test, |_| {}).await;
    keep(&writer).await;
    keep(&other).await;
    let before = applied(&other);
    let whole = writer
        .transaction(async |conn| {
            withdraw(conn, 1, 30).await?;
            Err::<(), _>(DieselError::RollbackTransaction)
        })
        .await;
    assert!(whole.is_err());
    // Its row tells of nothing but what the savepoint did not take back.
    writer
        .transaction(async |conn| {
            sql("INSERT INTO elsewhere VALUES (1)")
                .execute_on(conn)
                .await?;
            let inner = conn
                .transaction::<(), DieselError, _>(async |conn| {
                    withdraw(conn, 2, 50).await?;
                    Err(DieselError::RollbackTransaction)
                })
                .await;
            assert!(inner.is_err());
            Ok::<_, larder_database::Error>(())
        })
        .await
        .unwrap();
    until("the row is read", async || applied(&other) > before).await;
    caught_up(&other).await;
    assert_eq!(applied(&other), before + 1, "the first has left none");
    assert!(is_kept(&other).await);
    assert!(is_kept(&writer).await);
    assert_eq!(total(&other).await, TOTAL);
    // One that was released counts.
    writer
        .transaction(async |conn| {
            conn.transaction::<_, DieselError, _>(async |conn| withdraw(conn, 2, 50).await)
                .await
        })
        .await
        .unwrap();
    assert_noticed(&other, Instant::now(), TOTAL - 50).await;
}
