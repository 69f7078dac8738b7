//! Larder as a store for the macros of the crate `cached`.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cached::macros::concurrent_cached;
use cached::{ConcurrentCacheBase, ConcurrentCacheTtl, ConcurrentCachedAsync};
use larder_cache::l2::{RedisOptions, RedisServer};
use larder_database::{CachedStore, Database, Error};
use tokio::time::{Instant, timeout};

use super::second_tier::{sharing, sharing_through, written};
use super::{LONG, cached_accounts, other_process};
use crate::support::{self, PATIENCE};

type Balances = CachedStore<i32, i64>;

fn balances(db: &Database) -> Balances {
    CachedStore::new(db, "balances")
        .depends_on_table("accounts")
        .ttl(LONG)
        .patience(PATIENCE)
}

/// What a function under the macro does: asks, runs, gives.
async fn call(store: &Balances, db: &Database, id: i32) -> i64 {
    if let Some(kept) = get(store, id).await {
        return kept;
    }
    let value = support::balance(db, id).await;
    set(store, id, value).await;
    value
}

/// How many values a process has given to Redis.
fn stored(db: &Database) -> u64 {
    db.second_tier_statistics().unwrap().stored
}

async fn get(store: &Balances, id: i32) -> Option<i64> {
    store.async_cache_get(&id).await.unwrap()
}

async fn set(store: &Balances, id: i32, value: i64) {
    assert_eq!(store.async_cache_set(id, value).await.unwrap(), None);
}

async fn has(store: &Balances, id: i32) -> bool {
    store.async_cache_contains(&id).await.unwrap()
}

async fn pay(db: &Database, id: i32) {
    let pay = db.sql("UPDATE accounts SET balance = balance + 10 WHERE id = :id");
    pay.bind("id", id).execute().await.unwrap();
}

/// Calls until the value is kept: a change of definitions is heard of twice, the second time
/// through the log.
async fn until_kept(store: &Balances, db: &Database) {
    let calling = async {
        while !has(store, 1).await {
            call(store, db, 1).await;
        }
    };
    timeout(PATIENCE, calling).await.unwrap();
}

/// Hits and misses.
fn counted(store: &Balances) -> (u64, u64) {
    (store.cache_hits().unwrap(), store.cache_misses().unwrap())
}

mod by_macro {
    use super::*;

    pub(super) static DATABASE: OnceLock<Database> = OnceLock::new();
    pub(super) static RUNS: AtomicU64 = AtomicU64::new(0);

    fn db() -> &'static Database {
        DATABASE.get().unwrap()
    }

    #[concurrent_cached(
        ty = "CachedStore<i32, i64>",
        create = { balances(db()) }
    )]
    pub(super) async fn balance(id: i32) -> Result<i64, Error> {
        RUNS.fetch_add(1, Ordering::Relaxed);
        let balance = db().sql("SELECT balance FROM accounts WHERE id = :id");
        balance.bind("id", id).fetch_scalar().await
    }

    #[derive(Debug)]
    pub(super) struct Poor(#[expect(dead_code, reason = "shown where a test fails")] pub i64);

    #[concurrent_cached(
        ty = "CachedStore<(String, i64), Vec<i64>>",
        create = { CachedStore::new(db(), "rich").depends_on_table("accounts").ttl(LONG) },
        map_error = |never: Infallible| match never {},
        key = "(String, i64)",
        convert = { (table.to_owned(), at_least) },
        force_refresh = { at_least == 0 }
    )]
    pub(super) async fn rich(table: &str, at_least: i64) -> Result<Vec<i64>, Poor> {
        RUNS.fetch_add(1, Ordering::Relaxed);
        let rich = db().sql(format!("SELECT id FROM {table} WHERE balance >= :n"));
        let rich = rich.bind("n", at_least).fetch_json().await.unwrap();
        if rich.is_empty() {
            return Err(Poor(at_least));
        }
        let ids = rich.iter().map(|row| row["id"].as_i64().unwrap());
        Ok(ids.collect())
    }
}

