//! The connection is lost after COMMIT was sent, before its reply.

use std::time::Duration;

use larder_database::{
    CacheMode, CommitOutcome, Database, Error, ErrorClass, ErrorKind, RetryPolicy,
};
use larder_testing::TestDatabase;
use larder_testing::proxy::{Fault, Moment, Proxy};

use super::support::{Runs, open_through};
use crate::support::{accounts, balance, withdraw};

const UNKNOWN: ErrorKind = ErrorKind::Pool(larder_pool::ErrorKind::CommitOutcomeUnknown);

/// Withdraws by a retry that would run it again at once, and counts the runs.
async fn withdraw_once(db: &Database) -> Error {
    let policy = RetryPolicy::default().retries(5);
    let runs = Runs::default();
    let error = db
        .retry(policy.pauses(Duration::from_millis(1), Duration::from_millis(5)))
        .transaction(async |conn| {
            runs.count();
            withdraw(conn, 1, 30).await
        })
        .await
        .unwrap_err();
    assert_eq!(runs.so_far(), 1);
    error
}

fn is_unknown(error: &Error) -> u64 {
    assert_eq!(error.kind(), UNKNOWN, "{error}");
    assert_eq!(error.class(), ErrorClass::OutcomeUnknown);
    let id = error.unknown_outcome().unwrap().transaction_id();
    let id = id.unwrap_or_else(|| panic!("without an id: {error}"));
    assert!(error.to_string().contains(&id.to_string()), "{error}");
    id
}

#[tokio::test]
async fn fault_04_the_outcome_is_unknown_and_the_server_says_committed() {
    let test = accounts().await;
    let proxy = Proxy::start(test.url()).unwrap();
    let db = open_through(&proxy, |_| {}).await;
    let struck = proxy.at(Moment::reply("COMMIT"), Fault::Cut);

    let error = withdraw_once(&db).await;
    struck.await;
    is_unknown(&error);
    let outcome = db.commit_outcome(&error).await.unwrap();
    assert_eq!(outcome, Some(CommitOutcome::Committed));
    assert_eq!(balance(test.database(), 1).await, 70);
}

#[tokio::test]
async fn fault_04_a_commit_that_never_arrived_was_rolled_back() {
    let test = accounts().await;
    let proxy = Proxy::start(test.url()).unwrap();
    let db = open_through(&proxy, |_| {}).await;
    let struck = proxy.at(Moment::statement("COMMIT"), Fault::Cut);

    let error = withdraw_once(&db).await;
    struck.await;
    is_unknown(&error);
    let outcome = db.commit_outcome(&error).await.unwrap();
    assert_eq!(outcome, Some(CommitOutcome::RolledBack));
    assert_eq!(balance(test.database(), 1).await, 100);
}

#[tokio::test]
async fn fault_04_a_commit_that_lands_late_is_waited_for() {
    const LOCK: &str = "4004";
    let test = accounts().await;
    for sql in [
        &format!(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_advisory_xact_lock({LOCK}); RETURN NULL; END $$"
        ),
        "CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON accounts \
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()",
    ] {
        test.database().sql(sql).execute().await.unwrap();
    }
    let proxy = Proxy::start(test.url()).unwrap();
    let db = open_through(&proxy, |_| {}).await;

    let mut holder = test.database().session().await.unwrap();
    let lock = format!("SELECT pg_advisory_lock({LOCK})::text");
    larder_database::sql(lock)
        .execute_on(&mut holder)
        .await
        .unwrap();
    let sent = proxy.when(Moment::statement("COMMIT"));
    let cut = async {
        sent.await;
        let waits = "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        crate::support::eventually(test.database(), waits).await;
        proxy.cut();
    };
    let (error, ()) = tokio::join!(withdraw_once(&db), cut);
    is_unknown(&error);

    let Error::Pool(error) = error else {
        panic!("{error}")
    };
    let unknown = error.unknown_outcome().unwrap();
    let pool = open_pool(&test).await;
    let now = unknown.resolve_within(&pool, Duration::ZERO).await.unwrap();
    assert_eq!(now, CommitOutcome::InProgress);
    drop(holder);
    let later = unknown
        .resolve_within(&pool, crate::support::PATIENCE)
        .await;
    assert_eq!(later.unwrap(), CommitOutcome::Committed);
    assert_eq!(balance(test.database(), 1).await, 70);
}

async fn open_pool(test: &TestDatabase) -> larder_pool::Pool {
    let connect = larder_pool::ConnectOptions::parse(test.url()).unwrap();
    let options = larder_pool::PoolOptions::named("resolving");
    larder_pool::Pool::open(connect, options).await.unwrap()
}

#[tokio::test]
async fn fault_04_a_write_that_commits_by_itself_is_resolved_too() {
    let test = accounts().await;
    let proxy = Proxy::start(test.url()).unwrap();
    // With a log the write travels in a transaction of its own, together with its row.
    let db = open_through(&proxy, |options| options.cache.mode = CacheMode::Shared).await;
    let struck = proxy.at(Moment::reply("COMMIT"), Fault::Cut);
    let runs = Runs::default();
    let error = db
        .retry(RetryPolicy::default())
        .run(async || {
            runs.count();
            db.sql("UPDATE accounts SET balance = balance - 30 WHERE id = 1")
                .execute()
                .await
        })
        .await
        .unwrap_err();
    struck.await;
    assert_eq!(runs.so_far(), 1);
    is_unknown(&error);
    let outcome = db.commit_outcome(&error).await.unwrap();
    assert_eq!(outcome, Some(CommitOutcome::Committed));
    assert_eq!(balance(test.database(), 1).await, 70);
}

#[tokio::test]
async fn fault_04_a_write_without_a_transaction_is_unknown_without_an_id() {
    let test = accounts().await;
    let proxy = Proxy::start(test.url()).unwrap();
    let db = open_through(&proxy, |_| {}).await;
    let struck = proxy.at(Moment::reply("UPDATE"), Fault::Cut);
    let error = db
        .sql("UPDATE accounts SET balance = balance - 30 WHERE id = 1")
        .execute()
        .await
        .unwrap_err();
    struck.await;
    assert_eq!(error.kind(), UNKNOWN, "{error}");
    let outcome = db.commit_outcome(&error).await.unwrap().unwrap();
    assert!(matches!(outcome, CommitOutcome::Unknown(_)), "{outcome:?}");
    assert!(outcome.advice().contains("read the data"));
    assert_eq!(balance(test.database(), 1).await, 70);
}

#[tokio::test]
async fn fault_04_a_read_whose_answer_is_lost_has_no_doubtful_outcome() {
    let test = accounts().await;
    let proxy = Proxy::start(test.url()).unwrap();
    let db = open_through(&proxy, |_| {}).await;
    let struck = proxy.at(Moment::reply("SELECT"), Fault::Cut);
    let runs = Runs::default();
    let policy = RetryPolicy::default().pauses(Duration::from_millis(1), Duration::from_millis(5));
    let read: i64 = db
        .retry(policy)
        .run(async || {
            runs.count();
            db.sql("SELECT balance FROM accounts WHERE id = 1")
                .fetch_scalar()
                .await
        })
        .await
        .unwrap();
    struck.await;
    assert_eq!((read, runs.so_far()), (100, 2));
}
