//! The values that name the rows of writes whose end their caller does not hear of.

use std::pin::pin;

use diesel_async::RunQueryDsl;
use larder_database::sql;

use super::{Observed, ROW, close};
use crate::support::{eventually, withdraw};

/// Whether a statement waits for a lock.
const WAITS: &str = "SELECT count(*) = 1 FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

impl Observed {
    /// Sends a write of the first account, and leaves once it waits for its lock. Gives what was
    /// told until the lock was let go, and after it.
    async fn leave(&self) -> (Vec<String>, Vec<String>) {
        let mut other = self.test.database().session().await.unwrap();
        let mut session = self.session().await;
        let told = other.transaction(async |conn| {
            withdraw(conn, 1, 0).await?;
            {
                let mut waiting = pin!(withdraw(&mut session, 1, 30));
                tokio::select! {
                    _ = &mut waiting => panic!("the other one has the lock"),
                    () = eventually(self.test.database(), WAITS) => {}
                }
            }
            Ok::<_, diesel::result::Error>(self.writes())
        });
        let told = told.await.unwrap();
        sql("SELECT 1").execute_on(&mut session).await.unwrap();
        (told, self.writes())
    }
}

#[tokio::test]
async fn a_write_whose_caller_left_tells_its_row_when_it_is_left_and_when_it_is_over() {
    for companion in [None, Some(ROW)] {
        let observed = Observed::start_with(companion).await;
        let (left, over) = observed.leave().await;
        assert_eq!(left, ["asked update[1]", "unread update[1]"]);
        assert_eq!(over, ["committed update[1]"]);
    }
}

#[tokio::test]
async fn several_that_nobody_waited_for_tell_all_their_rows() {
    let observed = Observed::start().await;
    let mut session = observed.session().await;
    // From now on it is prepared, so that each is sent when it is first polled.
    close(&mut session, 9).await.unwrap();
    observed.writes();
    let mut other = observed.test.database().session().await.unwrap();
    let told = other.transaction(async |conn| {
        withdraw(conn, 1, 0).await?;
        for id in [1, 2] {
            let mut waiting = pin!(close(&mut session, id));
            tokio::select! {
                biased;
                _ = &mut waiting => panic!("the other one has the lock"),
                () = eventually(observed.test.database(), WAITS) => {}
            }
        }
        Ok::<_, diesel::result::Error>(observed.writes())
    });
    let all = [
        "asked delete[1]",
        "unread delete[1]",
        "asked delete[2]",
        "unread delete[2]",
    ];
    assert_eq!(told.await.unwrap(), all);
    sql("SELECT 1").execute_on(&mut session).await.unwrap();
    assert_eq!(observed.writes(), ["committed delete[1 2]"]);
}

#[tokio::test]
async fn a_lost_connection_leaves_the_row_in_doubt() {
    for companion in [None, Some(ROW)] {
        let observed = Observed::start_with(companion).await;
        let database = observed.test.database();
        let mut other = database.session().await.unwrap();
        let mut session = observed.session().await;
        let lost = other.transaction(async |conn| {
            withdraw(conn, 1, 0).await?;
            let cut = async {
                eventually(database, WAITS).await;
                let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event_type = 'Lock'";
                database.sql(cut).execute().await.unwrap();
            };
            let (lost, ()) = futures::join!(withdraw(&mut session, 1, 30), cut);
            Ok::<_, diesel::result::Error>(lost)
        });
        assert!(lost.await.unwrap().is_err());
        assert_eq!(observed.writes(), ["asked update[1]", "doubted update[1]"]);
    }
}

#[tokio::test]
async fn what_commits_by_itself_tells_its_row_before_and_after() {
    let observed = Observed::start_with(Some(ROW)).await;
    observed
        .prepare(
            "CREATE PROCEDURE pay(who int) LANGUAGE plpgsql AS $$ BEGIN
                 UPDATE accounts SET balance = balance - 1 WHERE id = who;
                 COMMIT;
             END $$",
        )
        .await;
    let mut session = observed.session().await;
    diesel::sql_query("CALL pay($1)")
        .bind::<diesel::sql_types::Integer, _>(2)
        .execute(&mut session)
        .await
        .unwrap();
    let all = ["asked call[2]", "alone call[2]", "committed call[2]"];
    assert_eq!(observed.writes(), all);
}
