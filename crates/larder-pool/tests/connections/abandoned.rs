//! What the server still runs when a connection is not to be used again.

use std::pin::pin;

use diesel_async::SimpleAsyncConnection;
use futures::poll;
use larder_pool::Pool;
use larder_testing::TestDatabase;

use super::support::{backend, empty, eventually, pool_of_one};

/// Far longer than anybody waits here.
const LONG: &str = "SELECT pg_sleep(600)";

/// Whether this process of the server runs the statement.
fn is_running(process: i32) -> String {
    format!(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {process} \
         AND state = 'active' AND wait_event = 'PgSleep')"
    )
}

fn is_gone(process: i32) -> String {
    format!("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {process})")
}

/// Gives a statement up on a connection that is good for nothing more, and waits for its end.
async fn assert_ended(test: &TestDatabase, pool: &Pool, condemning: Option<&str>) {
    let mut session = pool.session().await.unwrap();
    let process = backend(&mut session).await;
    if let Some(condemning) = condemning {
        session.batch_execute(condemning).await.unwrap();
    }
    {
        let mut statement = pin!(session.batch_execute(LONG));
        let question = is_running(process);
        let running = eventually(test, &question);
        tokio::select! {
            ended = statement.as_mut() => unreachable!("{ended:?}"),
            () = running => {}
        }
        assert!(poll!(statement).is_pending());
    }
    match condemning {
        Some(_) => drop(session),
        None => session.discard(),
    }
    eventually(test, &is_gone(process)).await;
    // Its place is free again, for another connection.
    assert_ne!(backend(&mut pool.session().await.unwrap()).await, process);
}

#[tokio::test]
async fn a_statement_that_was_given_up_ends_where_its_session_is_discarded() {
    let test = empty().await;
    let pool = pool_of_one(test.url(), |_| {});
    assert_ended(&test, &pool, None).await;
}

#[tokio::test]
async fn so_it_does_where_the_connection_cannot_be_used_again() {
    let test = empty().await;
    let pool = pool_of_one(test.url(), |_| {});
    assert_ended(&test, &pool, Some("PREPARE own AS SELECT 1")).await;
}
