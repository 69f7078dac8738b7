//! How transactions begin and end.

use std::sync::Arc;

use diesel::result::Error as DieselError;
use diesel_async::SimpleAsyncConnection;
use larder_pool::ErrorKind;
use larder_pool::TransactionError;

use super::{FAILING, Observed, ROW};
use crate::support::{backend, eventually, withdraw};

#[tokio::test]
async fn a_commit_is_told_after_its_writes_and_before_what_waits_for_it() {
    let observed = Observed::start_with(Some(ROW)).await;
    let written = observed.pool.transaction(async |conn| {
        let witness = Arc::clone(&observed.witness);
        conn.after_commit(move || witness.tell("hook".to_owned()))?;
        withdraw(conn, 1, 30).await
    });
    written.await.unwrap();
    let told = observed
        .witness
        .take(&["transaction", "asked", "committed", "hook"]);
    let all = [
        "transaction Began",
        "asked update[1]",
        "committed update[1]",
        "transaction Committed",
        "hook",
    ];
    assert_eq!(told, all);
}

#[tokio::test]
async fn one_that_wrote_nothing_is_told_too() {
    let observed = Observed::start_with(Some(ROW)).await;
    let read = async |conn: &mut larder_pool::Connection| conn.batch_execute("SELECT 1").await;
    observed.pool.transaction(read).await.unwrap();
    let builder = observed.pool.build_transaction().read_only();
    builder.run(read).await.unwrap();
    observed.session().await.transaction(read).await.unwrap();
    let one = ["transaction Began", "transaction Committed"];
    assert_eq!(observed.transactions(), [one, one, one].concat());
}

#[tokio::test]
async fn a_savepoint_is_told_where_it_is_rolled_back_and_only_then() {
    let observed = Observed::start().await;
    let written = observed.pool.transaction(async |conn| {
        conn.transaction(async |conn| withdraw(conn, 1, 30).await)
            .await?;
        observed.witness.tell("transaction: kept".to_owned());
        let given_up = conn.transaction(async |conn| {
            withdraw(conn, 1, 30).await?;
            Err::<(), _>(DieselError::RollbackTransaction)
        });
        given_up.await.unwrap_err();
        observed.witness.tell("transaction: given up".to_owned());
        Ok::<_, DieselError>(())
    });
    written.await.unwrap();
    let all = [
        "transaction Began",
        "transaction: kept",
        "transaction RolledBackToSavepoint",
        "transaction: given up",
        "transaction Committed",
    ];
    assert_eq!(observed.transactions(), all);
}

#[tokio::test]
async fn each_that_does_not_commit_is_told_as_rolled_back_once() {
    let observed = Observed::start().await;
    observed
        .prepare("CREATE TABLE parts (id int PRIMARY KEY, of int REFERENCES parts DEFERRABLE INITIALLY DEFERRED)")
        .await;
    let rolled_back = ["transaction Began", "transaction RolledBack"];

    let given_up = observed.pool.transaction(async |conn| {
        withdraw(conn, 1, 30).await?;
        Err::<(), _>(DieselError::RollbackTransaction)
    });
    given_up.await.unwrap_err();
    assert_eq!(observed.transactions(), rolled_back, "an error");

    let swallowed = observed.pool.transaction(async |conn| {
        withdraw(conn, 1, 300).await.unwrap_err();
        Ok::<_, DieselError>(())
    });
    swallowed.await.unwrap_err();
    assert_eq!(observed.transactions(), rolled_back, "a failed statement");

    let orphan = observed
        .pool
        .transaction(async |conn| conn.batch_execute("INSERT INTO parts VALUES (1, 7)").await);
    orphan.await.unwrap_err();
    assert_eq!(observed.transactions(), rolled_back, "a refused commit");

    *observed.witness.companion.lock().unwrap() = Some(FAILING);
    let written = observed
        .pool
        .transaction(async |conn| withdraw(conn, 1, 30).await);
    written.await.unwrap_err();
    assert_eq!(observed.transactions(), rolled_back, "a refused companion");

    let mut session = observed.session().await;
    let process = backend(&mut session).await;
    let cut = observed
        .test
        .database()
        .sql(format!("SELECT pg_terminate_backend({process})"));
    let lost = session.transaction(async |conn| {
        withdraw(conn, 1, 30).await?;
        cut.execute().await.unwrap();
        conn.batch_execute("SELECT 1").await
    });
    lost.await.unwrap_err();
    drop(session);
    assert_eq!(observed.transactions(), rolled_back, "a lost connection");
}

#[tokio::test]
async fn a_transaction_whose_future_was_dropped_ends_untold() {
    let observed = Observed::start().await;
    let sleeping = async |conn: &mut larder_pool::Connection| {
        withdraw(conn, 1, 30).await?;
        conn.batch_execute("SELECT pg_sleep(600)").await
    };
    let sleeps = "SELECT count(*) = 1 FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event = 'PgSleep'";
    tokio::select! {
        _ = observed.pool.transaction(sleeping) => panic!("it sleeps for long"),
        () = eventually(observed.test.database(), sleeps) => {}
    }
    // Its place is free once the server has ended it.
    let mut session = observed.session().await;
    assert_eq!(observed.transactions(), ["transaction Began"]);
    // The next one is told as if there had been none.
    let written = session.transaction(async |conn| withdraw(conn, 1, 30).await);
    written.await.unwrap();
    let all = ["transaction Began", "transaction Committed"];
    assert_eq!(observed.transactions(), all);

    // One inside another is rolled back by that one, in its task.
    let outer = session.transaction(async |conn| {
        {
            let mut inner = std::pin::pin!(conn.transaction(sleeping));
            tokio::select! {
                _ = &mut inner => panic!("it sleeps for long"),
                () = eventually(observed.test.database(), sleeps) => {}
            }
        }
        let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
        observed.test.database().sql(cancel).execute().await.unwrap();
        Ok::<_, DieselError>(())
    });
    outer.await.unwrap_err();
    let all = [
        "transaction Began",
        "transaction RolledBackToSavepoint",
        "transaction RolledBack",
    ];
    assert_eq!(observed.transactions(), all);
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_in_doubt() {
    let observed = Observed::start().await;
    observed
        .prepare(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM pg_sleep(600); RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER wait AFTER UPDATE ON accounts
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()",
        )
        .await;
    let database = observed.test.database();
    let cut = async {
        let sleeping =
            "FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        eventually(database, &format!("SELECT count(*) = 1 {sleeping}")).await;
        let cut = database.sql(format!("SELECT pg_terminate_backend(pid) {sleeping}"));
        cut.execute().await.unwrap();
    };
    let written = observed
        .pool
        .transaction(async |conn| withdraw(conn, 1, 30).await);
    let (lost, ()) = futures::join!(written, cut);
    let TransactionError::Pool(error) = lost.unwrap_err() else {
        panic!("the closure did not fail");
    };
    assert_eq!(error.kind(), ErrorKind::CommitOutcomeUnknown);
    let all = [
        "transaction Began",
        "doubted update[1]",
        "transaction InDoubt",
    ];
    assert_eq!(observed.witness.take(&["transaction", "doubted"]), all);
}
