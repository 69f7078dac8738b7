//! What else may stand in a read of one row, and what makes it a read of the table.

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::super::accounts;
use super::{LONG, assert_by_row, assert_by_table, with};

/// A read by a query of Diesel's.
macro_rules! loading {
    ($db:expr, $query:expr, $row:ty) => {
        |past: bool| {
            let read = $db.cached($query).ttl(LONG);
            let read = if past { read.bypass() } else { read };
            async { read.load::<$row>().await.unwrap() }
        }
    };
}

/// A read by SQL, of account 1.
macro_rules! fetching {
    ($db:expr, $text:expr) => {
        |past: bool| {
            let read = $db.sql($text).bind("id", 1_i32).cached().ttl(LONG);
            let read = if past { read.bypass() } else { read };
            async { read.fetch_scalar::<i64>().await.unwrap() }
        }
    };
}

type Account = (i32, i64);

#[tokio::test]
async fn typed_reads_of_one_row() {
    let (_test, db) = with("").await;
    let all = accounts::table;
    let id = accounts::id;
    let amount = accounts::balance;
    assert_by_row(&db, "find", loading!(db, all.find(1), Account)).await;
    assert_by_row(&db, "filter", loading!(db, all.filter(id.eq(1)), Account)).await;
    let and = || all.filter(id.eq(1).and(amount.gt(5)));
    assert_by_row(&db, "and", loading!(db, and(), Account)).await;
    let filters = || all.filter(amount.gt(5)).filter(id.eq(1));
    assert_by_row(&db, "two filters", loading!(db, filters(), Account)).await;
    let limited = || all.find(1).order(amount.desc()).limit(1);
    assert_by_row(&db, "order and limit", loading!(db, limited(), Account)).await;
    let boxed = || all.find(1).into_boxed::<diesel::pg::Pg>();
    assert_by_row(&db, "boxed", loading!(db, boxed(), Account)).await;
    let selected = || all.find(1).select(amount);
    assert_by_row(&db, "one column", loading!(db, selected(), i64)).await;
    let counted = || all.find(1).select(count_star());
    assert_by_row(&db, "count", loading!(db, counted(), i64)).await;
    let first = |past: bool| {
        let read = db.cached(all.filter(id.eq(1))).ttl(LONG);
        let read = if past { read.bypass() } else { read };
        async { read.first::<Account>().await.unwrap() }
    };
    assert_by_row(&db, "first", first).await;
}

#[tokio::test]
async fn reads_of_one_row_in_sql() {
    let (_test, db) = with("").await;
    for text in [
        "SELECT balance FROM accounts WHERE id = :id",
        "SELECT balance FROM public.accounts WHERE :id = id",
        "SELECT a.balance FROM accounts AS a WHERE (a.id = :id) AND a.balance > 3",
        "SELECT balance FROM accounts WHERE id = :id ORDER BY balance LIMIT 1",
        "SELECT count(*) FROM accounts WHERE id = :id",
        "SELECT max(balance) FROM accounts WHERE accounts.id = :id",
    ] {
        assert_by_row(&db, text, fetching!(db, text)).await;
    }
}

#[tokio::test]
async fn what_may_read_more_than_one_row_is_a_read_of_the_table() {
    let (_test, db) = with("").await;
    for text in [
        "SELECT sum(balance)::int8 FROM accounts WHERE id = :id OR balance > 3",
        "SELECT sum(balance)::int8 FROM accounts WHERE NOT id = :id OR id = 1",
        "SELECT max(balance) FROM accounts WHERE id >= :id",
        "SELECT sum(balance)::int8 FROM accounts WHERE id = ANY(ARRAY[:id, 2])",
        "SELECT a.balance + b.balance FROM accounts a, accounts b WHERE a.id = :id AND b.id = 2",
        "SELECT a.balance + b.balance FROM accounts a JOIN accounts b ON b.id = a.id + 1 WHERE a.id = :id",
        "SELECT balance + (SELECT sum(balance)::int8 FROM accounts) AS total FROM accounts WHERE id = :id",
        "SELECT balance FROM accounts WHERE id = :id UNION ALL SELECT balance FROM accounts WHERE id = 2",
        "WITH all_of AS (SELECT * FROM accounts) SELECT sum(balance)::int8 AS total FROM all_of WHERE id >= :id",
        "SELECT sum(balance)::int8 AS total FROM accounts WHERE coalesce(id = :id, true) OR id = 2",
    ] {
        assert_by_table(&db, text, fetching!(db, text)).await;
    }
    let all = accounts::table;
    let or = || all.filter(accounts::id.eq(1).or(accounts::id.eq(2)));
    assert_by_table(&db, "or", loading!(db, or(), Account)).await;
    let any = || all.filter(accounts::id.eq_any([1, 2]));
    assert_by_table(&db, "eq_any", loading!(db, any(), Account)).await;
    let total = || all.select(accounts::balance);
    assert_by_table(&db, "all", loading!(db, total(), i64)).await;
}

#[tokio::test]
async fn a_key_that_is_null_is_that_of_no_row() {
    let (_test, db) = with("").await;
    let read = || {
        let query = db.sql("SELECT count(*) FROM accounts WHERE id = :id OR id IS NULL");
        let read = query.bind("id", None::<i32>).cached().ttl(LONG);
        async { read.fetch_scalar::<i64>().await.unwrap() }
    };
    assert_eq!(read().await, 0);
    let nothing = db.sql("UPDATE accounts SET balance = 5 WHERE id = :id");
    let nothing = nothing.bind("id", None::<i32>).execute();
    assert_eq!(nothing.await.unwrap(), 0);
    assert_eq!(read().await, 0);
}
