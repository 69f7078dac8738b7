//! Prepared statements that the server no longer knows, or that would return something else.

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_database::Database;
use larder_pool::Connection;

use crate::support::accounts;
use crate::support::{accounts as accounts_database, backend, balance, open, open_alone};

/// A statement that is prepared once and kept. What it returns is not looked at.
async fn read(connection: &mut Connection) -> QueryResult<usize> {
    accounts::table
        .filter(accounts::id.eq(1))
        .execute(connection)
        .await
}

/// Another one, which writes and returns what it wrote.
async fn add_one(connection: &mut Connection) -> QueryResult<usize> {
    diesel::update(accounts::table.filter(accounts::id.eq(2)))
        .set(accounts::balance.eq(accounts::balance + 1))
        .returning(accounts::balance)
        .execute(connection)
        .await
}

/// Lets both return another type than before.
async fn change_type(db: &Database, type_name: &str) {
    let change = format!("ALTER TABLE accounts ALTER balance TYPE {type_name}");
    db.sql(change).execute().await.unwrap();
}

fn state(connection: &Connection) -> String {
    let error = connection.last_server_error().unwrap();
    error.state().to_string()
}

#[tokio::test]
async fn a_table_that_changes_is_read_again_and_old_connections_go() {
    let test = accounts_database().await;
    let db = open_alone(&test, |options| options.pool.size = 2).await;
    let mut first = db.session().await.unwrap();
    let mut second = db.session().await.unwrap();
    for session in [&mut first, &mut second] {
        assert_eq!(read(session).await.unwrap(), 1);
    }
    let pids = [backend(&mut first).await, backend(&mut second).await];
    change_type(test.database(), "int").await;
    // The plan that was kept cannot be used, and nobody hears of that.
    assert_eq!(read(&mut first).await.unwrap(), 1);
    assert_eq!(backend(&mut first).await, pids[0]);
    // The statement is kept again.
    assert_eq!(read(&mut first).await.unwrap(), 1);
    drop(first);
    drop(second);
    // Both connections had such plans. In a transaction they would fail.
    let one = db.session().await.unwrap();
    let mut other = db.session().await.unwrap();
    assert!(!pids.contains(&backend(&mut other).await));
    let rows = other.transaction(async |conn| read(conn).await).await;
    assert_eq!(rows.unwrap(), 1);
    drop(one);
}

#[tokio::test]
async fn inside_a_transaction_the_error_comes_out_and_the_connection_goes() {
    let test = accounts_database().await;
    let db = open_alone(&test, |options| options.pool.size = 1).await;
    let mut session = db.session().await.unwrap();
    let pid = backend(&mut session).await;
    assert_eq!(read(&mut session).await.unwrap(), 1);
    change_type(test.database(), "int").await;
    let failed = session
        .transaction(async |conn| {
            diesel::sql_query("UPDATE accounts SET balance = 7 WHERE id = 2")
                .execute(conn)
                .await?;
            read(conn).await
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(state(&session), "0A000");
    drop(session);
    let untouched: i32 = test
        .database()
        .sql("SELECT balance FROM accounts WHERE id = 2")
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(untouched, 100);
    let mut session = db.session().await.unwrap();
    assert_ne!(backend(&mut session).await, pid);
    let rows = session.transaction(async |conn| read(conn).await).await;
    assert_eq!(rows.unwrap(), 1);
}

#[tokio::test]
async fn a_write_whose_plan_is_outdated_is_done_once() {
    let test = accounts_database().await;
    // With a log row around it, and without.
    for db in [open(&test, |_| {}).await, open_alone(&test, |_| {}).await] {
        let mut session = db.session().await.unwrap();
        let before = balance(test.database(), 2).await;
        for round in 1..=4 {
            assert_eq!(add_one(&mut session).await.unwrap(), 1);
            let type_name = if round % 2 == 1 { "numeric" } else { "bigint" };
            change_type(test.database(), type_name).await;
        }
        assert_eq!(balance(test.database(), 2).await, before + 4);
    }
}

#[tokio::test]
async fn statements_that_the_server_forgot_are_prepared_again() {
    let test = accounts_database().await;
    let function = "CREATE FUNCTION forget() RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN 1; END $$";
    test.database().sql(function).execute().await.unwrap();
    let db = open(&test, |options| options.pool.size = 1).await;
    for forget in [
        "SELECT forget()",
        "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$",
    ] {
        let mut session = db.session().await.unwrap();
        assert_eq!(read(&mut session).await.unwrap(), 1);
        let before = balance(test.database(), 2).await;
        assert_eq!(add_one(&mut session).await.unwrap(), 1);
        session.batch_execute(forget).await.unwrap();
        assert_eq!(read(&mut session).await.unwrap(), 1);
        session.batch_execute(forget).await.unwrap();
        assert_eq!(add_one(&mut session).await.unwrap(), 1);
        assert_eq!(balance(test.database(), 2).await, before + 2);
        // In a transaction nothing but the whole of it could be done again.
        assert_eq!(read(&mut session).await.unwrap(), 1);
        session.batch_execute(forget).await.unwrap();
        let failed = session.transaction(async |conn| read(conn).await).await;
        assert!(failed.is_err());
        assert_eq!(state(&session), "26000");
        drop(session);
        // The next user gets a connection on which all is well.
        let mut session = db.session().await.unwrap();
        let rows = session.transaction(async |conn| read(conn).await).await;
        assert_eq!(rows.unwrap(), 1);
    }
}
