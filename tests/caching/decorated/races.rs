//! Calls and writes that meet: who runs the body, who waits, and what is kept after that.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::future::join_all;
use larder::cached;
use larder_database::{Database, Error};
use tokio::time::timeout;

use super::{Runs, Stop, balance, opened, set_balance};
use crate::caching::other_process;
use crate::support::PATIENCE;

/// Reads, and waits before it returns.
#[cached(ttl = "1h", skip(stop, runs))]
async fn slow(db: &Database, id: i32, stop: &Stop, runs: &Runs) -> Result<i64, Error> {
    runs.ran();
    let balance = balance(db, id).await?;
    stop.pass().await;
    Ok(balance)
}

#[tokio::test]
async fn a_write_between_the_read_and_the_end_of_the_body_is_not_lost() {
    let (_test, db) = opened().await;
    let (stop, runs) = (Stop::new(), Runs::default());
    let early = tokio::spawn({
        let (db, stop, runs) = (db.clone(), stop.clone(), runs.clone());
        async move { slow(&db, 1, &stop, &runs).await }
    });
    stop.reached().await;
    set_balance(&db, 1, 70).await;
    // Begun after the write was acknowledged: it must not be given what was read before that.
    let late = tokio::spawn({
        let (db, stop, runs) = (db.clone(), stop.clone(), runs.clone());
        async move { slow(&db, 1, &stop, &runs).await }
    });
    stop.let_one_go();
    assert_eq!(early.await.unwrap().unwrap(), 100, "what it has read");
    stop.reached().await;
    stop.let_one_go();
    assert_eq!(late.await.unwrap().unwrap(), 70);
    assert_eq!(slow(&db, 1, &stop, &runs).await.unwrap(), 70);
    assert_eq!(runs.count(), 2, "what came late is kept");
}

#[tokio::test]
async fn what_was_read_before_a_write_is_not_kept_after_it() {
    let (_test, db) = opened().await;
    let (stop, runs) = (Stop::new(), Runs::default());
    let early = tokio::spawn({
        let (db, stop, runs) = (db.clone(), stop.clone(), runs.clone());
        async move { slow(&db, 1, &stop, &runs).await }
    });
    stop.reached().await;
    set_balance(&db, 1, 70).await;
    stop.let_one_go();
    assert_eq!(early.await.unwrap().unwrap(), 100);
    let open = Stop::open();
    assert_eq!(slow(&db, 1, &open, &runs).await.unwrap(), 70);
    assert_eq!(runs.count(), 2);
}

#[tokio::test]
async fn a_write_of_another_process_meanwhile_is_not_lost_either() {
    let (test, db) = opened().await;
    let other = other_process(&test).await;
    let (stop, runs) = (Stop::new(), Runs::default());
    let early = tokio::spawn({
        let (db, stop, runs) = (db.clone(), stop.clone(), runs.clone());
        async move { slow(&db, 1, &stop, &runs).await }
    });
    stop.reached().await;
    set_balance(&other, 1, 70).await;
    stop.let_one_go();
    assert_eq!(early.await.unwrap().unwrap(), 100);
    let open = Stop::open();
    let seen = async {
        while slow(&db, 1, &open, &runs).await.unwrap() != 70 {
            // A hit does not wait, and the log is followed by another task.
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, seen).await.unwrap();
}

#[tokio::test]
async fn many_callers_at_once_run_the_body_once() {
    let (_test, db) = opened().await;
    let (stop, runs) = (Stop::new(), Runs::default());
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let (db, stop, runs) = (db.clone(), stop.clone(), runs.clone());
            tokio::spawn(async move { slow(&db, 1, &stop, &runs).await })
        })
        .collect();
    stop.reached().await;
    joined(&db, 99).await;
    stop.let_one_go();
    for balance in join_all(callers).await {
        assert_eq!(balance.unwrap().unwrap(), 100);
    }
    assert_eq!(runs.count(), 1);
}

