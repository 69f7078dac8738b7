//! Filling the cache of a process before its first readers come: by registered reads, and with what
//! was read most before it was restarted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel::prelude::*;
use larder_database::{CacheEvent, Database, DatabaseOptions};
use larder_testing::TestDatabase;
use tokio::sync::{Barrier, mpsc};
use tokio::time::timeout;

use super::redis_server::Server;
use super::{LONG, namespace, total, truth, until};
use crate::support::{PATIENCE, accounts, accounts::dsl};

/// A process that warms its cache.
async fn process(test: &TestDatabase, change: impl FnOnce(&mut DatabaseOptions)) -> Database {
    super::process(test, |options| {
        options.cache.warm = true;
        change(options);
    })
    .await
}

/// The same with a Redis.
async fn sharing_with(
    test: &TestDatabase,
    redis: &str,
    namespace: &str,
    change: impl FnOnce(&mut DatabaseOptions),
) -> Database {
    super::sharing_with(test, redis, namespace, |options| {
        options.cache.warm = true;
        change(options);
    })
    .await
}

/// What the reads of these tests need to be the same in all processes.
async fn balance(db: &Database, id: i32) -> i64 {
    let query = dsl::accounts.find(id).select(dsl::balance);
    *db.cached(query).ttl(LONG).first().await.unwrap().unwrap()
}

async fn until_warm(db: &Database) {
    until("it is warm", async || db.warming().finished).await;
}

#[tokio::test]
async fn registered_reads_make_the_first_read_a_hit_and_one_that_fails_stops_no_other() {
    let test = accounts().await;
    let register = |options: &mut DatabaseOptions| {
        let cache = &mut options.cache;
        cache.register_warming("missing table", |db| async move {
            db.sql("SELECT 1 FROM nowhere").execute().await?;
            Ok(())
        });
        cache.register_warming("panics", |_| async { panic!("as it should") });
        cache.register_warming("total", |_| async { unreachable!("replaced by the next") });
        cache.register_warming("total", |db| async move {
            total(&db).await;
            Ok(())
        });
    };
    let db = process(&test, register).await;
    until_warm(&db).await;
    let progress = db.warming();
    assert_eq!((progress.total, progress.done, progress.failed), (3, 1, 2));
    assert_eq!((progress.running, progress.rounds), (0, 1));
    let before = db.cache_statistics();
    assert_eq!(total(&db).await, 200);
    let after = db.cache_statistics();
    assert_eq!((after.hits, after.loads), (before.hits + 1, before.loads));

    // Again, because somebody asks.
    let mut events = db.cache_events();
    let report = db.warm().await;
    assert!(!report.is_complete() && !report.stopped);
    assert_eq!(report.done, 1);
    let error = |name: &str| {
        let failure = report.failed.iter().find(|failure| failure.name == name);
        failure.unwrap().error.clone()
    };
    assert!(error("missing table").contains("nowhere"), "{report:?}");
    assert_eq!(error("panics"), "it panicked");
    let mut failed = 0;
    loop {
        match timeout(PATIENCE, events.recv()).await.unwrap().unwrap() {
            CacheEvent::WarmingFailed { .. } => failed += 1,
            CacheEvent::Warmed {
                done, failed: all, ..
            } => {
                assert_eq!((done, all, failed), (1, 2, 2));
                break;
            }
            _ => {}
        }
    }
    assert!(db.warm_named("total").await.unwrap().is_complete());
    let error = db.warm_named("totals").await.unwrap_err().to_string();
    assert!(
        error.contains("\"totals\"") && error.contains("missing table, panics, total"),
        "{error}"
    );
    // What is registered later runs as well.
    db.register_warming("late", |db| async move {
        balance(&db, 1).await;
        Ok(())
    });
    until_warm(&db).await;
    let before = db.cache_statistics();
    assert_eq!(balance(&db, 1).await, 100);
    assert_eq!(db.cache_statistics().loads, before.loads);
}

