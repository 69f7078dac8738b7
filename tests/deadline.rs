//! The deadline of a request: everything that waits for it ends in time, says what it waited for,
//! and leaves connections in order.

use std::time::{Duration, Instant};

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_database::{Error, ErrorClass, ErrorKind, RetryPolicy, deadline, sql};
use larder_pool::SqlState;
use larder_testing::proxy::Proxy;

use crate::support::{PATIENCE, accounts, backend, balance, eventually, open, withdraw};

const LIMIT: Duration = Duration::from_millis(300);

fn text(error: &Error) -> String {
    format!("failed to {error}")
}

#[tokio::test]
async fn a_statement_is_ended_by_the_server_and_its_connection_is_kept() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let before = backend(&mut db.session().await.unwrap()).await;

    let began = Instant::now();
    let error = db
        .within(LIMIT, async {
            db.sql("SELECT pg_sleep(600)").execute().await
        })
        .await
        .unwrap_err();
    assert!(began.elapsed() >= LIMIT, "{:?}", began.elapsed());
    assert_eq!(error.class(), ErrorClass::Timeout, "{error}");
    // A busy machine may be late, and then this side ends it.
    if error.sql_state() == Some(SqlState::QUERY_CANCELED) {
        assert!(
            text(&error).contains("the deadline of the request, 300ms"),
            "{error}"
        );
        assert_eq!(backend(&mut db.session().await.unwrap()).await, before);
    }
    eventually(
        test.database(),
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' \
         AND state = 'active' AND pid <> pg_backend_pid())",
    )
    .await;
}

#[tokio::test]
async fn the_limit_of_one_request_is_not_that_of_the_next() {
    let test = accounts().await;
    let db = open(&test, |options| {
        options.pool.size = 1;
        options.connect = options.connect.clone().setting("statement_timeout", "7s");
    })
    .await;
    let shown = async || {
        db.sql("SELECT current_setting('statement_timeout')")
            .fetch_scalar::<String>()
            .await
    };
    assert_eq!(shown().await.unwrap(), "7s");
    let within = db.within(Duration::from_secs(5), shown()).await.unwrap();
    assert_ne!(within, "7s");
    assert_eq!(shown().await.unwrap(), "7s");
    // The shorter one counts.
    let within = db.within(Duration::from_secs(60), shown()).await.unwrap();
    assert_eq!(within, "7s");

    // In one session, with a request inside.
    let mut session = db.session().await.unwrap();
    let question = "SELECT current_setting('statement_timeout')";
    let inside = sql(question).fetch_scalar_on::<String>(&mut session);
    let inside = deadline::within(Duration::from_secs(5), inside)
        .await
        .unwrap();
    assert_ne!(inside, "7s");
    let after: String = sql(question).fetch_scalar_on(&mut session).await.unwrap();
    assert_eq!(after, "7s");
}

#[tokio::test]
async fn a_transaction_has_its_limit_from_the_beginning_and_rolls_back() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let error = db
        .within(LIMIT, async {
            db.transaction(async |conn| {
                withdraw(conn, 1, 30).await?;
                let shown: String = sql("SELECT current_setting('statement_timeout')")
                    .fetch_scalar_on(conn)
                    .await?;
                assert_ne!(shown, "0");
                conn.batch_execute("SELECT pg_sleep(600)").await?;
                Ok::<_, Error>(())
            })
            .await
        })
        .await
        .unwrap_err();
    assert!(
        matches!(error.class(), ErrorClass::Timeout | ErrorClass::Caller),
        "{error}"
    );
    assert_eq!(balance(&db, 1).await, 100);
    // And it ended with the transaction.
    let shown: String = db
        .sql("SELECT current_setting('statement_timeout')")
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(shown, "0");
}

#[tokio::test]
async fn nothing_is_committed_after_the_deadline() {
    let test = accounts().await;
    let db = open(&test, |_| {}).await;
    let error = db
        .within(LIMIT, async {
            db.transaction(async |conn| {
                withdraw(conn, 1, 30).await?;
                tokio::time::sleep(LIMIT + Duration::from_millis(10)).await;
                Ok::<_, Error>(())
            })
            .await
        })
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Pool(larder_pool::ErrorKind::DeadlineExceeded)
    );
    assert_eq!(balance(&db, 1).await, 100);
}

#[tokio::test]
async fn whoever_does_not_answer_is_named() {
    let test = accounts().await;
    let proxy = Proxy::start(test.url()).unwrap();
    let mut options = larder_database::DatabaseOptions::from_url(&proxy.url()).unwrap();
    options.cache.mode = larder_database::CacheMode::Local;
    options.pool.size = 1;
    options.pool.overflow = 0;
    let db = larder_database::Database::open(options).await.unwrap();
    proxy.hold();
    let asking = async { db.sql("SELECT 1").fetch_scalar::<i32>().await };
    let asking = tokio::time::timeout(PATIENCE, db.within(LIMIT, asking));
    let error = asking.await.unwrap().unwrap_err();
    assert_eq!(error.class(), ErrorClass::Timeout, "{error}");
    assert!(
        text(&error).contains("database has not answered"),
        "{error}"
    );
    proxy.resume();
    // What was left there is not given to the next.
    let sum: i64 = db
        .sql("SELECT sum(balance)::bigint FROM accounts")
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(sum, 200);
}

#[tokio::test]
async fn a_future_that_goes_on_is_dropped_and_a_retry_does_not_outlive_it() {
    let test = accounts().await;
    let db = open(&test, |_| {}).await;
    let endless = std::future::pending::<Result<(), Error>>();
    let error = db.within(LIMIT, endless).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Pool(larder_pool::ErrorKind::DeadlineExceeded)
    );

    let policy = RetryPolicy::default()
        .retries(1000)
        .pauses(Duration::from_millis(20), Duration::from_millis(20));
    let began = Instant::now();
    let error = db
        .within(LIMIT, async {
            db.retry(policy)
                .transaction(async |conn| {
                    let sql = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$";
                    diesel::sql_query(sql).execute(conn).await
                })
                .await
        })
        .await
        .unwrap_err();
    assert!(began.elapsed() < PATIENCE);
    // Or the budget was spent before, or the time was up in the middle of an attempt.
    let known = [
        "no time left",
        "retry budget",
        "deadline of the request",
        "SQLSTATE 57014",
    ];
    assert!(
        known.iter().any(|words| text(&error).contains(words)),
        "{error}"
    );
}