async fn joined(db: &Database, callers: u64) {
    let joining = async {
        while db.cache_statistics().joined < callers {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, joining).await.unwrap();
}

#[tokio::test]
async fn where_the_one_who_runs_it_is_dropped_another_one_does() {
    let (_test, db) = opened().await;
    let (stop, runs) = (Stop::new(), Runs::default());
    let call = || {
        let (db, stop, runs) = (db.clone(), stop.clone(), runs.clone());
        tokio::spawn(async move { slow(&db, 1, &stop, &runs).await })
    };
    let first = call();
    stop.reached().await;
    let others = [call(), call(), call()];
    joined(&db, 3).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    stop.reached().await;
    stop.let_one_go();
    for other in others {
        assert_eq!(other.await.unwrap().unwrap(), 100);
    }
    assert_eq!(runs.count(), 2, "one of them ran it for all");
}

#[tokio::test]
async fn a_panic_is_its_callers_and_the_others_go_on() {
    #[cached(ttl = "1h", skip(stop, runs))]
    async fn panicking(db: &Database, stop: &Stop, runs: &Runs) -> Result<i64, Error> {
        let run = runs.ran();
        stop.pass().await;
        assert!(run > 1, "the first one panics");
        balance(db, 1).await
    }
    let (_test, db) = opened().await;
    let (stop, runs) = (Stop::new(), Runs::default());
    let call = || {
        let (db, stop, runs) = (db.clone(), stop.clone(), runs.clone());
        tokio::spawn(async move {
            let call = panicking(&db, &stop, &runs);
            AssertUnwindSafe(call).catch_unwind().await
        })
    };
    let first = call();
    stop.reached().await;
    let other = call();
    joined(&db, 1).await;
    stop.let_one_go();
    assert!(first.await.unwrap().is_err(), "it panics in its caller");
    stop.reached().await;
    stop.let_one_go();
    assert_eq!(other.await.unwrap().unwrap().unwrap(), 100);
    assert_eq!(panicking(&db, &stop, &runs).await.unwrap(), 100);
    assert_eq!(runs.count(), 2);
}

#[tokio::test]
async fn an_error_is_not_kept_and_goes_to_the_one_whose_body_gave_it() {
    /// An error that cannot be cloned.
    #[derive(Debug, PartialEq)]
    struct Nth(u64);
    #[cached(ttl = "1h", skip(stop, runs))]
    async fn failing(db: &Database, stop: &Stop, runs: &Runs) -> Result<i64, Nth> {
        let run = runs.ran();
        stop.pass().await;
        let balance = balance(db, 1).await.unwrap();
        if run < 3 { Err(Nth(run)) } else { Ok(balance) }
    }
    let (_test, db) = opened().await;
    let (stop, runs) = (Stop::new(), Runs::default());
    let call = || {
        let (db, stop, runs) = (db.clone(), stop.clone(), runs.clone());
        tokio::spawn(async move { failing(&db, &stop, &runs).await })
    };
    let first = call();
    stop.reached().await;
    let other = call();
    joined(&db, 1).await;
    stop.let_one_go();
    assert_eq!(first.await.unwrap(), Err(Nth(1)));
    stop.reached().await;
    stop.let_one_go();
    assert_eq!(other.await.unwrap(), Err(Nth(2)), "its own, not the first");
    stop.let_one_go();
    assert_eq!(failing(&db, &stop, &runs).await, Ok(100));
    assert_eq!(failing(&db, &stop, &runs).await, Ok(100));
    assert_eq!(runs.count(), 3, "what succeeded is kept");
}

#[tokio::test]
async fn a_function_that_calls_itself_with_the_same_arguments_does_not_wait_for_itself() {
    #[cached(ttl = "1h", skip(runs))]
    async fn deep(db: &Database, id: i32, runs: &Runs) -> Result<i64, Error> {
        if runs.ran() < 4 {
            return Box::pin(deep(db, id, runs)).await;
        }
        balance(db, id).await
    }
    let (_test, db) = opened().await;
    let runs = Runs::default();
    let call = || deep(&db, 1, &runs);
    // Well before anybody would stop to wait.
    let first = timeout(std::time::Duration::from_secs(8), call()).await;
    assert_eq!(first.unwrap().unwrap(), 100);
    assert_eq!(runs.count(), 4);
    call().await.unwrap();
    assert_eq!(runs.count(), 4, "it is kept");
    set_balance(&db, 1, 1).await;
    assert_eq!(call().await.unwrap(), 1, "with what its depth has read");
}
