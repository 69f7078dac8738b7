//! Sessions: several statements that each commit by themselves, and what is left behind.

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_database::sql;

use crate::support::{PATIENCE, accounts, backend, balance, eventually, open};

#[tokio::test]
async fn each_statement_of_a_session_commits_by_itself() {
    let test = accounts().await;
    let mut session = test.database().session().await.unwrap();
    sql("UPDATE accounts SET balance = 1 WHERE id = 1")
        .execute_on(&mut session)
        .await
        .unwrap();
    // Seen from another connection while the session is still open.
    assert_eq!(balance(test.database(), 1).await, 1);
    let failed = sql("UPDATE accounts SET balance = -1 WHERE id = 2")
        .execute_on(&mut session)
        .await;
    assert!(failed.is_err());
    sql("UPDATE accounts SET balance = 2 WHERE id = 2")
        .execute_on(&mut session)
        .await
        .unwrap();
    assert_eq!(balance(test.database(), 2).await, 2);
}

#[tokio::test]
async fn a_session_is_one_connection_and_goes_back_to_the_pool() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let mut session = db.session().await.unwrap();
    let first = backend(&mut session).await;
    assert_eq!(backend(&mut session).await, first);
    assert_eq!(db.pool_status().in_use, 1);
    drop(session);
    assert_eq!(db.pool_status().in_use, 0);
    assert_eq!(backend(&mut db.session().await.unwrap()).await, first);
}

#[tokio::test]
async fn a_connection_of_which_one_row_was_read_is_free_at_once() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    for _ in 0..20 {
        let mut session = db.session().await.unwrap();
        // `get_result` reads the first row and no further, not even to the end.
        diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1"))
            .get_result::<i32>(&mut session)
            .await
            .unwrap();
        drop(session);
        // Had there been something to clean up, a task would be at it now.
        assert_eq!(db.pool_status().in_use, 0);
    }
}

#[tokio::test]
async fn a_statement_that_fails_after_its_last_row_has_failed() {
    let test = accounts().await;
    let mut session = test.database().session().await.unwrap();
    sql("CREATE TABLE parts (id int PRIMARY KEY, of int REFERENCES parts DEFERRABLE INITIALLY DEFERRED)")
        .execute_on(&mut session)
        .await
        .unwrap();
    // The row comes, and then the implicit commit is refused.
    let error = sql("INSERT INTO parts VALUES (1, 7) RETURNING id")
        .fetch_scalar_on::<i32>(&mut session)
        .await
        .unwrap_err();
    assert_eq!(error.sql_state().unwrap().as_str(), "23503");
    let error = diesel::dsl::sql::<diesel::sql_types::Integer>(
        "INSERT INTO parts VALUES (2, 7) RETURNING id",
    )
    .get_result::<i32>(&mut session)
    .await
    .unwrap_err();
    assert!(error.to_string().contains("foreign key"), "{error}");
}

#[tokio::test]
async fn a_copy_that_nobody_feeds_costs_its_connection_and_nothing_else() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    for copy in ["COPY accounts FROM STDIN", "COPY (SELECT 1) TO STDOUT"] {
        let mut session = db.session().await.unwrap();
        assert!(session.batch_execute(copy).await.is_err(), "{copy}");
        drop(session);
        assert_eq!(balance(&db, 1).await, 100, "after {copy}");
    }
    eventually(
        test.database(),
        "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'COPY%'",
    )
    .await;
}

#[tokio::test]
async fn a_test_transaction_left_open_is_rolled_back_like_any_other() {
    use diesel_async::AsyncConnection;

    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let mut session = db.session().await.unwrap();
    AsyncConnection::begin_test_transaction(&mut *session)
        .await
        .unwrap();
    sql("UPDATE accounts SET balance = 1")
        .execute_on(&mut session)
        .await
        .unwrap();
    drop(session);
    let mut session = db.session().await.unwrap();
    assert!(!session.is_in_transaction());
    sql("UPDATE accounts SET balance = 2 WHERE id = 2")
        .execute_on(&mut session)
        .await
        .unwrap();
    drop(session);
    assert_eq!(balance(test.database(), 1).await, 100);
    assert_eq!(balance(test.database(), 2).await, 2);
}

