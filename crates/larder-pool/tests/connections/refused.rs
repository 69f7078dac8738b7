//! A server that refuses for good: everybody is told soon, and it is asked now and then only.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use larder_pool::{ConnectError, ConnectErrorCause, Error, Observer, PoolObserver};

use super::support::{PATIENCE, empty, pool_of_one};

/// Counts attempts that failed.
#[derive(Default)]
struct Failures(AtomicUsize);

impl PoolObserver for Failures {
    fn connect_failed(&self, _: &ConnectError) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[track_caller]
fn assert_refused(error: &Error) {
    let Error::Connect(error) = error else {
        unreachable!("{error}");
    };
    assert_eq!(error.cause(), ConnectErrorCause::UnknownDatabase);
}

#[tokio::test]
async fn who_comes_in_the_pause_after_a_refusal_waits_for_the_next_attempt() {
    let test = empty().await;
    let failures = Arc::new(Failures::default());
    let pool = pool_of_one(&format!("{}_missing", test.url()), |options| {
        options.size = 8;
        options.observer = Observer::new(failures.clone());
    });
    // Each comes while the pause after the attempt of the one before lasts.
    for _ in 0..4 {
        assert_refused(&pool.session().await.unwrap_err());
    }
    // And many at a time, of whom all but one have somebody else make the attempt.
    let all = join_all((0..8).map(|_| pool.session()));
    for result in tokio::time::timeout(PATIENCE, all).await.unwrap() {
        assert_refused(&result.unwrap_err());
    }
    let attempts = failures.0.load(Ordering::Relaxed);
    let told = pool.status().connect_failures;
    assert!(
        told.len() <= attempts,
        "{} errors are told of {attempts} attempts",
        told.len()
    );
    for (index, failure) in told.iter().enumerate() {
        let again = told[..index]
            .iter()
            .any(|before| Arc::ptr_eq(&before.error, &failure.error));
        assert!(!again, "an attempt is told of twice: {told:?}");
    }
}

#[tokio::test]
async fn nobody_is_forgotten_where_many_come_one_after_the_other() {
    let test = empty().await;
    let pool = pool_of_one(&format!("{}_missing", test.url()), |options| {
        options.size = 4;
        options.connect_parallelism = 2;
    });
    // They come before, in and after attempts that others make.
    let callers = (0..24_u64).map(|index| {
        let pool = pool.clone();
        async move {
            tokio::time::sleep(std::time::Duration::from_millis(index * 7)).await;
            pool.session().await.unwrap_err()
        }
    });
    let errors = tokio::time::timeout(PATIENCE, join_all(callers));
    for error in errors.await.unwrap() {
        assert_refused(&error);
    }
}