#[tokio::test]
async fn so_many_reads_run_at_a_time_and_no_more() {
    let test = accounts().await;
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // Nobody passes alone.
    let pairs = Arc::new(Barrier::new(2));
    let db = process(&test, |options| {
        options.cache.warm_parallelism = 2;
        for number in 0..6 {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            let pairs = Arc::clone(&pairs);
            let name = format!("number {number}");
            options.cache.register_warming(name, move |db| {
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                let pairs = Arc::clone(&pairs);
                async move {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    pairs.wait().await;
                    total(&db).await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                }
            });
        }
    })
    .await;
    until_warm(&db).await;
    // Two rounds at once are bounded together.
    let (first, second) = tokio::join!(db.warm(), db.warm());
    assert!(first.is_complete() && second.is_complete());
    assert_eq!((first.done, second.done), (6, 6));
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_read_that_takes_too_long_is_ended_and_stops_no_other() {
    let test = accounts().await;
    let db = process(&test, |options| {
        options.cache.warm_parallelism = 1;
        options.cache.warm_timeout = Duration::from_secs(2);
        options
            .cache
            .register_warming("for ever", |_| std::future::pending());
        options.cache.register_warming("total", |db| async move {
            total(&db).await;
            Ok(())
        });
    })
    .await;
    timeout(PATIENCE, until_warm(&db)).await.unwrap();
    let progress = db.warming();
    assert_eq!((progress.done, progress.failed), (1, 1));
    let report = db.warm_named("for ever").await.unwrap();
    let [failure] = &report.failed[..] else {
        panic!("{report:?}");
    };
    assert_eq!(failure.name, "for ever");
    let said = ["after 2s", "cache.warm_timeout"];
    assert!(said.iter().all(|said| failure.error.contains(said)));
}

#[tokio::test]
async fn reads_run_when_what_they_read_would_be_kept() {
    let test = accounts().await;
    let db = process(&test, |options| {
        options.cache.max_staleness = Duration::from_millis(800);
        options.cache.register_warming("total", |db| async move {
            total(&db).await;
            Ok(())
        });
    })
    .await;
    until_warm(&db).await;
    db.invalidate().everything().await.unwrap();
    let keeper = super::plain(&test).await;
    let lock = "BEGIN; LOCK TABLE larder.epoch IN ACCESS EXCLUSIVE MODE";
    keeper.batch_execute(lock).await.unwrap();
    until("the lease has ended", async || !super::has_lease(&db)).await;
    let warming = tokio::spawn({
        let db = db.clone();
        async move { db.warm().await }
    });
    until("it has begun", async || !db.warming().finished).await;
    // Whoever would not wait has read by then.
    for _ in 0..20 {
        total(&db).await;
    }
    assert_eq!(db.warming().done, 0);
    keeper.batch_execute("ROLLBACK").await.unwrap();
    let report = warming.await.unwrap();
    assert_eq!((report.done, report.is_complete()), (1, true));
    let before = db.cache_statistics();
    total(&db).await;
    assert_eq!(db.cache_statistics().loads, before.loads);
}

#[tokio::test]
async fn nothing_is_warmed_where_it_is_switched_off() {
    let test = accounts().await;
    let db = process(&test, |options| {
        options.cache.warm = false;
        options.cache.register_warming("total", |db| async move {
            total(&db).await;
            Ok(())
        });
    })
    .await;
    assert!(db.warming().finished);
    let before = db.cache_statistics().loads;
    assert_eq!(db.warm().await.done, 1);
    assert_eq!(
        db.cache_statistics().loads,
        before + 1,
        "nobody had read it"
    );
}

#[tokio::test]
async fn shutdown_ends_what_is_being_warmed() {
    struct Told(mpsc::UnboundedSender<&'static str>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.send("ended").ok();
        }
    }
    let test = accounts().await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let db = process(&test, |options| {
        options.cache.warm_parallelism = 1;
        options.cache.register_warming("for ever", move |db| {
            let told = Told(tell.clone());
            async move {
                let _session = db.session().await?;
                told.0.send("begun").ok();
                std::future::pending::<()>().await;
                Ok(())
            }
        });
    })
    .await;
    assert_eq!(told.recv().await, Some("begun"));
    assert!(!db.warming().finished);
    // The session that it holds is given back in time.
    db.shutdown(PATIENCE).await.unwrap();
    assert_eq!(told.recv().await, Some("ended"));
    until_warm(&db).await;
    assert!(db.warm().await.stopped);
}

/// A process with a Redis of its own.
async fn with_redis(test: &TestDatabase, redis: &Server, namespace: &str) -> Database {
    sharing_with(test, &redis.url(), namespace, |_| {}).await
}

/// So many accounts, all of them read.
async fn many_accounts(test: &TestDatabase, number: i32) {
    let insert =
        format!("INSERT INTO accounts SELECT n, 100 FROM generate_series(3, {number}) AS n");
    test.database().sql(insert).execute().await.unwrap();
}

