//! Fault 10: slow statements have all connections, and more callers come.

use std::time::Duration;

use larder_pool::{Error, OverloadCause};
use tokio::time::{Instant, timeout};

use super::checkout::{backend, pool_of, sleep};
use crate::support::{PATIENCE, accounts, until};

#[tokio::test]
async fn fault_10_the_oldest_are_sent_away_while_it_lasts() {
    let test = accounts().await;
    let pool = pool_of(test.url(), |options| {
        options.size = 2;
        options.overflow = 0;
        options.acquire_timeout = PATIENCE;
        options.held_warning = Some(Duration::from_millis(100));
    })
    .await;
    let slow: Vec<_> = (0..2)
        .map(|_| {
            let pool = pool.clone();
            let name = "monthly report";
            tokio::spawn(larder_pool::holding_as(name, async move {
                sleep(&mut pool.session().await?).await
            }))
        })
        .collect();
    until("both run", || {
        let holders = pool.status().holders;
        holders.len() == 2 && holders.iter().all(|holder| holder.is_busy)
    })
    .await;
    let began = Instant::now();
    let callers: Vec<_> = (0..10)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.session().await })
        })
        .collect();
    until("all but two were sent away", || pool.status().shed == 8).await;
    assert!(began.elapsed() < PATIENCE);
    assert!(pool.status().is_overloaded);
    assert_eq!(
        pool.status().waiting,
        2,
        "as many as are served in one turn"
    );

    test.database()
        .sql(
            "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%'",
        )
        .fetch_scalar::<i64>()
        .await
        .unwrap();
    for slow in slow {
        assert!(slow.await.unwrap().is_err(), "it was cancelled");
    }
    let mut refusals = vec![];
    for caller in callers {
        match timeout(PATIENCE, caller).await.unwrap().unwrap() {
            Ok(_) => {}
            Err(Error::Overloaded(refusal)) => refusals.push(refusal),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(refusals.len(), 8, "and the other two were served");
    let text = refusals[0].to_string();
    for part in [
        "pool `checkout`: it is overloaded",
        "pool.overload_target",
        "2 of 2 in use (size 2, overflow 0)",
        "more waiting",
        "held longest `monthly report` at tests/faults/fault_10_pool_saturated.rs:",
        "running a statement",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    assert!(matches!(refusals[0].cause(), OverloadCause::Delay { .. }));
    assert!(refusals[0].waited() >= Duration::from_millis(50));

    // Without a restart.
    until("it is over", || !pool.status().is_overloaded).await;
    let both = [pool.session().await.unwrap(), pool.session().await.unwrap()];
    drop(both);
    assert_eq!(pool.status().in_use, 0);
    assert!(pool.status().held_long >= 2, "they were warned of");
}

#[tokio::test]
async fn fault_10_who_comes_when_too_many_wait_is_refused_at_once() {
    let test = accounts().await;
    let pool = pool_of(test.url(), |options| {
        options.size = 1;
        options.overflow = 0;
        options.max_waiting = 1;
    })
    .await;
    let held = pool.session().await.unwrap();
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { backend(&mut pool.session().await?).await }
    });
    until("one waits", || pool.status().waiting == 1).await;
    let error = pool.session().await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("as many callers wait as may (1, pool.max_waiting)"),
        "{text}"
    );
    assert_eq!(pool.status().turned_away, 1);
    drop(held);
    waiting.await.unwrap().unwrap();
}

/// The limit begins at `size`, and a wait moves it up before anybody is sent away.
#[tokio::test]
async fn fault_10_the_overflow_is_opened_before_anybody_is_sent_away() {
    let test = accounts().await;
    let pool = pool_of(test.url(), |options| {
        options.size = 1;
        options.overflow = 5;
    })
    .await;
    assert_eq!(pool.status().limit, 1);
    let mut held = vec![];
    for _ in 0..6 {
        held.push(timeout(PATIENCE, pool.session()).await.unwrap().unwrap());
    }
    let status = pool.status();
    assert_eq!((status.limit, status.shed), (6, 0));
    let advice = status.advice.to_string();
    assert!(advice.contains("callers waited"), "{advice}");
    drop(held);
}
