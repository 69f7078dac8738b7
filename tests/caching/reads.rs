//! What a cached read returns, and what can be said about it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::{Database, ErrorKind};

use super::{LONG, accounts, balances, cached_accounts, is_kept};
use crate::support::{accounts as accounts_table, open};

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

#[tokio::test]
async fn bypass_and_refresh_go_to_the_database() {
    let (test, db) = cached_accounts().await;
    let other = super::other_process(&test).await;
    assert_eq!(&*balances(&db).await, [100, 100]);
    // One process cannot see what another one writes: that is what `local` means.
    other
        .sql("UPDATE accounts SET balance = 5 WHERE id = 1")
        .execute()
        .await
        .unwrap();
    assert_eq!(&*balances(&db).await, [100, 100]);
    let query = || {
        db.cached(
            accounts::table
                .select(accounts::balance)
                .order(accounts::id),
        )
        .ttl(LONG)
    };
    assert_eq!(&*query().bypass().load::<i64>().await.unwrap(), [5, 100]);
    assert_eq!(&*balances(&db).await, [100, 100]);
    assert_eq!(&*query().refresh().load::<i64>().await.unwrap(), [5, 100]);
    assert_eq!(&*balances(&db).await, [5, 100]);
}

#[tokio::test]
async fn a_result_goes_by_tag_table_service_pattern_and_with_everything() {
    let (_test, db) = cached_accounts().await;
    let read = || {
        db.cached(accounts::table.select(accounts::balance))
            .ttl(LONG)
            .tag("tenant:7")
            .service("bank", "balances")
            .load::<i64>()
    };
    let served = async || {
        let before = db.cache_statistics().hits;
        read().await.unwrap();
        db.cache_statistics().hits > before
    };
    assert!(!served().await);
    assert!(served().await);
    db.invalidate().tag("tenant:8");
    db.invalidate().service("shop");
    db.invalidate().matching("shop:*");
    db.invalidate().table("restaurants").await.unwrap();
    assert!(served().await, "none of these was meant");
    db.invalidate().tag("tenant:7");
    assert!(!served().await && served().await);
    db.invalidate().service("bank");
    assert!(!served().await && served().await);
    db.invalidate().matching("bank:bal*");
    assert!(!served().await && served().await);
    db.invalidate().table("public.accounts").await.unwrap();
    assert!(!served().await && served().await);
    db.invalidate().everything();
    assert!(!served().await && served().await);
    let error = db.invalidate().table("acounts").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownTable);
    assert!(error.to_string().contains("acounts"), "{error}");
}

#[tokio::test]
async fn what_changes_by_itself_is_kept_only_when_allowed() {
    let (_test, db) = cached_accounts().await;
    let now = || {
        db.sql("SELECT clock_timestamp()::text FROM accounts LIMIT 1")
            .cached()
            .ttl(LONG)
    };
    let first: String = now().fetch_scalar().await.unwrap();
    assert_ne!(first, now().fetch_scalar::<String>().await.unwrap());
    let first: String = now().allow_volatile().fetch_scalar().await.unwrap();
    assert_eq!(
        first,
        now()
            .allow_volatile()
            .fetch_scalar::<String>()
            .await
            .unwrap()
    );
    let why = db
        .explain_cache(diesel::sql_query("SELECT now() FROM accounts"))
        .await
        .unwrap();
    let raw = db.sql("SELECT now()::text FROM accounts").cached();
    assert_eq!(raw.explain().await.unwrap().not_cached, why.not_cached);
    let reason = why.not_cached.unwrap();
    assert!(
        reason.contains("now") && reason.contains("allow_volatile"),
        "{reason}"
    );
}

#[tokio::test]
async fn explaining_tells_tables_key_and_entry() {
    let (_test, db) = cached_accounts().await;
    let query = || {
        accounts::table
            .select(accounts::balance)
            .order(accounts::id)
    };
    let explain = || db.cached(query()).ttl(LONG).explain::<i64>();
    let before = explain().await.unwrap();
    assert_eq!(before.tables, ["public.accounts"]);
    assert_eq!(before.not_cached, None);
    assert!(before.entry.is_none());
    balances(&db).await;
    let after = explain().await.unwrap();
    assert_eq!(before.key, after.key);
    assert!(after.entry.is_some(), "{after}");
    let unsafe_one = db
        .explain_cache(diesel::sql_query("SELECT relname FROM pg_class"))
        .await
        .unwrap();
    assert!(unsafe_one.not_cached.is_some(), "{unsafe_one}");
}

#[tokio::test]
async fn without_a_cache_everything_is_read() {
    let test = accounts_table().await;
    let db = open(&test, |options| options.cache.enabled = false).await;
    assert!(!is_kept(&db).await && !is_kept(&db).await);
    assert_eq!(&*balances(&db).await, [100, 100]);
    let why = db
        .explain_cache(accounts::table.select(accounts::balance))
        .await
        .unwrap();
    assert!(why.not_cached.unwrap().contains("cache.enabled"));
    // A TTL of nothing is the same for one read.
    let db = open(&test, |_| {}).await;
    let read = || {
        db.cached(accounts::table.select(accounts::balance))
            .ttl(Duration::ZERO)
    };
    read().load::<i64>().await.unwrap();
    read().load::<i64>().await.unwrap();
    assert_eq!(db.cache_statistics().sets, 0);
}