#[tokio::test]
async fn a_process_that_is_restarted_reads_what_was_hot_from_its_reserve() {
    const NUMBER: i32 = 300;
    let test = accounts().await;
    many_accounts(&test, NUMBER).await;
    let (mut redis, namespace) = (Server::start().await, namespace());
    let db = with_redis(&test, &redis, &namespace).await;
    for id in 1..=NUMBER {
        assert_eq!(balance(&db, id).await, 100);
    }
    total(&db).await;
    db.shutdown(PATIENCE).await.unwrap();
    drop(db);

    let db = with_redis(&test, &redis, &namespace).await;
    until_warm(&db).await;
    let warm = db.warming();
    assert!(warm.hot_keys > 300 && warm.fetched > 300, "{warm:?}");
    assert!(warm.in_reserve > 300);
    redis.kill().await;
    let asked = || {
        let redis = db.redis_statistics().unwrap();
        redis.found + redis.missing + redis.unavailable
    };
    let sent = || db.query_statistics().total;
    let (before, redis_before) = (sent(), asked());
    for id in 1..=NUMBER {
        assert_eq!(balance(&db, id).await, 100);
    }
    assert_eq!(total(&db).await, 100 * i64::from(NUMBER));
    assert_eq!(asked(), redis_before, "Redis was asked");
    let tier = db.second_tier_statistics().unwrap();
    assert_eq!(tier.from_reserve, 301);
    assert_eq!(db.cache_statistics().fetched, 301);
    assert_eq!(sent(), before, "PostgreSQL was asked");
}

#[tokio::test]
async fn what_was_written_meanwhile_is_not_served_from_the_reserve() {
    let test = accounts().await;
    let (mut redis, namespace) = (Server::start().await, namespace());
    let writer = process(&test, |_| {}).await;
    let db = with_redis(&test, &redis, &namespace).await;
    total(&db).await;
    balance(&db, 1).await;
    db.shutdown(PATIENCE).await.unwrap();
    drop(db);

    // Before the start, and after the values were fetched.
    let write = "UPDATE accounts SET balance = balance + 10 WHERE id = 1";
    writer.sql(write).execute().await.unwrap();
    let db = with_redis(&test, &redis, &namespace).await;
    until_warm(&db).await;
    assert!(db.warming().in_reserve >= 2);
    redis.kill().await;
    assert_eq!(total(&db).await, truth(&test).await);
    let tier = db.second_tier_statistics().unwrap();
    assert_eq!((tier.from_reserve, tier.hits), (0, 0));
    writer.sql(write).execute().await.unwrap();
    super::caught_up(&db).await;
    assert_eq!(balance(&db, 1).await, 120);
    let tier = db.second_tier_statistics().unwrap();
    assert_eq!((tier.from_reserve, tier.hits), (0, 0));
    assert_eq!(db.warming().in_reserve, db.warming().fetched - 2);
}

#[tokio::test]
async fn hits_are_sampled_so_that_the_hottest_are_the_ones_that_are_listed() {
    const NUMBER: i32 = 40;
    let test = accounts().await;
    many_accounts(&test, NUMBER).await;
    let (redis, namespace) = (Server::start().await, namespace());
    let few = |options: &mut DatabaseOptions| options.cache.warm_keys = 2;
    let db = sharing_with(&test, &redis.url(), &namespace, few).await;
    // Each is read once, two of them often: 3,000 hits are drawn some 47 times.
    for id in 1..=NUMBER {
        balance(&db, id).await;
    }
    for _ in 0..3_000 {
        balance(&db, 7).await;
        let rows = db.cached_many([11]).ttl(LONG);
        let rows = rows.by(
            |missing| dsl::accounts.filter(dsl::id.eq_any(missing)),
            |account: &(i32, i64)| account.0,
        );
        assert_eq!(rows.await.unwrap().len(), 1);
    }
    db.shutdown(PATIENCE).await.unwrap();
    let db = sharing_with(&test, &redis.url(), &namespace, few).await;
    until_warm(&db).await;
    assert_eq!(db.warming().fetched, 2);
    balance(&db, 7).await;
    let rows = db.cached_many([11]).ttl(LONG);
    let rows = rows.by(
        |missing| dsl::accounts.filter(dsl::id.eq_any(missing)),
        |account: &(i32, i64)| account.0,
    );
    rows.await.unwrap();
    assert_eq!(db.second_tier_statistics().unwrap().from_reserve, 2);
    assert_eq!(db.warming().in_reserve, 0);
}

