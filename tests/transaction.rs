//! Transactions end: they commit on `Ok` and roll back on everything else, on the server. How they end
//! where their caller leaves by an error, a panic or by being dropped: `faults`, 11 to 13.

use diesel::result::Error as DieselError;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_database::{Error, ErrorKind, sql};
use larder_pool::IsolationLevel;

use crate::support::{PATIENCE, accounts, balance, eventually, open, withdraw};

fn pool_error(error: &Error) -> larder_pool::ErrorKind {
    match error.kind() {
        ErrorKind::Pool(kind) => kind,
        other => panic!("not an error of the pool: {other:?}"),
    }
}

#[tokio::test]
async fn ok_commits() {
    let test = accounts().await;
    let changed = test
        .database()
        .transaction(async |conn| withdraw(conn, 1, 30).await)
        .await
        .unwrap();
    assert_eq!(changed, 1);
    assert_eq!(balance(test.database(), 1).await, 70);
}

#[tokio::test]
async fn an_error_of_a_statement_brings_the_servers_own_words() {
    let test = accounts().await;
    let error = test
        .database()
        .transaction(async |conn| withdraw(conn, 1, 101).await)
        .await
        .unwrap_err();
    assert_eq!(error.sql_state().unwrap().as_str(), "23514");
    assert_eq!(error.constraint(), Some("accounts_balance_check"));
    assert_eq!(balance(test.database(), 1).await, 100);
}

#[tokio::test]
async fn ok_after_a_failed_statement_is_not_a_commit() {
    let test = accounts().await;
    let error = test
        .database()
        .transaction(async |conn| {
            withdraw(conn, 1, 30).await?;
            // Swallowed: PostgreSQL would answer COMMIT with ROLLBACK, and with no error.
            assert!(withdraw(conn, 2, 1000).await.is_err());
            Ok::<_, DieselError>(())
        })
        .await
        .unwrap_err();
    assert_eq!(pool_error(&error), larder_pool::ErrorKind::Aborted);
    assert_eq!(error.constraint(), Some("accounts_balance_check"));
    assert!(error.to_string().contains("23514"), "{error}");
    assert_eq!(balance(test.database(), 1).await, 100);
}

#[tokio::test]
async fn ok_after_a_failure_that_nobody_read_is_not_a_commit() {
    let test = accounts().await;
    let error = test
        .database()
        .transaction(async |conn| {
            withdraw(conn, 1, 30).await?;
            // Sent, and given up before the error comes back.
            let failing = conn.batch_execute("SELECT 1 / (pg_sleep(0.05) IS NULL)::int");
            let given_up =
                futures::future::select(Box::pin(failing), Box::pin(tokio::task::yield_now()));
            drop(given_up.await);
            Ok::<_, DieselError>(())
        })
        .await
        .unwrap_err();
    assert_eq!(pool_error(&error), larder_pool::ErrorKind::Aborted);
    assert_eq!(balance(test.database(), 1).await, 100);
}

#[tokio::test]
async fn ok_after_rows_that_nobody_read_to_their_failing_end_is_not_a_commit() {
    use futures::TryStreamExt;

    #[derive(diesel::QueryableByName)]
    struct Number {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        n: i32,
    }

    let test = accounts().await;
    let error = test
        .database()
        .transaction(async |conn| {
            withdraw(conn, 1, 30).await?;
            let query = "SELECT 1 / (100000 - n) AS n FROM generate_series(1, 100000) n";
            let mut rows = diesel::sql_query(query).load_stream::<Number>(conn).await?;
            assert_eq!(rows.try_next().await?.map(|row| row.n), Some(0));
            Ok::<_, DieselError>(())
        })
        .await
        .unwrap_err();
    assert_eq!(pool_error(&error), larder_pool::ErrorKind::Aborted);
    assert_eq!(balance(test.database(), 1).await, 100);
}

#[tokio::test]
async fn a_statement_given_up_that_succeeded_does_not_prevent_the_commit() {
    let test = accounts().await;
    test.database()
        .transaction(async |conn| {
            let slow = conn.batch_execute("SELECT pg_sleep(0.05)");
            let given_up =
                futures::future::select(Box::pin(slow), Box::pin(tokio::task::yield_now()));
            drop(given_up.await);
            withdraw(conn, 1, 30).await
        })
        .await
        .unwrap();
    assert_eq!(balance(test.database(), 1).await, 70);
}

