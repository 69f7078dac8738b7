//! Results of several statements, in the process and in Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_database::{CachedRead, Database, Error, sql};
use serde::{Deserialize, Serialize};

use super::LONG;
use super::second_tier::{sharing, written};
use crate::support;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Summary {
    accounts: i64,
    richest: Option<i64>,
}

fn summary(db: &Database) -> CachedRead<'_> {
    db.cached_read("bank", "summary", "all").ttl(LONG)
}

async fn summed(conn: &mut larder_pool::Connection) -> Result<Summary, Error> {
    let accounts = sql("SELECT count(*) FROM accounts");
    let richest = sql("SELECT max(balance) FROM accounts");
    Ok(Summary {
        accounts: accounts.fetch_scalar_on(conn).await?,
        richest: Some(richest.fetch_scalar_on(conn).await?),
    })
}

/// How often the closure has run.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicU64>);

impl Runs {
    async fn shared(&self, db: &Database) -> Arc<Summary> {
        let runs = self.0.clone();
        let load = summary(db).load_shared(async move |conn| {
            runs.fetch_add(1, Ordering::Relaxed);
            summed(conn).await
        });
        load.await.unwrap()
    }

    async fn alone(&self, db: &Database) -> Arc<Summary> {
        let runs = self.0.clone();
        let read = db.cached_read("bank", "alone", &7_i32).ttl(LONG);
        let load = read.load(async move |conn| {
            runs.fetch_add(1, Ordering::Relaxed);
            summed(conn).await
        });
        load.await.unwrap()
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

const AT_FIRST: Summary = Summary {
    accounts: 2,
    richest: Some(100),
};

#[tokio::test]
async fn another_process_finds_it_in_redis_if_that_was_asked_for() {
    let test = support::accounts().await;
    let (first, second) = (sharing(&test).await, sharing(&test).await);
    let runs = Runs::default();
    assert_eq!(*runs.shared(&first).await, AT_FIRST);
    written(&first, 1).await;
    assert_eq!(*runs.shared(&second).await, AT_FIRST);
    assert_eq!(*runs.shared(&second).await, AT_FIRST);
    assert_eq!(runs.count(), 1);
    let stored = first.second_tier_statistics().unwrap().stored;
    let alone = Runs::default();
    for db in [&first, &second, &first, &second] {
        assert_eq!(*alone.alone(db).await, AT_FIRST);
    }
    assert_eq!(alone.count(), 2, "each process loads it for itself");
    assert_eq!(first.second_tier_statistics().unwrap().stored, stored);
}

#[tokio::test]
async fn a_write_to_a_table_that_it_read_makes_it_wrong_for_all() {
    let test = support::accounts().await;
    let (first, second) = (sharing(&test).await, sharing(&test).await);
    let runs = Runs::default();
    runs.shared(&first).await;
    written(&first, 1).await;
    second
        .sql("UPDATE accounts SET balance = 500 WHERE id = 1")
        .execute()
        .await
        .unwrap();
    assert_eq!(runs.shared(&second).await.richest, Some(500));
    assert_eq!(runs.count(), 2);
    // A write to something else leaves it.
    let third = sharing(&test).await;
    written(&second, 1).await;
    second.invalidate().tag("something else").await.unwrap();
    assert_eq!(runs.shared(&third).await.richest, Some(500));
    assert_eq!(runs.count(), 2);
}

#[tokio::test]
async fn what_is_written_while_it_is_loaded_is_not_believed() {
    let test = support::accounts().await;
    let (first, second) = (sharing(&test).await, sharing(&test).await);
    let writer = second.clone();
    let early = summary(&first).load_shared(async move |conn| {
        let early = summed(conn).await?;
        // Committed after it was read, and before it is kept.
        let write = writer.sql("UPDATE accounts SET balance = 500 WHERE id = 1");
        write.execute().await?;
        Ok::<_, Error>(early)
    });
    assert_eq!(*early.await.unwrap(), AT_FIRST);
    written(&first, 1).await;
    let runs = Runs::default();
    assert_eq!(runs.shared(&second).await.richest, Some(500));
    assert_eq!(runs.count(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_again_stays_in_its_process() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    let test = support::accounts().await;
    let db = sharing(&test).await;
    let stored = db.second_tier_statistics().unwrap().stored;
    for _ in 0..2 {
        let read = db.cached_read("bank", "either", &1).ttl(LONG);
        let found = read.load_shared(async |conn| {
            let number = sql("SELECT max(balance) FROM accounts");
            Ok::<_, Error>(Either::Number(number.fetch_scalar_on(conn).await?))
        });
        assert_eq!(*found.await.unwrap(), Either::Number(100));
    }
    assert_eq!(db.second_tier_statistics().unwrap().stored, stored);
    assert_eq!(db.cache_statistics().hits, 1);
}

#[tokio::test]
async fn what_is_kept_for_its_time_stays_whatever_is_written() {
    let test = support::accounts().await;
    let db = sharing(&test).await;
    let read = async || {
        let read = db.cached_read("bank", "rough", "").ttl_only(LONG);
        let found = read.load(async |conn| summed(conn).await);
        found.await.unwrap().richest
    };
    assert_eq!(read().await, Some(100));
    db.sql("UPDATE accounts SET balance = 500")
        .execute()
        .await
        .unwrap();
    assert_eq!(read().await, Some(100));
    db.invalidate().service("bank").await.unwrap();
    assert_eq!(read().await, Some(500));
}

#[tokio::test]
async fn explaining_tells_whether_redis_may_hold_it_and_what_keeps_it_out() {
    use diesel::prelude::*;
    let test = support::accounts().await;
    let db = sharing(&test).await;
    let read = || db.cached(super::accounts::table.select(super::accounts::balance));
    let why = read().explain::<i64>().await.unwrap();
    assert_eq!(
        (why.not_in_redis, why.ttl_only, why.switched_off, why.hot),
        (None, false, vec![], vec![])
    );
    let why = read().local_only().explain::<i64>().await.unwrap();
    assert!(why.not_in_redis.unwrap().contains("local_only"));
    let why = read().ttl_only(Duration::from_secs(9)).explain::<i64>();
    assert!(why.await.unwrap().ttl_only);
    let alone = support::open(&test, |options| {
        options.cache.mode = larder_database::CacheMode::Local;
        options.cache.hot_writes = 1;
    })
    .await;
    let explain = || alone.cached(super::accounts::table.select(super::accounts::balance));
    let why = explain().explain::<i64>().await.unwrap();
    assert!(why.not_in_redis.unwrap().contains("redis.url"));
    let target = larder_database::CacheTarget::Table("accounts".to_owned());
    alone.switch_cache_off(&target).await.unwrap();
    let other = larder_database::CacheTarget::Service("menus".to_owned());
    alone.switch_cache_off(&other).await.unwrap();
    for _ in 0..3 {
        let write = alone.sql("UPDATE accounts SET balance = balance + 1");
        write.execute().await.unwrap();
    }
    let why = explain().explain::<i64>().await.unwrap();
    assert_eq!(why.hot, ["public.accounts"]);
    assert_eq!(why.switched_off.len(), 1, "{why:?}");
    assert!(why.switched_off[0].starts_with("table:"), "{why:?}");
    let text = why.to_string();
    assert!(
        text.contains("switched off for table:") && text.contains("hot "),
        "{text}"
    );
    let why = explain().ttl_only(LONG).explain::<i64>().await.unwrap();
    assert_eq!(why.switched_off, [""; 0], "no table makes it go");
}

#[tokio::test]
async fn tables_and_types_that_are_to_stay_here_do() {
    let test = support::accounts().await;
    let runs = Runs::default();
    let url = super::second_tier::options();
    for keep in ["table", "type"] {
        let db = support::open(&test, |options| {
            options.redis = Some(url.clone());
            options.cache.namespace = format!("{keep} {}", test.url());
            match keep {
                "table" => options.cache.never_in_redis.push("accounts".to_owned()),
                _ => options.cache.keep_local::<Summary>(),
            }
        })
        .await;
        assert_eq!(*runs.shared(&db).await, AT_FIRST);
        assert_eq!(db.second_tier_statistics().unwrap().stored, 0, "{keep}");
        let many = db
            .cached_many([1])
            .by(
                |missing: Vec<i32>| {
                    use diesel::prelude::*;
                    let ids = super::accounts::id.eq_any(missing);
                    super::accounts::table.filter(ids)
                },
                |account: &(i32, i64)| account.0,
            )
            .await;
        assert_eq!(many.unwrap().len(), 1);
        let stored = db.second_tier_statistics().unwrap().stored;
        assert_eq!(stored, u64::from(keep == "type"), "{keep}");
    }
}