#[tokio::test]
async fn a_function_under_the_macro_runs_once_until_its_table_is_written() {
    let (_test, db) = cached_accounts().await;
    by_macro::DATABASE.set(db.clone()).unwrap();
    let runs = || by_macro::RUNS.load(Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(by_macro::balance(1).await.unwrap(), 100);
        assert_eq!(by_macro::balance(2).await.unwrap(), 100);
    }
    assert_eq!(runs(), 2, "once for each");
    pay(&db, 1).await;
    for _ in 0..3 {
        assert_eq!(by_macro::balance(1).await.unwrap(), 110);
    }
    assert_eq!(runs(), 3);
    db.invalidate().service("balances").await.unwrap();
    assert_eq!(by_macro::balance(1).await.unwrap(), 110);
    assert_eq!(runs(), 4);
    assert!(by_macro::balance(3).await.is_err(), "there is none");
    assert_eq!(runs(), 5);

    for _ in 0..3 {
        assert_eq!(by_macro::rich("accounts", 110).await.unwrap(), [1]);
        by_macro::rich("accounts", 1_000).await.unwrap_err();
    }
    assert_eq!(runs(), 5 + 1 + 3, "an error is not kept");
    for _ in 0..2 {
        by_macro::rich("accounts", 0).await.unwrap();
    }
    assert_eq!(runs(), 9 + 2, "it was forced to");
}

#[tokio::test]
async fn a_write_a_tag_and_the_service_make_values_go() {
    let (_test, db) = cached_accounts().await;
    let store = balances(&db).tag("money");
    assert_eq!(call(&store, &db, 1).await, 100);
    assert_eq!(get(&store, 1).await, Some(100));
    assert_eq!(get(&store, 2).await, None, "another key");
    assert_eq!(counted(&store), (1, 2));
    pay(&db, 1).await;
    assert!(!has(&store, 1).await);
    assert_eq!(call(&store, &db, 1).await, 110);
    for invalidate in ["tag", "service", "matching"] {
        call(&store, &db, 1).await;
        assert!(has(&store, 1).await, "{invalidate}");
        let by_hand = db.invalidate();
        match invalidate {
            "tag" => by_hand.tag("money").await.unwrap(),
            "service" => by_hand.service("balances").await.unwrap(),
            _ => by_hand.matching("balances:*").await.unwrap(),
        }
        assert!(!has(&store, 1).await, "{invalidate}");
    }
    // A view stands for the tables that it reads.
    db.sql("CREATE VIEW rich AS SELECT * FROM accounts WHERE balance > 100")
        .execute()
        .await
        .unwrap();
    let store = Balances::new(&db, "rich").depends_on_table("public.rich");
    let store = store.patience(PATIENCE);
    until_kept(&store, &db).await;
    pay(&db, 2).await;
    assert!(!has(&store, 1).await);
}

#[tokio::test]
async fn what_is_written_between_asking_and_giving_is_not_lost() {
    let (test, db) = cached_accounts().await;
    let store = balances(&db);
    assert_eq!(get(&store, 1).await, None);
    let early = support::balance(&db, 1).await;
    pay(&db, 1).await;
    set(&store, 1, early).await;
    assert_eq!(get(&store, 1).await, None, "it was read before the write");
    set(&store, 1, 110).await;
    assert_eq!(get(&store, 1).await, Some(110));

    // Two calls at once: that of the first may be given after the second has begun.
    let store = Arc::new(balances(&db));
    assert_eq!(get(&store, 2).await, None);
    let early = support::balance(&db, 2).await;
    pay(&db, 2).await;
    let (late, its_db) = (Arc::clone(&store), db.clone());
    let late = tokio::spawn(async move { call(&late, &its_db, 2).await });
    assert_eq!(late.await.unwrap(), 110);
    set(&store, 2, early).await;
    assert_ne!(get(&store, 2).await, Some(100));

    // The same in the same task.
    let other = other_process(&test).await;
    let store = balances(&other);
    assert_eq!(get(&store, 1).await, None);
    pay(&other, 1).await;
    assert_eq!(get(&store, 1).await, None);
    set(&store, 1, 110).await;
    assert_eq!(get(&store, 1).await, None, "whose is it?");
}

#[tokio::test]
async fn a_value_without_a_beginning_is_not_kept_and_nothing_older_is_served_for_it() {
    let (_test, db) = cached_accounts().await;
    let store = Arc::new(balances(&db));
    set(&store, 1, 100).await;
    assert!(!has(&store, 1).await);
    call(&store, &db, 1).await;
    assert!(has(&store, 1).await);
    // As `force_refresh` gives it.
    set(&store, 1, 120).await;
    assert!(!has(&store, 1).await, "the one before is not served");
    assert_eq!(get(&store, 1).await, None);
    let other = Arc::clone(&store);
    tokio::spawn(async move { set(&other, 1, 90).await })
        .await
        .unwrap();
    assert!(!has(&store, 1).await, "another task has not asked");
    set(&store, 1, 100).await;
    assert!(has(&store, 1).await);
}

