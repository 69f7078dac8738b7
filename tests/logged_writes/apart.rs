//! What cannot run inside a transaction.

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_database::sql;

use super::{Event, FAILING, Logged};
use crate::support::eventually;

/// Says that the observer held on to something for as long as a write went alone, and that it
/// heard of the write before.
fn assert_held(events: &[Event], last: i64) {
    let last = u64::try_from(last).unwrap();
    let expected = [Event::Alone, Event::Committed(Some(last)), Event::LetGo];
    assert_eq!(events, expected);
}

#[tokio::test]
async fn what_refuses_a_transaction_runs_alone_between_two_rows() {
    let logged = Logged::start().await;
    let mut session = logged.session().await;
    for text in [
        "VACUUM accounts",
        "CREATE INDEX CONCURRENTLY by_balance ON accounts (balance)",
        "REINDEX TABLE CONCURRENTLY accounts",
    ] {
        for in_batch in [false, true] {
            let before = logged.log().await.len();
            if in_batch {
                let text = text.replace("by_balance", "by_balance_too");
                session.batch_execute(&text).await.unwrap();
            } else {
                let executed = diesel::sql_query(text).execute(&mut session).await;
                executed.unwrap();
            }
            let log = logged.log().await;
            assert_eq!(log.len(), before + 2, "{text}");
            assert_held(&logged.scribe.take(), *log.last().unwrap());
        }
    }
    let indexes =
        "SELECT count(*) FROM pg_index WHERE indisvalid AND indrelid = 'accounts'::regclass";
    assert_eq!(logged.number(indexes).await, 3);
}

/// A procedure that commits in its middle.
const PAY: &str = "CREATE PROCEDURE pay() LANGUAGE plpgsql AS $$ BEGIN
        UPDATE accounts SET balance = balance - 1 WHERE id = 1;
        COMMIT;
        UPDATE accounts SET balance = balance - 1 WHERE id = 2;
    END $$";

#[tokio::test]
async fn a_procedure_that_commits_runs_once_between_two_rows() {
    let logged = Logged::start().await;
    logged.prepare(PAY).await;
    let mut session = logged.session().await;
    diesel::sql_query("CALL pay()")
        .execute(&mut session)
        .await
        .unwrap();
    let log = logged.log().await;
    assert_eq!(log.len(), 2);
    assert_held(&logged.scribe.take(), log[1]);
    let balances = "SELECT sum(balance)::bigint FROM accounts";
    assert_eq!(logged.number(balances).await, 198);
    // The rows enclose what the procedure did.
    let enclosed = "SELECT count(*) FROM accounts WHERE xmin::text::bigint BETWEEN
        (SELECT min(xid::text::bigint) FROM log) + 1 AND (SELECT max(xid::text::bigint) FROM log) - 1";
    assert_eq!(logged.number(enclosed).await, 2);
}

#[tokio::test]
async fn a_procedure_that_fails_after_it_committed_is_logged() {
    let logged = Logged::start().await;
    logged
        .prepare(
            "CREATE PROCEDURE pay() LANGUAGE plpgsql AS $$ BEGIN
                 UPDATE accounts SET balance = balance - 1;
                 COMMIT;
                 PERFORM 1 / 0;
             END $$",
        )
        .await;
    let mut session = logged.session().await;
    let failed = diesel::sql_query("CALL pay()").execute(&mut session).await;
    let error = failed.unwrap_err().to_string();
    assert!(error.contains("division by zero"), "{error}");
    assert_eq!(logged.log().await.len(), 2);
    let told = logged.scribe.take();
    assert!(
        matches!(told[..], [Event::Alone, Event::Committed(_), Event::LetGo]),
        "{told:?}"
    );
}

#[tokio::test]
async fn without_the_row_before_it_nothing_runs_alone() {
    let logged = Logged::start().await;
    logged.prepare(PAY).await;
    let mut session = logged.session().await;
    logged.scribe.use_companion(FAILING);
    let failed = diesel::sql_query("CALL pay()").execute(&mut session).await;
    let error = failed.unwrap_err().to_string();
    assert!(error.contains("division by zero"), "{error}");
    logged.assert_untouched().await;
    assert_eq!(logged.scribe.take(), [Event::Alone, Event::LetGo]);
}

#[tokio::test]
async fn what_its_caller_gave_up_is_held_until_it_is_over() {
    let logged = Logged::start().await;
    logged
        .prepare(
            "CREATE PROCEDURE pay() LANGUAGE plpgsql AS $$ BEGIN
                 UPDATE accounts SET balance = 5 WHERE id = 1;
                 COMMIT;
                 LOCK TABLE parts;
                 UPDATE accounts SET balance = 5 WHERE id = 2;
             END $$",
        )
        .await;
    let mut other = logged.test.database().session().await.unwrap();
    let mut session = logged.session().await;
    other
        .transaction(async |conn| {
            conn.batch_execute("LOCK TABLE parts").await?;
            let mut call = Box::pin(session.batch_execute("CALL pay()"));
            let seen = eventually(
                logged.test.database(),
                "SELECT count(*) = 1 FROM accounts WHERE balance = 5",
            );
            tokio::select! {
                _ = &mut call => panic!("the procedure waits for the lock"),
                () = seen => {}
            }
            drop(call);
            assert_eq!(logged.scribe.take(), [Event::Alone]);
            Ok::<_, diesel::result::Error>(())
        })
        .await
        .unwrap();
    sql("SELECT 1").execute_on(&mut session).await.unwrap();
    assert_eq!(logged.scribe.take(), [Event::Committed(None), Event::LetGo]);
    let written = "SELECT count(*) FROM accounts WHERE balance = 5";
    assert_eq!(logged.number(written).await, 2);
    assert_eq!(logged.log().await.len(), 2);
}
