//! Serialization failures and deadlocks between many writers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::future::join_all;
use larder_database::{Database, IsolationLevel, RetryPolicy};
use larder_pool::{Connection, RetryBudget, SqlState};
use tokio::sync::Barrier;

use super::support::{Runs, raise};
use crate::support::{accounts, balance, open, withdraw};

fn eager() -> RetryPolicy {
    RetryPolicy::default().pauses(Duration::from_millis(1), Duration::from_millis(50))
}

#[tokio::test]
async fn fault_15_two_that_deadlock_both_succeed() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 3).await;
    let both = Barrier::new(2);
    let transfer = async |from: i32, to: i32| {
        let runs = Runs::default();
        db.retry(eager())
            .named("transfer")
            .transaction(async |conn| {
                let run = runs.count();
                withdraw(conn, from, 10).await?;
                if run == 1 {
                    both.wait().await;
                }
                withdraw(conn, to, -10).await
            })
            .await
            .unwrap();
        runs.so_far()
    };
    let (one, other) = tokio::join!(transfer(1, 2), transfer(2, 1));
    assert_eq!(one + other, 3, "one of them had to run again");
    assert_eq!(balance(&db, 1).await + balance(&db, 2).await, 200);
}

#[tokio::test]
async fn fault_15_write_skew_is_prevented_and_run_again() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 3).await;
    let both = Barrier::new(2);
    // Either may be overdrawn in part, but not both together: each looks at the sum.
    let withdraw_if_covered = async |id: i32| {
        let runs = Runs::default();
        db.retry(eager().retries(5))
            .isolation_level(IsolationLevel::Serializable)
            .transaction(async |conn| {
                use crate::support::accounts::dsl;
                let sum: i64 = dsl::accounts
                    .select(dsl::balance)
                    .load::<i64>(conn)
                    .await?
                    .into_iter()
                    .sum();
                if runs.count() == 1 {
                    both.wait().await;
                }
                if sum >= 200 {
                    withdraw(conn, id, 100).await?;
                }
                Ok::<_, diesel::result::Error>(())
            })
            .await
            .unwrap();
        runs.so_far()
    };
    let (one, other) = tokio::join!(withdraw_if_covered(1), withdraw_if_covered(2));
    assert_eq!(one + other, 3, "one of them had to run again");
    assert_eq!(balance(&db, 1).await + balance(&db, 2).await, 100);
}

/// Moves money between two accounts, reading both first.
async fn transfer(conn: &mut Connection, from: i32, to: i32) -> QueryResult<()> {
    use crate::support::accounts::dsl;
    let amount = 1;
    for (id, change) in [(from, -amount), (to, amount)] {
        let before: i64 = dsl::accounts
            .find(id)
            .select(dsl::balance)
            .first(conn)
            .await?;
        diesel::update(dsl::accounts.find(id))
            .set(dsl::balance.eq(before + change))
            .execute(conn)
            .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_15_a_storm_leaves_the_sum_as_it_was_and_nearly_all_succeed() {
    const WRITERS: usize = 8;
    const TRANSFERS: usize = 25;
    const ACCOUNTS: i32 = 6;
    let test = accounts().await;
    let db = open(&test, |options| {
        options.pool.size = WRITERS;
        options.pool.retry_budget = RetryBudget::new(100, 1000);
    })
    .await;
    db.sql("INSERT INTO accounts SELECT id, 100 FROM generate_series(3, 6) AS id")
        .execute()
        .await
        .unwrap();
    let writers = (0..WRITERS).map(|_| tokio::spawn(storm(db.clone(), TRANSFERS, ACCOUNTS)));
    let mut met = 0;
    let mut overcome = 0;
    for writer in join_all(writers).await {
        let (writer_met, writer_overcome) = writer.unwrap();
        met += writer_met;
        overcome += writer_overcome;
    }
    let sum: i64 = db
        .sql("SELECT sum(balance)::bigint FROM accounts")
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(sum, 100 * i64::from(ACCOUNTS));
    assert!(met > 0, "no transaction met another one");
    assert!(overcome * 10 >= met * 9, "{overcome} of {met} succeeded");
    let statistics = db.connection_statistics();
    assert!(statistics.retries >= met as u64, "{statistics:?}");
}

/// How many transfers met an error that may be run again, and how many of these succeeded.
async fn storm(db: Database, transfers: usize, accounts: i32) -> (usize, usize) {
    let (mut met, mut overcome) = (0, 0);
    for _ in 0..transfers {
        let from = fastrand::i32(1..=accounts);
        let to = (from + fastrand::i32(0..accounts - 1)) % accounts + 1;
        let runs = Runs::default();
        // Half of them lock rows in any order, and the others conflict in what they read.
        let level = match fastrand::bool() {
            true => IsolationLevel::Serializable,
            false => IsolationLevel::RepeatableRead,
        };
        let done = db
            .retry(eager().retries(20))
            .named("transfer")
            .isolation_level(level)
            .transaction(async |conn| {
                runs.count();
                transfer(conn, from, to).await
            })
            .await;
        if let Err(error) = &done {
            assert_eq!(
                error.class(),
                larder_database::ErrorClass::Retryable,
                "{error}"
            );
        }
        let has_met = runs.so_far() > 1;
        met += usize::from(has_met);
        overcome += usize::from(has_met && done.is_ok());
    }
    (met, overcome)
}

#[tokio::test]
async fn fault_15_a_storm_in_which_all_fail_costs_no_more_than_the_budget() {
    const CALLS: usize = 100;
    const PERCENT: u32 = 20;
    const PER_SECOND: u32 = 5;
    let test = accounts().await;
    let began = Instant::now();
    let db = open(&test, |options| {
        options.pool.retry_budget = RetryBudget::new(PERCENT, PER_SECOND);
        // All come at once, and on a slow machine some would be sent away before they ran.
        options.pool.overload_target = Duration::ZERO;
    })
    .await;
    let runs = Arc::new(Runs::default());
    let policy = eager().retries(10);
    let call = async || {
        let run_out = db
            .retry(policy.clone())
            .named("hopeless")
            .transaction(async |conn| {
                runs.count();
                raise(conn, "40001").await
            })
            .await;
        run_out.unwrap_err()
    };
    let errors = join_all((0..CALLS).map(|_| call())).await;
    // The budget is filled with the time, and holds a second's worth at the start.
    let seconds = began.elapsed().as_secs_f64() + 1.0;
    let affords = CALLS as f64 * f64::from(PERCENT) / 100.0 + seconds * f64::from(PER_SECOND);
    let retries = runs.so_far() - CALLS;
    assert!(retries > 0);
    assert!(retries as f64 <= affords, "{retries} of {affords}");
    let spent = errors.iter().filter(|error| {
        assert_eq!(error.sql_state(), Some(SqlState::SERIALIZATION_FAILURE));
        error
            .to_string()
            .contains("the retry budget of pool `main` was spent")
    });
    assert!(spent.count() > CALLS / 2);
    let statistics = db.connection_statistics();
    assert_eq!(statistics.retries, retries as u64);
    assert_eq!(statistics.retry_refusals, CALLS as u64);
}