#[tokio::test]
async fn nothing_of_an_open_transaction_is_kept_or_served() {
    let (_test, db) = cached_accounts().await;
    let store = Arc::new(balances(&db));
    call(&store, &db, 1).await;
    let inside = Arc::clone(&store);
    let outcome = db.transaction(async move |conn| {
        support::withdraw(conn, 1, 50).await?;
        assert_eq!(get(&inside, 1).await, None, "it sees its own writes");
        set(&inside, 1, 50).await;
        assert_eq!(get(&inside, 2).await, None);
        set(&inside, 2, 1).await;
        Err::<(), _>(diesel::result::Error::RollbackTransaction)
    });
    outcome.await.unwrap_err();
    assert_eq!(get(&store, 1).await, Some(100));
    assert_eq!(get(&store, 2).await, None);
}

#[tokio::test]
async fn a_table_that_is_not_there_or_may_not_be_cached_keeps_nothing() {
    let (_test, db) = cached_accounts().await;
    for name in ["nowhere", "accounts, nowhere", "pg_class", ""] {
        let store = balances(&db).depends_on_table(name);
        for _ in 0..2 {
            assert_eq!(call(&store, &db, 1).await, 100);
            assert!(!has(&store, 1).await, "{name:?}");
        }
        assert_eq!(counted(&store), (0, 2));
    }
    let store = balances(&db).depends_on_table("nowhere");
    call(&store, &db, 1).await;
    db.sql("CREATE TABLE nowhere (id int)")
        .execute()
        .await
        .unwrap();
    until_kept(&store, &db).await;
    db.sql("INSERT INTO nowhere VALUES (1)")
        .execute()
        .await
        .unwrap();
    assert!(!has(&store, 1).await);
}

#[tokio::test]
async fn removing_and_clearing_reach_the_other_processes() {
    let test = support::accounts().await;
    let (first, second) = (sharing(&test).await, sharing(&test).await);
    let (here, there) = (balances(&first), balances(&second));
    let before = stored(&first);
    for id in [1, 2] {
        call(&here, &first, id).await;
    }
    written(&first, before + 2).await;
    for id in [1, 2] {
        assert_eq!(get(&there, id).await, Some(100));
    }
    assert_eq!(here.async_cache_remove(&1).await.unwrap(), Some(100));
    assert_eq!(here.async_cache_remove(&1).await.unwrap(), None);
    assert!(!has(&here, 1).await && has(&here, 2).await);
    eventually_gone(&there, 1).await;
    assert!(has(&there, 2).await);
    let removed = here.async_cache_remove_entry(&2).await.unwrap();
    assert_eq!(removed, Some((2, 100)));
    assert!(!here.async_cache_delete(&2).await.unwrap());
    for id in [1, 2] {
        call(&here, &first, id).await;
    }
    here.async_cache_clear().await.unwrap();
    assert!(!has(&here, 1).await && !has(&here, 2).await);
    eventually_gone(&there, 2).await;
    assert!(counted(&here) > (0, 0));
    here.async_cache_reset().await.unwrap();
    assert_eq!(counted(&here), (0, 0));
    // Also for a function that runs now.
    assert_eq!(get(&here, 1).await, None);
    here.async_cache_remove(&1).await.unwrap();
    set(&here, 1, 100).await;
    assert!(!has(&here, 1).await);
}