#[tokio::test]
async fn nobody_hears_of_the_errors_of_the_user_before() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let mut session = db.session().await.unwrap();
    assert!(sql("SELECT 1 / 0").execute_on(&mut session).await.is_err());
    assert!(session.last_server_error().is_some());
    drop(session);
    assert!(db.session().await.unwrap().last_server_error().is_none());
}

#[tokio::test]
async fn a_transaction_left_open_is_rolled_back_before_the_next_user() {
    use diesel_async::{AsyncConnection, TransactionManager};

    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let mut session = db.session().await.unwrap();
    let first = backend(&mut session).await;
    <larder_pool::Connection as AsyncConnection>::TransactionManager::begin_transaction(
        &mut *session,
    )
    .await
    .unwrap();
    sql("UPDATE accounts SET balance = 1")
        .execute_on(&mut session)
        .await
        .unwrap();
    drop(session);

    let mut session = db.session().await.unwrap();
    assert_eq!(backend(&mut session).await, first);
    drop(session);
    assert_eq!(balance(&db, 1).await, 100);
}

#[tokio::test]
async fn a_statement_still_running_when_its_session_ends_is_ended_too() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let task = tokio::spawn({
        let db = db.clone();
        async move {
            let mut session = db.session().await.unwrap();
            diesel::sql_query("SELECT pg_sleep(600)")
                .execute(&mut session)
                .await
        }
    });
    let sleeping = "FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query = 'SELECT pg_sleep(600)'";
    eventually(test.database(), &format!("SELECT count(*) = 1 {sleeping}")).await;
    task.abort();
    eventually(test.database(), &format!("SELECT count(*) = 0 {sleeping}")).await;
    assert_eq!(balance(&db, 1).await, 100);
}

#[tokio::test]
async fn a_discarded_session_is_closed() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let mut session = db.session().await.unwrap();
    let first = backend(&mut session).await;
    session
        .batch_execute("SET search_path = pg_catalog")
        .await
        .unwrap();
    session.discard();
    assert_ne!(backend(&mut db.session().await.unwrap()).await, first);
}

#[tokio::test]
async fn a_shutdown_waits_for_sessions_and_lets_nobody_in() {
    let test = accounts().await;
    let db = open(&test, |_| ()).await;
    let mut session = db.session().await.unwrap();
    let stopping = tokio::spawn({
        let db = db.clone();
        async move { db.shutdown(PATIENCE).await }
    });
    // Newcomers are turned away as soon as it has begun.
    let refused = tokio::time::timeout(PATIENCE, async {
        loop {
            match db.session().await {
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => return error,
            }
        }
    })
    .await
    .unwrap();
    assert!(
        refused.to_string().contains("it has been shut down"),
        "{refused}"
    );
    assert!(!stopping.is_finished());
    // The session in use works to its end.
    sql("UPDATE accounts SET balance = 5 WHERE id = 1")
        .execute_on(&mut session)
        .await
        .unwrap();
    drop(session);
    stopping.await.unwrap().unwrap();
    assert_eq!(balance(test.database(), 1).await, 5);
    // And the server has no connection of this pool left.
    eventually(
        test.database(),
        &format!(
            "SELECT count(*) <= {} FROM pg_stat_activity WHERE datname = current_database()",
            larder_testing::TestDatabase::CONNECTIONS
        ),
    )
    .await;
}

#[tokio::test]
async fn a_shutdown_that_runs_out_of_time_closes_what_is_in_use_and_says_so() {
    let test = accounts().await;
    let db = open(&test, |_| ()).await;
    let mut session = db.session().await.unwrap();
    let pid = backend(&mut session).await;
    let error = db
        .shutdown(std::time::Duration::from_millis(10))
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("drain pool `main`") && text.contains("still in use (1)"),
        "{text}"
    );
    eventually(
        test.database(),
        &format!("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = {pid}"),
    )
    .await;
    assert!(sql("SELECT 1").execute_on(&mut session).await.is_err());
}
