//! PgBouncer tells with one and the same code, of a protocol violation, that it has lost a server,
//! that it has none, and that it lets nobody in.

#![expect(clippy::expect_used, reason = "what is missing is named")]

use std::sync::atomic::{AtomicU32, Ordering};

use diesel_async::SimpleAsyncConnection;
use larder_database::sql;
use larder_pool::{
    ConnectErrorCause, ConnectOptions, Error, ErrorClass, Pool, PoolerMode, RetryPolicy,
};
use larder_testing::TestDatabase;
use tokio_postgres::NoTls;

use super::support::{empty, eventually, pool_by};

/// The URL of a database of this name behind the pooler.
fn url_of(database: &str) -> String {
    let pooler = std::env::var("LARDER_TEST_PGBOUNCER_URL").expect(
        "LARDER_TEST_PGBOUNCER_URL is not set: run the tests by `cargo xtask test`, which sets it",
    );
    let (place, _) = pooler.rsplit_once('/').expect("a URL with a database");
    format!("{place}/{database}")
}

fn behind(database: &str) -> Pool {
    let mut options = ConnectOptions::parse(&url_of(database)).unwrap();
    options.pooler = PoolerMode::Transaction;
    pool_by(options, |_| {})
}

fn name_of(test: &TestDatabase) -> &str {
    let (_, name) = test.url().rsplit_once('/').expect("a URL with a database");
    name
}

/// Has the pooler cut everybody off from a database, and let them in again.
async fn cut_off(database: &str) {
    let url = url_of("pgbouncer");
    let (console, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    for command in ["KILL", "RESUME"] {
        let command = format!("{command} {database}");
        console.simple_query(&command).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_the_pooler_has_cut_off_is_lost_and_its_transaction_runs_again() {
    let test = empty().await;
    let name = name_of(&test);
    let pool = behind(name);
    let runs = AtomicU32::new(0);
    let retried = pool.retry(RetryPolicy::default());
    let result = retried.transaction(async |connection| {
        connection.batch_execute("SELECT 1").await?;
        if runs.fetch_add(1, Ordering::Relaxed) > 0 {
            return Ok(());
        }
        cut_off(name).await;
        let result = connection.batch_execute("SELECT 1").await;
        let reply = connection.last_server_error().unwrap();
        // Else nothing here would be a test.
        assert_eq!(reply.state().as_str(), "08P01", "{reply}");
        assert!(reply.ends_connection(), "{reply}");
        assert_eq!(reply.class(), ErrorClass::Connection, "{reply}");
        result
    });
    result.await.unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_transaction_in_which_nothing_has_run_is_begun_again_behind_a_pooler_too() {
    let test = empty().await;
    let name = name_of(&test);
    let runs = AtomicU32::new(0);
    let pool = behind(name);
    let result = pool.transaction(async |connection| {
        runs.fetch_add(1, Ordering::Relaxed);
        cut_off(name).await;
        connection.batch_execute("SELECT 1").await
    });
    result.await.unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_became_of_a_write_on_a_connection_that_the_pooler_cut_off_is_unknown() {
    let test = empty().await;
    let name = name_of(&test);
    let database = test.database();
    let table = database.sql("CREATE TABLE notes (id int)").execute();
    table.await.unwrap();
    let pool = behind(name);
    let mut session = pool.session().await.unwrap();
    let write = sql("INSERT INTO notes SELECT 1 FROM pg_sleep(600)").execute_on(&mut session);
    let running = "SELECT EXISTS (SELECT FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event = 'PgSleep')";
    let cut = async {
        eventually(&test, running).await;
        cut_off(name).await;
    };
    let (result, ()) = futures::join!(write, cut);
    let error = result.unwrap_err();
    assert_eq!(error.class(), ErrorClass::OutcomeUnknown, "{error}");
}

#[tokio::test]
async fn a_refusal_of_the_pooler_has_its_cause() {
    let test = empty().await;
    let missing = format!("{}_missing", name_of(&test));
    let error = behind(&missing).session().await.unwrap_err();
    let Error::Connect(error) = &error else {
        unreachable!("{error}");
    };
    let reply = error.server_error().unwrap();
    assert_eq!(reply.state().as_str(), "08P01", "{error}");
    assert_eq!(error.cause(), ConnectErrorCause::UnknownDatabase, "{error}");
}
