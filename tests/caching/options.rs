//! What can be said of a cached read, and what a result is kept for.

use std::time::Duration;

use diesel::prelude::*;
use larder_database::ErrorKind;

use super::{LONG, accounts, balances, cached_accounts, is_kept};
use crate::support::{accounts as accounts_table, open, open_alone};

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
    db.invalidate().tag("tenant:8").await.unwrap();
    db.invalidate().service("shop").await.unwrap();
    db.invalidate().matching("shop:*").await.unwrap();
    db.invalidate().table("restaurants").await.unwrap();
    assert!(served().await, "none of these was meant");
    db.invalidate().tag("tenant:7").await.unwrap();
    assert!(!served().await && served().await);
    db.invalidate().service("bank").await.unwrap();
    assert!(!served().await && served().await);
    db.invalidate().matching("bank:bal*").await.unwrap();
    assert!(!served().await && served().await);
    db.invalidate().table("public.accounts").await.unwrap();
    assert!(!served().await && served().await);
    db.invalidate().everything().await.unwrap();
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
    db.invalidate().tag("x").await.unwrap();
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
    let db = open_alone(&test, |options| {
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