async fn eventually_gone(store: &Balances, id: i32) {
    let waiting = async {
        while has(store, id).await {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();
}

#[tokio::test]
async fn another_process_finds_it_in_redis_until_the_table_is_written() {
    let test = support::accounts().await;
    let (first, second) = (sharing(&test).await, sharing(&test).await);
    let (here, there) = (balances(&first), balances(&second));
    let before = stored(&first);
    call(&here, &first, 1).await;
    written(&first, before + 1).await;
    assert_eq!(get(&there, 1).await, Some(100));
    let hits = second.second_tier_statistics().unwrap().hits;
    assert_eq!(get(&there, 1).await, Some(100));
    assert_eq!(second.second_tier_statistics().unwrap().hits, hits);
    pay(&second, 1).await;
    assert_eq!(get(&there, 1).await, None, "what is in Redis is older");
    let before = stored(&second);
    set(&there, 1, 110).await;
    assert_eq!(get(&there, 1).await, Some(110));
    let third = sharing(&test).await;
    written(&second, before + 1).await;
    assert_eq!(get(&balances(&third), 1).await, Some(110));
    // One that may not leave its process.
    let apart = support::open(&test, |options| {
        options.redis = Some(super::second_tier::options());
        options.cache.never_in_redis.push("accounts".to_owned());
        options.cache.namespace = format!("apart {}", test.url());
    })
    .await;
    let local = balances(&first).tag("stays").local_only();
    for (db, store) in [(&first, local), (&apart, balances(&apart).tag("stays"))] {
        let stored = db.second_tier_statistics().unwrap().stored;
        call(&store, db, 2).await;
        assert!(has(&store, 2).await);
        assert_eq!(db.second_tier_statistics().unwrap().stored, stored);
    }
}

#[tokio::test]
async fn what_was_read_before_a_write_is_not_believed_from_redis() {
    let test = support::accounts().await;
    let (first, second) = (sharing(&test).await, sharing(&test).await);
    let (here, there) = (balances(&first), balances(&second));
    assert_eq!(get(&here, 1).await, None);
    let early = support::balance(&first, 1).await;
    let before = stored(&first);
    pay(&second, 1).await;
    set(&here, 1, early).await;
    // Whoever has looked into the log since then knows of the payment, and gives nothing to Redis.
    eventually_gone(&here, 1).await;
    assert_eq!(stored(&first), before);
    assert_eq!(get(&there, 1).await, None);
}

#[tokio::test]
async fn without_redis_and_without_the_database_nothing_fails() {
    let test = support::accounts().await;
    let proxy = super::second_tier::Proxy::begin().await;
    let db = sharing_through(&test, proxy.url()).await;
    let store = Arc::new(balances(&db));
    call(&store, &db, 1).await;
    proxy.hold_answers();
    pay(&db, 1).await;
    assert_eq!(call(&store, &db, 1).await, 110);
    assert!(has(&store, 1).await, "it is kept here");

    let mut away = RedisOptions::new(RedisServer::Single {
        url: "redis://127.0.0.1:1".to_owned().into(),
    });
    away.deadline = Duration::from_millis(50);
    let db = support::open(&test, |options| {
        options.pool.size = 1;
        options.redis = Some(away);
    })
    .await;
    let store = balances(&db).patience(Duration::from_millis(50));
    assert_eq!(call(&store, &db, 1).await, 110);
    assert_eq!(get(&store, 1).await, Some(110));
    // No connection is to be had: the only one is in use.
    let session = db.session().await.unwrap();
    let began = Instant::now();
    assert_eq!(get(&store, 2).await, None);
    set(&store, 2, 100).await;
    store.async_cache_remove(&1).await.unwrap();
    assert!(!has(&store, 1).await);
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    drop(session);
    db.shutdown(PATIENCE).await.unwrap();
    set(&store, 2, 100).await;
    assert_eq!(get(&store, 3).await, None);
    store.async_cache_clear().await.unwrap();
    assert_eq!(get(&store, 2).await, None);
}

#[tokio::test]
async fn the_time_to_live_can_be_changed() {
    let (_test, db) = cached_accounts().await;
    let store = balances(&db);
    assert_eq!(ConcurrentCacheTtl::ttl(&store), Some(LONG));
    assert_eq!(store.set_ttl(Duration::ZERO), Some(LONG));
    assert_eq!(store.unset_ttl(), Some(LONG));
    call(&store, &db, 1).await;
    let short = Duration::from_nanos(1);
    assert_eq!(store.set_ttl(short), Some(LONG));
    assert!(!has(&store, 1).await, "it was kept for longer");
    call(&store, &db, 1).await;
    assert!(!has(&store, 1).await, "its time is up");
    let none = balances(&db).ttl(Duration::ZERO);
    call(&none, &db, 1).await;
    assert!(!has(&none, 1).await);
    let usual = Balances::new(&db, "usual");
    let ttl = ConcurrentCacheTtl::ttl(&usual);
    assert!(ttl.unwrap() > Duration::from_secs(1));
    let text = format!("{usual:?}");
    assert!(
        text.contains("usual") && !text.contains("postgres"),
        "{text}"
    );
}
