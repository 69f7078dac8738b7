//! The cache behind a pooler: the log of invalidations, its follower, snapshots.

use std::time::Duration;

use larder_database::{Database, Hints};
use larder_pool::{ConnectOptions, OwnedQuery, Pool, PoolOptions, PoolerMode};
use larder_testing::TestDatabase;
use tokio::time::{Instant, sleep};

use super::{all_clients, behind, pooler_url};
use crate::support::{PATIENCE, accounts, open};

/// How often the log is looked at.
const POLL: Duration = Duration::from_millis(20);

async fn cached_balance(db: &Database) -> i64 {
    let read = db.sql("SELECT balance FROM accounts WHERE id = 1").cached();
    read.ttl(Duration::from_secs(3000))
        .fetch_scalar()
        .await
        .unwrap()
}

async fn following(test: &TestDatabase) -> Database {
    behind(test, |options| {
        options.cache.poll_interval = POLL;
        options.cache.hints = Hints::Off;
    })
    .await
}

async fn until_it_reads(db: &Database, expected: i64) {
    let began = Instant::now();
    while cached_balance(db).await != expected {
        assert!(began.elapsed() < PATIENCE, "it never read {expected}");
        sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn what_is_written_on_one_side_is_not_served_on_the_other() {
    let test = accounts().await;
    let direct = open(&test, |options| {
        options.cache.poll_interval = POLL;
        options.cache.hints = Hints::Off;
    })
    .await;
    let (one, other) = (following(&test).await, following(&test).await);
    for round in 0..10_i64 {
        for writer in [&direct, &one, &other] {
            let value = fastrand::i64(1000..1_000_000) + round;
            writer
                .sql("UPDATE accounts SET balance = :value WHERE id = 1")
                .bind("value", value)
                .execute()
                .await
                .unwrap();
            // Its own writes are seen at once.
            assert_eq!(cached_balance(writer).await, value);
            for reader in [&direct, &one, &other] {
                until_it_reads(reader, value).await;
            }
        }
    }
    // And what is kept is served: the follower keeps the lease alive.
    let before = one.cache_statistics().hits;
    for _ in 0..20 {
        cached_balance(&one).await;
    }
    assert!(one.cache_statistics().hits > before);
}

#[tokio::test]
async fn the_follower_sets_nothing_that_others_would_find() {
    let test = accounts().await;
    let db = following(&test).await;
    until_it_reads(&db, 100).await;
    all_clients(|_| {
        let db = db.clone();
        async move {
            for _ in 0..10 {
                let read =
                    "SELECT setting || source FROM pg_settings WHERE name = 'statement_timeout'";
                let found: String = db.sql(read).fetch_scalar().await.unwrap();
                assert!(!found.contains("session"), "{found}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_and_its_rows_are_of_one_server() {
    let test = accounts().await;
    let mut options = ConnectOptions::parse(&pooler_url(&test)).unwrap();
    options.pooler = PoolerMode::Transaction;
    let pool = Pool::open(options, PoolOptions::named("as-of"))
        .await
        .unwrap();
    let pid = diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>(
        "pg_backend_pid() || ' ' || pg_current_snapshot()::text",
    ));
    for _ in 0..20 {
        let query = OwnedQuery::of(&pid, &pool).unwrap();
        let mut session = pool.session().await.unwrap();
        let (snapshot, rows) = session.load_owned_as_of(query).await.unwrap();
        let snapshot = snapshot.unwrap();
        let rows: Vec<_> = futures::TryStreamExt::try_collect(rows).await.unwrap();
        assert_eq!((snapshot.matches(':').count(), rows.len()), (2, 1));
        assert_eq!(session.snapshot().await.unwrap().matches(':').count(), 2);
    }
}