#[tokio::test]
async fn what_a_session_changed_does_not_reach_the_next_reader() {
    let test = accounts_table().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let zone = || {
        db.sql(
            "SELECT to_char('2024-01-01 00:00+00'::timestamptz, 'HH24') FROM accounts WHERE id = 1",
        )
        .cached()
        .ttl(LONG)
    };
    {
        use diesel_async::SimpleAsyncConnection;
        let mut session = db.session().await.unwrap();
        session
            .batch_execute("SET TIME ZONE 'Asia/Tokyo'; CREATE TEMP TABLE accounts (id int, balance bigint); SET search_path = pg_temp")
            .await
            .unwrap();
    }
    assert_eq!(zone().fetch_scalar::<String>().await.unwrap(), "00");
    assert_eq!(&*balances(&db).await, [100, 100]);
}

#[tokio::test]
async fn what_was_said_of_a_read_is_part_of_its_key() {
    let (_test, db) = cached_accounts().await;
    let query = || db.cached(accounts::table.select(accounts::balance));
    query()
        .ttl(LONG)
        .stale_for(LONG)
        .load::<i64>()
        .await
        .unwrap();
    let hits = db.cache_statistics().hits;
    // Who allows less is not served what was kept for who allows more.
    query().ttl(LONG).load::<i64>().await.unwrap();
    query()
        .ttl(LONG)
        .stale_for(LONG)
        .tag("x")
        .load::<i64>()
        .await
        .unwrap();
    assert_eq!(db.cache_statistics().hits, hits);
    db.invalidate().tag("x");
    query()
        .ttl(LONG)
        .stale_for(LONG)
        .load::<i64>()
        .await
        .unwrap();
    assert_eq!(db.cache_statistics().hits, hits + 1);
}

#[tokio::test]
async fn when_the_database_fails_what_is_over_is_served_to_those_who_allow_it() {
    let test = accounts_table().await;
    let admin = accounts_table().await;
    let db = open(&test, |options| {
        options.pool.acquire_timeout = Duration::from_secs(1);
    })
    .await;
    let query = || {
        let query = accounts::table
            .select(accounts::balance)
            .order(accounts::id);
        db.cached(query).ttl(Duration::from_millis(1))
    };
    query().stale_if_error(LONG).load::<i64>().await.unwrap();
    query().load::<i64>().await.unwrap();
    let long = || {
        db.sql("SELECT count(*) FROM accounts")
            .cached()
            .ttl(LONG)
            .fetch_scalar::<i64>()
    };
    assert_eq!(long().await.unwrap(), 2);
    let name: String = db
        .sql("SELECT current_database()::text")
        .fetch_scalar()
        .await
        .unwrap();
    admin
        .database()
        .sql(format!(
            "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"
        ))
        .execute()
        .await
        .unwrap();
    admin
        .database()
        .sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name")
        .bind("name", name.as_str())
        .execute()
        .await
        .unwrap();
    let kept = query().stale_if_error(LONG).load::<i64>().await.unwrap();
    assert_eq!(&*kept, [100, 100]);
    assert!(query().load::<i64>().await.is_err());
    assert_eq!(
        long().await.unwrap(),
        2,
        "its time is not up: nobody needs the database for it"
    );
    admin
        .database()
        .sql(format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"))
        .execute()
        .await
        .unwrap();
    assert_eq!(&*query().load::<i64>().await.unwrap(), [100, 100]);
}

#[tokio::test]
async fn a_cached_read_inside_another_is_refused() {
    let (_test, db) = cached_accounts().await;
    let inner = db.clone();
    let nested = db
        .cached_read("bank", "nested", &1)
        .ttl(LONG)
        .load(async move |_| {
            inner
                .cached(accounts::table.select(accounts::balance))
                .load::<i64>()
                .await
        })
        .await;
    assert_eq!(
        nested.unwrap_err().kind(),
        ErrorKind::CachedReadInTransaction
    );
}

#[tokio::test]
async fn reads_past_the_cache_are_counted() {
    let (_test, db) = cached_accounts().await;
    let before = db.cache_statistics().bypassed;
    db.cached(accounts::table.select(accounts::balance))
        .bypass()
        .load::<i64>()
        .await
        .unwrap();
    db.sql("SELECT clock_timestamp()::text")
        .cached()
        .fetch_scalar::<String>()
        .await
        .unwrap();
    assert_eq!(db.cache_statistics().bypassed, before + 2);
    let failed = db.query_statistics().failed;
    db.sql("SELECT nothing FROM nowhere")
        .execute()
        .await
        .unwrap_err();
    assert_eq!(
        db.query_statistics().failed,
        failed + 1,
        "it failed while it was prepared"
    );
}
