//! Decorated functions that say `shared`: what other processes find in Redis, and what of it they
//! believe.

use std::time::Duration;

use larder::{cache_put, cached};
use larder_database::{Database, DatabaseOptions, Error, Hints, ReadOrigin};
use larder_testing::TestDatabase;
use serde::{Deserialize, Serialize};

use super::{Runs, execute, number, set_balance, tables};
use crate::caching::second_tier::{connected, options, written};
use crate::support::{open, until};

/// Long enough that nobody looks into the log a second time in a test.
const NEVER: Duration = Duration::from_secs(3000);

/// A process that shares results, and hears of what others write only when it looks by itself.
async fn process(test: &TestDatabase, poll: Duration) -> Database {
    process_with(test, poll, |_| {}).await
}

async fn process_with(
    test: &TestDatabase,
    poll: Duration,
    change: impl FnOnce(&mut DatabaseOptions),
) -> Database {
    let namespace = test.url().rsplit('/').next().unwrap().to_owned();
    let db = open(test, |settings| {
        settings.pool.size = 4;
        settings.redis = Some(options());
        settings.cache.namespace = namespace;
        settings.cache.hints = Hints::Off;
        settings.cache.max_staleness = poll * 3;
        settings.cache.poll_interval = poll;
        settings.cache.early_refresh = 0.0;
        settings.cache.jitter = 0.0;
        settings.cache.warm = false;
        change(settings);
    })
    .await;
    until("it has looked into the log", || {
        db.follower_statistics().unwrap().has_lease
    })
    .await;
    connected(&db).await;
    db
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Summary {
    total: i64,
    notes: i64,
}

#[cached(ttl = "1h", shared, skip(runs))]
async fn total(db: &Database, runs: &Runs) -> Result<i64, Error> {
    runs.ran();
    number(db, "SELECT sum(balance)::bigint FROM accounts").await
}

/// How the function below gets at what it is made of.
const WAYS: [&str; 2] = ["call", "statement"];

#[cached(ttl = "1h", shared, skip(runs))]
async fn summary(db: &Database, way: &str, runs: &Runs) -> Result<Summary, Error> {
    runs.ran();
    let total = match way {
        "call" => total(db, &Runs::default()).await?,
        _ => {
            let total = db.sql("SELECT sum(balance)::bigint FROM accounts").cached();
            total.ttl(NEVER).fetch_scalar().await?
        }
    };
    let notes = number(db, "SELECT count(*) FROM notes").await?;
    Ok(Summary { total, notes })
}

fn stored(db: &Database) -> u64 {
    db.second_tier_statistics().unwrap().stored
}

/// What it gives, where that came from, and how many statements it took.
async fn summarised(db: &Database, way: &str) -> (Summary, ReadOrigin, usize) {
    let (summary, trace) = db.trace(summary(db, way, &Runs::default())).await;
    let origin = trace.reads.last().unwrap().origin;
    (summary.unwrap(), origin, trace.statements.len())
}

#[tokio::test]
async fn another_process_has_it_without_a_query_until_a_write_that_it_knows_of() {
    let test = tables().await;
    let second_in = async || process(&test, Duration::from_millis(200)).await;
    let (first, second) = tokio::join!(process(&test, NEVER), second_in());
    for way in WAYS {
        let (at_first, origin, _) = summarised(&first, way).await;
        assert_eq!(origin, ReadOrigin::Loaded);
        written(&first, 2).await;
        let (found, origin, statements) = summarised(&second, way).await;
        assert_eq!(found, at_first);
        assert_eq!((origin, statements), (ReadOrigin::Fetched, 0), "{way}");
        assert_eq!(summarised(&second, way).await.1, ReadOrigin::Hit);
    }
    // Whatever it was made of, by the dependencies that came along.
    execute(&second, "UPDATE accounts SET balance = 50").await;
    for way in WAYS {
        let (summary, origin, _) = summarised(&second, way).await;
        assert_eq!((summary.total, origin), (100, ReadOrigin::Loaded), "{way}");
    }
    execute(&second, "DELETE FROM notes").await;
    for way in WAYS {
        let (summary, origin, _) = summarised(&second, way).await;
        assert_eq!((summary.notes, origin), (0, ReadOrigin::Loaded), "{way}");
    }
}

#[tokio::test]
async fn what_is_made_of_a_result_that_was_loaded_earlier_is_as_old_as_that() {
    let test = tables().await;
    for way in WAYS {
        let (first, second) = tokio::join!(
            process(&test, NEVER),
            process(&test, Duration::from_millis(200))
        );
        let before = match way {
            "call" => total(&first, &Runs::default()).await.unwrap(),
            _ => {
                let total = first.sql("SELECT sum(balance)::bigint FROM accounts");
                total.cached().ttl(NEVER).fetch_scalar().await.unwrap()
            }
        };
        // The first one does not hear of it: what it has kept it may serve for a while.
        execute(&second, "UPDATE accounts SET balance = balance + 1").await;
        let had = stored(&first);
        let (made, origin, _) = summarised(&first, way).await;
        assert_eq!((made.total, origin), (before, ReadOrigin::Loaded), "{way}");
        assert_eq!(stored(&first), had + 1, "it is in Redis now");
        written(&first, had + 1).await;
        let refused = second.second_tier_statistics().unwrap().invalidated;
        let (seen, origin, _) = summarised(&second, way).await;
        assert_eq!(
            (seen.total, origin),
            (before + 2, ReadOrigin::Loaded),
            "{way}: the second one has written it itself"
        );
        assert!(second.second_tier_statistics().unwrap().invalidated > refused);
    }
}

#[tokio::test]
async fn a_write_while_the_body_runs_is_not_believed_by_those_who_know_of_it() {
    #[cached(ttl = "1h", shared, skip(other))]
    async fn overtaken(db: &Database, other: Option<&Database>) -> Result<i64, Error> {
        let total = number(db, "SELECT sum(balance)::bigint FROM accounts").await?;
        if let Some(other) = other {
            // Not a part of this function.
            let other = other.clone();
            let write = tokio::spawn(async move { set_balance(&other, 1, 1).await });
            write.await.unwrap();
        }
        Ok(total)
    }
    let test = tables().await;
    let (first, second) = tokio::join!(
        process(&test, NEVER),
        process(&test, Duration::from_millis(200))
    );
    assert_eq!(overtaken(&first, Some(&second)).await.unwrap(), 200);
    written(&first, 1).await;
    assert_eq!(overtaken(&second, None).await.unwrap(), 101);
}

#[tokio::test]
async fn what_is_made_of_something_of_this_process_alone_stays_here() {
    #[cached(ttl = "1h")]
    async fn alone(db: &Database) -> Result<i64, Error> {
        number(db, "SELECT sum(balance)::bigint FROM accounts").await
    }
    #[cached(ttl = "10s", allow_volatile, shared)]
    async fn moving(db: &Database) -> Result<i64, Error> {
        number(
            db,
            "SELECT floor(random() * 1e15)::bigint FROM accounts LIMIT 1",
        )
        .await
    }
    #[cached(ttl = "1h", shared)]
    async fn around(db: &Database, moves: bool) -> Result<i64, Error> {
        match moves {
            true => moving(db).await,
            false => alone(db).await,
        }
    }
    let test = tables().await;
    let db = process(&test, NEVER).await;
    let had = stored(&db);
    for moves in [false, true] {
        let first = around(&db, moves).await.unwrap();
        assert_eq!(around(&db, moves).await.unwrap(), first, "it is kept here");
    }
    assert_eq!(stored(&db), had);
}

#[tokio::test]
async fn a_table_that_is_never_in_redis_keeps_all_out_that_is_made_of_it() {
    #[cached(ttl = "1h", shared)]
    async fn secret(db: &Database) -> Result<i64, Error> {
        number(db, "SELECT count(*) FROM owners").await
    }
    #[cached(ttl = "1h", shared)]
    async fn around(db: &Database) -> Result<i64, Error> {
        secret(db).await
    }
    let test = tables().await;
    let db = process_with(&test, NEVER, |options| {
        options.cache.never_in_redis.push("owners".to_owned());
    })
    .await;
    let had = stored(&db);
    around(&db).await.unwrap();
    // Of a hit, too.
    db.invalidate().tag("nothing").await.unwrap();
    around(&db).await.unwrap();
    assert_eq!(stored(&db), had);
}

#[tokio::test]
async fn what_a_writer_puts_is_not_overruled_by_what_redis_has() {
    #[cached(ttl = "1h", shared, name = "shared_balance")]
    async fn shared_balance(db: &Database, id: i32) -> Result<i64, Error> {
        super::balance(db, id).await
    }
    #[cache_put(ttl = "1h", shared, name = "shared_balance", key(id))]
    async fn put_balance(db: &Database, id: i32, balance: i64) -> Result<i64, Error> {
        set_balance(db, id, balance).await;
        Ok(balance)
    }
    let test = tables().await;
    let (first, second) = tokio::join!(
        process(&test, NEVER),
        process(&test, Duration::from_millis(200))
    );
    assert_eq!(shared_balance(&first, 1).await.unwrap(), 100);
    written(&first, 1).await;
    assert_eq!(put_balance(&second, 1, 60).await.unwrap(), 60);
    let (balance, trace) = second.trace(shared_balance(&second, 1)).await;
    assert_eq!(balance.unwrap(), 60);
    assert_eq!(trace.reads[0].origin, ReadOrigin::Hit, "{trace}");
    second.invalidate().service("nobody").await.unwrap();
    set_balance(&second, 1, 50).await;
    assert_eq!(shared_balance(&second, 1).await.unwrap(), 50);
}
