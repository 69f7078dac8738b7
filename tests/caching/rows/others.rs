//! Rows beside the other ways of reading: several statements, many rows, hot tables, explanations.

use std::sync::Arc;

use diesel::prelude::*;
use larder_database::{Database, Error, sql};

use super::super::accounts;
use super::{LONG, add, assert_by_row, balance, hit, is_kept, keep, open, run, with};
use crate::support;

/// The balances of account 1, twice, by two statements.
async fn twice(db: &Database, past: bool) -> Arc<(i64, i64)> {
    let read = db.cached_read("bank", "twice", &1_u8).ttl(LONG);
    let read = if past { read.bypass() } else { read };
    read.load(async |conn| {
        let query = || sql("SELECT balance FROM accounts WHERE id = :id").bind("id", 1);
        let first: i64 = query().fetch_scalar_on(conn).await?;
        let second: i64 = query().fetch_scalar_on(conn).await?;
        Ok::<_, Error>((first, second))
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn several_statements_about_one_row() {
    let (_test, db) = with("").await;
    assert_by_row(&db, "two statements", |past| twice(&db, past)).await;
}

#[tokio::test]
async fn several_statements_about_a_row_and_a_table() {
    let (_test, db) = with("CREATE TABLE notes (id int PRIMARY KEY, n int)").await;
    let read = || {
        let read = db.cached_read("bank", "both", &1_u8).ttl(LONG);
        let load = read.load(async |conn| {
            let row = sql("SELECT balance FROM accounts WHERE id = :id").bind("id", 1);
            let notes = sql("SELECT count(*) FROM notes");
            let row: i64 = row.fetch_scalar_on(conn).await?;
            let notes: i64 = notes.fetch_scalar_on(conn).await?;
            Ok::<_, Error>((row, notes))
        });
        async { *load.await.unwrap() }
    };
    assert_eq!(read().await, (100, 0));
    add(&db, 2, 1).await;
    assert_eq!(hit(&db, read()).await, (true, (100, 0)));
    let insert = db.sql("INSERT INTO notes (id, n) VALUES (:id, 1)");
    insert.bind("id", 1).execute().await.unwrap();
    assert_eq!(hit(&db, read()).await, (false, (100, 1)));
    add(&db, 1, 1).await;
    assert_eq!(hit(&db, read()).await, (false, (101, 1)));
}

#[derive(Queryable)]
struct Account {
    id: i32,
    balance: i64,
}

#[tokio::test]
async fn many_rows_at_once_are_right_after_writes_by_key() {
    let (_test, db) = with("").await;
    let many = || {
        let read = db.cached_many([1, 2, 9]).ttl(LONG).by(
            |missing| accounts::table.filter(accounts::id.eq_any(missing)),
            |account: &Account| account.id,
        );
        async {
            let found = read.await.unwrap();
            [1, 2, 9].map(|id| found.get(&id).map(|account| account.balance))
        }
    };
    assert_eq!(many().await, [Some(100), Some(100), None]);
    assert_eq!(many().await, [Some(100), Some(100), None]);
    add(&db, 2, 1).await;
    assert_eq!(many().await, [Some(100), Some(101), None]);
    let insert = db.sql("INSERT INTO accounts (id, balance) VALUES (:id, 3)");
    insert.bind("id", 9).execute().await.unwrap();
    assert_eq!(many().await, [Some(100), Some(101), Some(3)]);
    let delete = db.sql("DELETE FROM accounts WHERE id = :id");
    delete.bind("id", 1).execute().await.unwrap();
    assert_eq!(many().await, [None, Some(101), Some(3)]);
}

#[tokio::test]
async fn a_table_that_is_hot_by_writes_of_rows_is_not_for_reads_of_others() {
    let test = support::accounts().await;
    let db = open(&test, |options| options.cache.hot_writes = 10).await;
    let total = || {
        let read = db.sql("SELECT sum(balance)::int8 FROM accounts").cached();
        let read = read.ttl(LONG).fetch_scalar::<i64>();
        async { read.await.unwrap() }
    };
    total().await;
    assert!(hit(&db, total()).await.0);
    keep(&db, &[2]).await;
    let has_seen = async {
        loop {
            while db.hot_tables().is_empty() {
                add(&db, 1, 1).await;
            }
            // Nobody writes now: nothing but the heat keeps a result from being stored.
            let sets = db.cache_statistics().sets;
            let whole = (hit(&db, total()).await.0, hit(&db, total()).await.0);
            let whole_sets = db.cache_statistics().sets - sets;
            let row = is_kept(&db, 2).await;
            balance(&db, 1).await;
            let written_row = is_kept(&db, 1).await;
            if !db.hot_tables().is_empty() {
                assert_eq!((whole, whole_sets), ((false, false), 0));
                assert!(row, "another row is kept");
                assert!(written_row, "and so is the row itself, until it is written");
                return;
            }
        }
    };
    let found = tokio::time::timeout(support::PATIENCE, has_seen).await;
    assert!(found.is_ok(), "it never was hot for so long");
}

#[tokio::test]
async fn an_explanation_tells_what_counts_by_row() {
    let (_test, db) = with("").await;
    let by_key = db.cached(accounts::table.find(1));
    let why = by_key.explain::<(i32, i64)>().await.unwrap();
    assert_eq!(why.tables, ["public.accounts"]);
    assert_eq!(why.by_row, ["public.accounts"]);
    assert!(why.to_string().contains("by row      public.accounts"));
    let by_balance = db.cached(accounts::table.filter(accounts::balance.eq(1)));
    let why = by_balance.explain::<(i32, i64)>().await.unwrap();
    assert_eq!(why.tables, ["public.accounts"]);
    assert!(why.by_row.is_empty() && !why.to_string().contains("by row"));
    run(
        &db,
        "CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id)",
    )
    .await;
    let why = db.explain_cache(diesel::sql_query("SELECT * FROM parts WHERE id = 1"));
    assert!(why.await.unwrap().by_row.is_empty());
}

#[tokio::test]
async fn what_is_invalidated_by_hand_takes_rows_with_it() {
    let (_test, db) = with("").await;
    keep(&db, &[1, 2]).await;
    db.invalidate().table("accounts").await.unwrap();
    assert!(!is_kept(&db, 1).await && !is_kept(&db, 2).await);
    keep(&db, &[1]).await;
    db.invalidate().everything().await.unwrap();
    assert!(!is_kept(&db, 1).await);
}
