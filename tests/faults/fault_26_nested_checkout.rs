//! Fault 26: a session is opened inside a session of the same task, and there is no other
//! connection: the wait could never end.

use std::time::Duration;

use larder_pool::{Error, Pool, TransactionError};
use tokio::time::{Instant, timeout};

use super::checkout::{backend, pool_of};
use crate::support::{PATIENCE, accounts};

/// A pool of so many, in which everybody waits for minutes: what ends earlier was noticed.
async fn small(url: &str, size: usize) -> Pool {
    pool_of(url, |options| {
        options.size = size;
        options.overflow = 0;
        options.acquire_timeout = Duration::from_secs(300);
        options.overload_target = Duration::ZERO;
    })
    .await
}

fn assert_names_both(error: &Error, first: u32, second: u32) {
    let Error::NestedCheckout(nested) = error else {
        panic!("it is another error: {error}");
    };
    let text = nested.to_string();
    for line in [first, second] {
        let place = format!("tests/faults/fault_26_nested_checkout.rs:{line}");
        assert!(text.contains(&place), "{place} is missing: {text}");
    }
    assert!(text.contains("pool `checkout`"), "{text}");
}

#[tokio::test]
async fn fault_26_a_session_inside_a_session_is_an_error_that_names_both() {
    let test = accounts().await;
    let pool = small(test.url(), 1).await;
    let first = line!() + 1;
    let mut outer = pool.session().await.unwrap();
    backend(&mut outer).await.unwrap();
    let second = line!() + 1;
    let inner = timeout(PATIENCE, pool.session()).await.unwrap();
    assert_names_both(&inner.unwrap_err(), first, second);
    assert_eq!(pool.status().nested, 1);
    // The outer one is as it was.
    backend(&mut outer).await.unwrap();
    drop(outer);
    backend(&mut pool.session().await.unwrap()).await.unwrap();
}

#[tokio::test]
async fn fault_26_the_same_in_a_task_and_with_several_connections() {
    let test = accounts().await;
    let pool = small(test.url(), 2).await;
    let task = tokio::spawn(async move {
        let _outer = pool.session().await?;
        let _inner = pool.session().await?;
        pool.session().await
    });
    let error = timeout(PATIENCE, task).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(error, Error::NestedCheckout(_)), "{error}");
}

/// A transaction cannot end while its closure waits, so this is known without waiting.
#[tokio::test]
async fn fault_26_inside_a_transaction_it_is_known_at_once() {
    let test = accounts().await;
    let pool = small(test.url(), 1).await;
    let began = Instant::now();
    let result = pool
        .transaction(async |_| {
            let inner = pool.session().await;
            inner.map(|_| ())
        })
        .await;
    let Err(TransactionError::Closure { error, .. }) = result else {
        panic!("it went through");
    };
    assert!(matches!(error, Error::NestedCheckout(_)), "{error}");
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "nothing was waited for"
    );
}

#[tokio::test]
async fn fault_26_another_connection_is_free_so_it_is_no_error() {
    let test = accounts().await;
    let pool = small(test.url(), 2).await;
    let _outer = pool.session().await.unwrap();
    backend(&mut pool.session().await.unwrap()).await.unwrap();
}

/// Each of these waits for what it will get, for longer than it takes to notice a nested one.
#[tokio::test]
async fn fault_26_who_waits_for_others_is_left_alone() {
    let test = accounts().await;
    let pool = small(test.url(), 1).await;
    let long = Duration::from_millis(2_500);

    // Opened here, used elsewhere.
    let mut session = pool.session().await.unwrap();
    let elsewhere = tokio::spawn(async move {
        backend(&mut session).await?;
        tokio::time::sleep(long).await;
        backend(&mut session).await
    });
    backend(&mut pool.session().await.unwrap()).await.unwrap();
    elsewhere.await.unwrap().unwrap();

    // Another branch of the same task is at work.
    let busy = async {
        let mut session = pool.session().await?;
        let sleep = diesel::sql_query("SELECT pg_sleep(2.5)");
        diesel_async::RunQueryDsl::execute(sleep, &mut *session)
            .await
            .map_err(|error| Error::statement(error, None))?;
        drop(session);
        Ok::<_, Error>(())
    };
    let next = async {
        tokio::task::yield_now().await;
        backend(&mut pool.session().await?).await
    };
    let (busy, next) = tokio::join!(busy, next);
    busy.unwrap();
    next.unwrap();

    // Held by another task, which does nothing with it.
    let other = pool.session().await.unwrap();
    let holding = tokio::spawn(async move {
        let held = other;
        let same = &held;
        assert!(!same.is_in_transaction());
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(held);
    });
    backend(&mut pool.session().await.unwrap()).await.unwrap();
    holding.await.unwrap();
    assert_eq!(pool.status().nested, 0);
}