#[tokio::test]
async fn a_redis_that_is_not_there_keeps_nobody() {
    let test = accounts().await;
    let url = "redis://127.0.0.1:9";
    let db = process(&test, |options| {
        options.redis = Some(super::redis_options(url));
        options.cache.register_warming("total", |db| async move {
            total(&db).await;
            Ok(())
        });
    })
    .await;
    assert_eq!(total(&db).await, 200);
    timeout(Duration::from_secs(20), until_warm(&db))
        .await
        .unwrap();
    assert_eq!(db.warming().done, 1);
}

#[tokio::test]
async fn all_processes_on_the_server_are_asked_through_the_log() {
    let test = accounts().await;
    let asks = process(&test, |_| {}).await;
    // One that would not warm by itself is asked as well.
    let warms = process(&test, |options| {
        options.cache.warm = false;
        options.cache.register_warming("total", |db| async move {
            total(&db).await;
            Ok(())
        });
        options
            .cache
            .register_warming("fails", |_| async { Err("out of flour".into()) });
    })
    .await;
    let before = warms.cache_statistics().loads;
    let kept = asks.cache_statistics().invalidations;
    let request = asks.request_warming().await.unwrap();
    let answers = async || asks.warming_answers(&request).await.unwrap();
    // The one that belongs to the test itself may answer as well.
    until("both have finished", async || {
        let answers = answers().await;
        let has_reads = answers.iter().any(|answer| answer.total == 2);
        has_reads && answers.len() >= 2 && answers.iter().all(|answer| answer.finished)
    })
    .await;
    let answers = answers().await;
    let one = answers.iter().find(|answer| answer.total == 2).unwrap();
    assert_eq!((one.done, one.failed), (1, 1));
    assert_eq!(one.problem.as_deref(), Some("fails: out of flour"));
    assert!(one.process.contains("pid "));
    let other = answers.iter().find(|answer| answer.total == 0).unwrap();
    assert_eq!((other.done, &other.problem), (0, &None));
    assert_eq!(warms.cache_statistics().loads, before + 1);
    // The row of the log invalidates nothing.
    assert_eq!(asks.cache_statistics().invalidations, kept);
    let hits = warms.cache_statistics().hits;
    total(&warms).await;
    assert_eq!(warms.cache_statistics().hits, hits + 1);
}

#[tokio::test]
async fn a_request_makes_nothing_wrong_also_after_a_change_of_definitions() {
    let test = accounts().await;
    let asks = process(&test, |_| {}).await;
    let log = super::plain(&test).await;
    let everything = async || -> i64 {
        let query = "SELECT count(*) FROM larder.invalidation \
            WHERE touched @> ARRAY[-4611686018427387904]";
        log.query_one(query, &[]).await.unwrap().get(0)
    };
    let create = "CREATE TABLE elsewhere (n int)";
    for _ in 0..5 {
        // Nobody knows the definitions by then.
        asks.sql(create).execute().await.unwrap();
        let before = everything().await;
        let request = asks.request_warming().await.unwrap();
        until("it has finished", async || {
            let answers = asks.warming_answers(&request).await.unwrap();
            !answers.is_empty() && answers.iter().all(|answer| answer.finished)
        })
        .await;
        assert_eq!(everything().await, before);
        asks.sql("DROP TABLE elsewhere").execute().await.unwrap();
    }
}

#[tokio::test]
async fn a_log_that_an_earlier_version_made_works_and_is_completed_by_install() {
    let test = accounts().await;
    let db = process(&test, |_| {}).await;
    assert_eq!(db.log_status().await.unwrap().warming_cure, None);
    let drop = "DROP TABLE larder.warming";
    test.database().sql(drop).execute().await.unwrap();
    let db = process(&test, |_| {}).await;
    super::keep(&db).await;
    db.check_log().await.unwrap();
    let status = db.log_status().await.unwrap();
    assert!(status.warming_cure.unwrap().contains("cache install"));
    db.request_warming().await.unwrap_err();
    assert!(test.database().install_log().await.unwrap());
    assert!(!test.database().install_log().await.unwrap());
    db.request_warming().await.unwrap();
}
