//! Callers that leave before the answer: both halves take effect, or neither.

use std::task::Poll;

use diesel_async::SimpleAsyncConnection;
use larder_database::sql;

use super::{Event, Logged};
use crate::support::{PATIENCE, eventually, withdraw};

/// Runs a future until it has been polled so many times; gives what it gave by then.
async fn polled<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    for _ in 0..times {
        if let Poll::Ready(value) = futures::poll!(future.as_mut()) {
            return Some(value);
        }
        tokio::task::yield_now().await;
    }
    None
}

#[tokio::test]
async fn wherever_a_caller_leaves_there_are_both_or_neither() {
    let logged = Logged::start().await;
    let mut finished = 0;
    for times in 0..200 {
        let mut session = logged.session().await;
        let id = 1000 + times;
        let insert = sql("INSERT INTO accounts VALUES (:id, 1) RETURNING id").bind("id", id);
        let times = usize::try_from(times).unwrap();
        let insert = insert.fetch_scalar_on::<i32>(&mut session);
        if let Some(result) = polled(times, insert).await {
            assert_eq!(result.unwrap(), id);
            finished += 1;
        }
        if times % 2 == 0 {
            // Half of them go on with the connection; the others give it back as it is.
            sql("SELECT 1").execute_on(&mut session).await.unwrap();
        }
    }
    drop(
        tokio::time::timeout(PATIENCE, logged.pool.session())
            .await
            .unwrap(),
    );
    let written = logged
        .number("SELECT count(*) FROM accounts WHERE id >= 1000")
        .await;
    assert!(written >= finished && written < 200, "{written} {finished}");
    let own = "SELECT count(*) FROM accounts FULL JOIN log ON accounts.xmin = log.xid::xid
        WHERE accounts.id >= 1000 AND log.xid IS NULL OR accounts.id IS NULL";
    assert_eq!(logged.number(own).await, 0, "of {written}");
    assert_eq!(logged.log().await.len(), usize::try_from(written).unwrap());
}

#[tokio::test]
async fn a_statement_that_is_ended_for_its_caller_leaves_neither() {
    let logged = Logged::start().await;
    let mut other = logged.test.database().session().await.unwrap();
    other
        .transaction(async |conn| {
            withdraw(conn, 2, 0).await?;
            let mut session = logged.session().await;
            // The first row is written, and then it waits for the second.
            let mut waiting = Box::pin(session.batch_execute(
                "UPDATE accounts SET balance = 5 WHERE id = 1; UPDATE accounts SET balance = 5 WHERE id = 2",
            ));
            let waits = eventually(
                logged.test.database(),
                "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
            );
            tokio::select! {
                _ = &mut waiting => panic!("the other one has the lock"),
                () = waits => {}
            }
            drop(waiting);
            drop(session);
            // Its connection comes back once the statement was ended.
            drop(tokio::time::timeout(PATIENCE, logged.session()).await.unwrap());
            assert_eq!(logged.scribe.take(), [Event::Committed(None)]);
            Err::<(), _>(diesel::result::Error::RollbackTransaction)
        })
        .await
        .unwrap_err();
    logged.assert_untouched().await;
}

#[tokio::test]
async fn a_statement_that_goes_on_without_its_caller_leaves_both() {
    let logged = Logged::start().await;
    let mut session = logged.session().await;
    let slow = session.batch_execute("UPDATE accounts SET balance = 5; SELECT pg_sleep(0.05)");
    assert!(polled(1, slow).await.is_none());
    assert_eq!(logged.scribe.take(), []);
    sql("SELECT 1").execute_on(&mut session).await.unwrap();
    assert_eq!(logged.scribe.take(), [Event::Committed(None)]);
    let own = "SELECT count(*) FROM accounts JOIN log ON accounts.xmin = log.xid::xid";
    assert_eq!(logged.number(own).await, 2);
}

#[tokio::test]
async fn a_connection_that_is_lost_under_a_write_leaves_it_in_doubt() {
    let logged = Logged::start().await;
    let mut session = logged.session().await;
    let slow = session.batch_execute("UPDATE accounts SET balance = 5; SELECT pg_sleep(600)");
    let sleeping = "FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'UPDATE%pg_sleep(600)'";
    let database = logged.test.database();
    let cut = async {
        eventually(database, &format!("SELECT count(*) = 1 {sleeping}")).await;
        let cut = database.sql(format!("SELECT pg_terminate_backend(pid) {sleeping}"));
        cut.execute().await.unwrap();
    };
    let (lost, ()) = futures::join!(slow, cut);
    assert!(lost.is_err());
    assert_eq!(logged.scribe.take(), [Event::InDoubt]);
    drop(session);
    logged.assert_untouched().await;
}

#[tokio::test]
async fn after_a_commit_that_nobody_waited_for_nothing_is_written_unlogged() {
    let logged = Logged::start().await;
    let trigger = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN LOCK TABLE parts; RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER wait AFTER UPDATE ON accounts
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()";
    let mut other = logged.test.database().session().await.unwrap();
    other.batch_execute(trigger).await.unwrap();
    let mut session = logged.session().await;
    other
        .transaction(async |conn| {
            conn.batch_execute("LOCK TABLE parts").await?;
            let mut committing =
                Box::pin(session.transaction(async |conn| withdraw(conn, 1, 30).await));
            let waits = eventually(
                logged.test.database(),
                "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
            );
            tokio::select! {
                _ = &mut committing => panic!("the commit waits for the lock"),
                () = waits => {}
            }
            Ok::<_, diesel::result::Error>(())
        })
        .await
        .unwrap();
    // Whether the session is still in its transaction is not known here.
    let refused = sql("INSERT INTO accounts VALUES (3, 1)").execute_on(&mut session);
    let error = refused.await.unwrap_err().to_string();
    assert!(error.contains("transaction manager"), "{error}");
    drop(session);
    drop(
        tokio::time::timeout(PATIENCE, logged.session())
            .await
            .unwrap(),
    );
    assert_eq!(logged.scribe.take(), [Event::Committed(None)]);
    let own = "SELECT count(*) FROM accounts JOIN log ON accounts.xmin = log.xid::xid";
    assert_eq!(logged.number(own).await, 1);
    assert_eq!(logged.number("SELECT count(*) FROM accounts").await, 2);
}
