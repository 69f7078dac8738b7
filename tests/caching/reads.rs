//! What a cached read returns.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::Database;

use super::{LONG, accounts, balances, cached_accounts};

diesel::table! {
    /// A column of each type that has lost its type in some cache.
    samples (id) {
        id -> Integer,
        day -> Date,
        moment -> Timestamptz,
        ratio -> Double,
        words -> Array<Nullable<Text>>,
        document -> Jsonb,
        bytes -> Binary,
        nothing -> Nullable<Text>,
    }
}

#[derive(Debug, PartialEq, Queryable)]
struct Sample {
    id: i32,
    day: NaiveDate,
    moment: DateTime<Utc>,
    ratio: f64,
    words: Vec<Option<String>>,
    document: serde_json::Value,
    bytes: Vec<u8>,
    nothing: Option<String>,
}

async fn samples(db: &Database) {
    db.sql(
        "CREATE TABLE samples (id int PRIMARY KEY, day date NOT NULL, moment timestamptz NOT NULL, \
         ratio float8 NOT NULL, words text[] NOT NULL, document jsonb NOT NULL, bytes bytea NOT NULL, nothing text)",
    )
    .execute()
    .await
    .unwrap();
    db.sql(
        "INSERT INTO samples VALUES (1, '2024-02-29', '2024-02-29 23:59:59.123456+02', 0.1, \
         ARRAY['a', NULL, ''], '{\"n\": 1.5}', '\\x00ff', NULL)",
    )
    .execute()
    .await
    .unwrap();
}

#[tokio::test]
async fn a_hit_equals_a_miss_type_by_type() {
    let (_test, db) = cached_accounts().await;
    samples(&db).await;
    let read = || db.cached(samples::table).ttl(LONG).load::<Sample>();
    let miss = read().await.unwrap();
    let hits = db.cache_statistics().hits;
    let hit = read().await.unwrap();
    assert_eq!(db.cache_statistics().hits, hits + 1);
    assert!(Arc::ptr_eq(&miss, &hit), "a result is shared, not copied");
    assert_eq!(miss, hit);
    let fresh = db
        .cached(samples::table)
        .bypass()
        .load::<Sample>()
        .await
        .unwrap();
    assert_eq!(hit, fresh);
    assert_eq!(
        hit[0].words,
        [Some("a".to_owned()), None, Some(String::new())]
    );
}

#[tokio::test]
async fn what_is_not_there_is_a_result_too() {
    let (_test, db) = cached_accounts().await;
    let read = || {
        db.cached(accounts::table.find(404))
            .ttl(LONG)
            .first::<(i32, i64)>()
    };
    assert_eq!(read().await.unwrap(), None);
    let hits = db.cache_statistics().hits;
    assert_eq!(read().await.unwrap(), None);
    assert_eq!(db.cache_statistics().hits, hits + 1);
    db.sql("INSERT INTO accounts VALUES (404, 1)")
        .execute()
        .await
        .unwrap();
    assert_eq!(read().await.unwrap().as_deref(), Some(&(404, 1)));
}

#[tokio::test]
async fn other_values_and_other_types_are_other_results() {
    let (_test, db) = cached_accounts().await;
    let of = |id: i32| {
        db.cached(accounts::table.find(id).select(accounts::balance))
            .ttl(LONG)
            .load::<i64>()
    };
    db.sql("UPDATE accounts SET balance = 7 WHERE id = 2")
        .execute()
        .await
        .unwrap();
    assert_eq!(&*of(1).await.unwrap(), [100]);
    assert_eq!(&*of(2).await.unwrap(), [7]);
    // The same statement read as another type.
    let optional = db
        .cached(accounts::table.find(1).select(accounts::balance.nullable()))
        .ttl(LONG)
        .load::<Option<i64>>()
        .await
        .unwrap();
    assert_eq!(&*optional, [Some(100)]);
}

#[tokio::test]
async fn raw_sql_is_cached_by_the_same_rules() {
    let (_test, db) = cached_accounts().await;
    let total = || {
        db.sql("SELECT sum(balance)::int8 FROM accounts WHERE id >= :least")
            .bind("least", 1)
            .cached()
            .ttl(LONG)
            .fetch_scalar::<i64>()
    };
    assert_eq!(total().await.unwrap(), 200);
    let hits = db.cache_statistics().hits;
    assert_eq!(total().await.unwrap(), 200);
    assert_eq!(db.cache_statistics().hits, hits + 1);
    diesel_update(&db).await;
    assert_eq!(total().await.unwrap(), 201);
    let json = || {
        db.sql("SELECT id, balance FROM accounts ORDER BY id")
            .cached()
            .ttl(LONG)
            .fetch_json()
    };
    assert_eq!(json().await.unwrap()[0]["balance"], 101);
    assert!(Arc::ptr_eq(&json().await.unwrap(), &json().await.unwrap()));
}

async fn diesel_update(db: &Database) {
    let mut session = db.session().await.unwrap();
    diesel::update(accounts::table.find(1))
        .set(accounts::balance.eq(accounts::balance + 1))
        .execute(&mut session)
        .await
        .unwrap();
}

#[tokio::test]
async fn several_statements_are_one_result() {
    let (_test, db) = cached_accounts().await;
    db.sql("CREATE TABLE notes (text text NOT NULL)")
        .execute()
        .await
        .unwrap();
    let read = || {
        db.cached_read("bank", "summary", &7_u8)
            .ttl(LONG)
            .load(async move |conn| {
                let accounts: i64 = larder_database::sql("SELECT count(*) FROM accounts")
                    .fetch_scalar_on(conn)
                    .await?;
                let notes: i64 = larder_database::sql("SELECT count(*) FROM notes")
                    .fetch_scalar_on(conn)
                    .await?;
                Ok::<_, larder_database::Error>((accounts, notes))
            })
    };
    assert_eq!(*read().await.unwrap(), (2, 0));
    assert!(Arc::ptr_eq(&read().await.unwrap(), &read().await.unwrap()));
    // The second statement's table counts as much as the first one's.
    db.sql("INSERT INTO notes VALUES ('hello')")
        .execute()
        .await
        .unwrap();
    assert_eq!(*read().await.unwrap(), (2, 1));
    db.sql("INSERT INTO accounts VALUES (3, 1)")
        .execute()
        .await
        .unwrap();
    assert_eq!(*read().await.unwrap(), (3, 1));
}

#[tokio::test]
async fn several_statements_of_which_one_writes_are_never_kept() {
    let (_test, db) = cached_accounts().await;
    let read = || {
        db.cached_read("bank", "touch", &())
            .ttl(LONG)
            .load(async move |conn| {
                larder_database::sql(
                    "UPDATE accounts SET balance = balance + 1 WHERE id = 1 RETURNING balance",
                )
                .fetch_scalar_on::<i64>(conn)
                .await
            })
    };
    assert_eq!(*read().await.unwrap(), 101);
    assert_eq!(*read().await.unwrap(), 102);
    assert_eq!(&*balances(&db).await, [102, 100]);
}
