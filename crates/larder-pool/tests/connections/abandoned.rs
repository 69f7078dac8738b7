//! What the server still runs when a connection is not to be used again.

use std::pin::pin;
use std::time::Duration;

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

/// A table of which each row takes two seconds to commit.
async fn dawdling() -> TestDatabase {
    let test = empty().await;
    for statement in [
        "CREATE TABLE notes (id int)",
        // All of it happens in COMMIT.
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql \
         AS 'BEGIN PERFORM pg_sleep(2); RETURN NULL; END'",
        "CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON notes \
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle()",
    ] {
        test.database().sql(statement).execute().await.unwrap();
    }
    test
}

#[tokio::test]
async fn a_commit_that_is_late_is_not_disturbed() {
    let test = dawdling().await;
    let pool = pool_of_one(test.url(), |_| {});
    let mut session = pool.session().await.unwrap();
    let written = session.transaction(async |connection| {
        connection
            .batch_execute("INSERT INTO notes VALUES (1)")
            .await?;
        connection.set_answer_timeout(Some(Duration::from_millis(200)));
        Ok::<_, diesel::result::Error>(())
    });
    assert!(written.await.is_err(), "COMMIT takes longer");
    drop(session);
    eventually(&test, "SELECT count(*) = 1 FROM notes").await;
}

#[tokio::test]
async fn a_commit_that_was_given_up_is_not_disturbed_where_its_session_is_discarded() {
    let test = dawdling().await;
    let pool = pool_of_one(test.url(), |_| {});
    let mut session = pool.session().await.unwrap();
    let process = backend(&mut session).await;
    {
        let mut written = pin!(session.transaction(async |connection| {
            let insert = "INSERT INTO notes VALUES (1)";
            connection.batch_execute(insert).await
        }));
        let question = is_running(process);
        tokio::select! {
            ended = written.as_mut() => unreachable!("{ended:?}"),
            () = eventually(&test, &question) => {}
        }
    }
    session.discard();
    eventually(&test, "SELECT count(*) = 1 FROM notes").await;
}