#[tokio::test]
async fn a_commit_that_the_server_refuses_is_an_error() {
    let test = accounts().await;
    test.database()
        .sql("CREATE TABLE parts (id int PRIMARY KEY, of int REFERENCES parts DEFERRABLE INITIALLY DEFERRED)")
        .execute()
        .await
        .unwrap();
    let error = test
        .database()
        .transaction(async |conn| {
            diesel::sql_query("INSERT INTO parts VALUES (1, 7)")
                .execute(conn)
                .await
        })
        .await
        .unwrap_err();
    assert_eq!(pool_error(&error), larder_pool::ErrorKind::CommitRefused);
    assert_eq!(error.sql_state().unwrap().as_str(), "23503");
    let rows: i64 = test
        .database()
        .sql("SELECT count(*) FROM parts")
        .fetch_scalar()
        .await
        .unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_connection_lost_during_commit_leaves_the_outcome_unknown() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    // A trigger that runs at COMMIT holds it up until the connection is cut.
    db.session()
        .await
        .unwrap()
        .batch_execute(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM pg_sleep(600); RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER dawdle AFTER UPDATE ON accounts
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle();",
        )
        .await
        .unwrap();
    let committing = tokio::spawn({
        let db = db.clone();
        async move {
            db.transaction(async |conn| withdraw(conn, 1, 30).await)
                .await
        }
    });
    let watcher = test.database();
    let commit = "FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%COMMIT'";
    eventually(watcher, &format!("SELECT count(*) = 1 {commit}")).await;
    watcher
        .sql(format!("SELECT pg_terminate_backend(pid) {commit}"))
        .execute()
        .await
        .unwrap();
    let error = committing.await.unwrap().unwrap_err();
    assert_eq!(
        pool_error(&error),
        larder_pool::ErrorKind::CommitOutcomeUnknown
    );
    assert!(
        error.to_string().contains("before doing it again"),
        "{error}"
    );
    // The pool of one is not poisoned.
    assert_eq!(balance(&db, 1).await, 100);
}

#[tokio::test]
async fn a_connection_lost_before_commit_took_no_effect_and_says_so() {
    let test = accounts().await;
    let watcher = test.database();
    let db = open(&test, |options| options.pool.size = 1).await;
    let error = db
        .transaction(async |conn| {
            withdraw(conn, 1, 30).await?;
            let pid: i32 = sql("SELECT pg_backend_pid()").fetch_scalar_on(conn).await?;
            watcher
                .sql("SELECT pg_terminate_backend(:pid, 5000)")
                .bind("pid", pid)
                .execute()
                .await?;
            // What the server said with its last words is on its way to us.
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
            Ok::<_, Error>(())
        })
        .await
        .unwrap_err();
    assert_eq!(pool_error(&error), larder_pool::ErrorKind::Lost);
    // The cause is the server's last words, or the end of the connection that overtook them.
    let text = error.to_string();
    let (_, cause) = text.split_once("nothing took effect: ").unwrap();
    let causes = ["terminating connection", "reset", "connection closed"];
    assert!(causes.iter().any(|known| cause.contains(known)), "{text}");
    assert_eq!(balance(&db, 1).await, 100);
}

#[tokio::test]
async fn a_read_only_transaction_refuses_writes() {
    let test = accounts().await;
    let error = test
        .database()
        .build_transaction()
        .read_only()
        .run(async |conn| withdraw(conn, 1, 1).await)
        .await
        .unwrap_err();
    assert_eq!(error.sql_state().unwrap().as_str(), "25006");
}

#[tokio::test]
async fn the_options_of_a_transaction_reach_the_server_and_end_with_it() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 1).await;
    let settings = "SELECT concat_ws(' ', current_setting('transaction_isolation'), \
        current_setting('transaction_read_only'), current_setting('transaction_deferrable'))";
    let inside: String = db
        .build_transaction()
        .isolation_level(IsolationLevel::Serializable)
        .read_only()
        .deferrable()
        .run(async |conn| sql(settings).fetch_scalar_on::<String>(conn).await)
        .await
        .unwrap();
    assert_eq!(inside, "serializable on on");
    let after: String = db.sql(settings).fetch_scalar().await.unwrap();
    assert_eq!(after, "read committed off off");
}

#[tokio::test]
async fn transaction_control_in_raw_sql_is_refused_with_a_pointer() {
    let test = accounts().await;
    let mut session = test.database().session().await.unwrap();
    for text in [
        "BEGIN",
        "insert into accounts values (3, 1); /* so */ commit",
        "savepoint mine",
    ] {
        let error = session.batch_execute(text).await.unwrap_err().to_string();
        assert!(error.contains("use `transaction`"), "{text}: {error}");
    }
    let error = sql("ROLLBACK").execute_on(&mut session).await.unwrap_err();
    assert!(
        error.to_string().contains("ROLLBACK cannot be sent"),
        "{error}"
    );
    let rows: i64 = sql("SELECT count(*) FROM accounts")
        .fetch_scalar_on(&mut session)
        .await
        .unwrap();
    assert_eq!(rows, 2, "nothing of the refused text ran");
}

#[tokio::test]
async fn dropping_many_transactions_leaks_neither_places_nor_backends() {
    let test = accounts().await;
    let db = open(&test, |options| options.pool.size = 4).await;
    let tasks: Vec<_> = (0..40)
        .map(|number| {
            let db = db.clone();
            tokio::spawn(async move {
                let work = db.transaction(async |conn| {
                    withdraw(conn, 1 + number % 2, 1).await?;
                    diesel::sql_query("SELECT pg_sleep(0.01)")
                        .execute(conn)
                        .await?;
                    Err::<(), _>(DieselError::RollbackTransaction)
                });
                // Given up at some point of its life, a different one each time.
                let moment = std::time::Duration::from_millis(u64::from(number.unsigned_abs()));
                let _ = tokio::time::timeout(moment, work).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    tokio::time::timeout(PATIENCE, async {
        while db.pool_status().in_use > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    let status = db.pool_status();
    assert_eq!((status.in_use, status.waiting), (0, 0));
    eventually(
        test.database(),
        "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
    )
    .await;
    assert_eq!(balance(&db, 1).await, 100);
    assert_eq!(balance(&db, 2).await, 100);
}
