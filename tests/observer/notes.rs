//! Notes in the transaction of the current task.

use std::any::Any;
use std::sync::Arc;

use diesel::result::Error as DieselError;
use diesel_async::TransactionManager as _;
use larder_pool::{ConnectOptions, Connection, Pool, PoolOptions, TransactionManager};

use super::{FAILING, Observed, ROW};
use crate::support::withdraw;

fn note(text: &'static str) -> Arc<dyn Any + Send + Sync> {
    Arc::new(text)
}

#[tokio::test]
async fn a_note_is_told_with_the_commit_beside_writes_and_by_itself() {
    for writes in [true, false] {
        let observed = Observed::start_with(Some(ROW)).await;
        let pool = &observed.pool;
        let noting = async |conn: &mut Connection| {
            if writes {
                withdraw(conn, 1, 10).await?;
            }
            assert!(pool.note_in_transaction(note("menu")));
            assert!(pool.note_in_transaction(note("dishes")));
            Ok::<_, DieselError>(())
        };
        let all = if writes {
            "update[1] +menu +dishes"
        } else {
            "+menu +dishes"
        };
        let told = [format!("asked {all}"), format!("committed {all}")];
        pool.transaction(noting).await.unwrap();
        assert_eq!(observed.writes(), told);
        let mut session = observed.session().await;
        session.transaction(noting).await.unwrap();
        assert_eq!(observed.writes(), told);
        // On the same connection, nothing is left of it.
        session
            .transaction(async |conn| withdraw(conn, 2, 1).await)
            .await
            .unwrap();
        assert_eq!(
            observed.writes(),
            ["asked update[2]", "committed update[2]"]
        );
    }
}

#[tokio::test]
async fn a_transaction_that_only_reads_tells_its_notes_without_a_companion() {
    let observed = Observed::start_with(Some(ROW)).await;
    let reading = observed.pool.build_transaction().read_only();
    let noted = reading.run(async |_: &mut Connection| {
        assert!(observed.pool.note_in_transaction(note("menu")));
        Ok::<_, DieselError>(())
    });
    noted.await.unwrap();
    assert_eq!(observed.writes(), ["committed +menu"]);
}

#[tokio::test]
async fn a_rollback_drops_its_notes() {
    let observed = Observed::start_with(Some(ROW)).await;
    let pool = &observed.pool;
    let given_up = pool.transaction(async |_: &mut Connection| {
        assert!(pool.note_in_transaction(note("menu")));
        Err::<(), _>(DieselError::RollbackTransaction)
    });
    given_up.await.unwrap_err();
    *observed.witness.companion.lock().unwrap() = Some(FAILING);
    let refused = pool.transaction(async |_: &mut Connection| {
        assert!(pool.note_in_transaction(note("menu")));
        Ok::<_, DieselError>(())
    });
    refused.await.unwrap_err();
    assert_eq!(observed.writes(), ["asked +menu"]);
    // A future that is dropped rolls back too.
    let mut session = observed.session().await;
    {
        let forever = session.transaction(async |_: &mut Connection| {
            assert!(pool.note_in_transaction(note("menu")));
            std::future::pending::<Result<(), DieselError>>().await
        });
        let noted = async {
            tokio::task::yield_now().await;
            while observed.transactions().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            _ = forever => panic!("it never ends"),
            () = noted => {}
        }
    }
    drop(session);
    drop(observed.session().await);
    assert_eq!(observed.writes(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_note_in_a_savepoint_belongs_to_the_transaction() {
    let observed = Observed::start_with(Some(ROW)).await;
    let pool = &observed.pool;
    let written = pool.transaction(async |conn| {
        assert!(pool.note_in_transaction(note("before")));
        conn.transaction(async |conn| {
            assert!(pool.note_in_transaction(note("inside")));
            conn.transaction(async |_: &mut Connection| {
                assert!(pool.note_in_transaction(note("further")));
                Ok::<_, DieselError>(())
            })
            .await
        })
        .await?;
        assert!(pool.note_in_transaction(note("after")));
        Ok::<_, DieselError>(())
    });
    written.await.unwrap();
    let all = "+before +inside +further +after";
    assert_eq!(
        observed.writes(),
        [format!("asked {all}"), format!("committed {all}")]
    );
}

#[tokio::test]
async fn outside_of_a_transaction_nothing_is_noted() {
    let observed = Observed::start_with(Some(ROW)).await;
    let pool = &observed.pool;
    let session = observed.session().await;
    assert!(!pool.note_in_transaction(note("outside")));
    // A connection that is held is no transaction.
    let held = async {
        assert!(pool.is_in_transaction());
        pool.note_in_transaction(note("held"))
    };
    assert!(!pool.within(held).await);
    drop(session);
    let written = pool.transaction(async |conn| {
        let elsewhere = pool.clone();
        let spawned = tokio::spawn(async move { elsewhere.note_in_transaction(note("spawned")) });
        assert!(!spawned.await.unwrap());
        withdraw(conn, 1, 10).await
    });
    written.await.unwrap();
    assert!(!pool.note_in_transaction(note("after")));
    assert_eq!(
        observed.writes(),
        ["asked update[1]", "committed update[1]"]
    );
}

#[tokio::test]
async fn a_transaction_that_was_ended_by_hand_takes_no_more_notes() {
    let observed = Observed::start_with(Some(ROW)).await;
    let pool = &observed.pool;
    for commits in [true, false] {
        let ended = pool.transaction(async |conn| {
            assert!(pool.note_in_transaction(note("before")));
            if commits {
                TransactionManager::commit_transaction(conn).await?;
            } else {
                TransactionManager::rollback_transaction(conn).await?;
            }
            assert!(!pool.note_in_transaction(note("after")));
            Err::<(), _>(DieselError::RollbackTransaction)
        });
        ended.await.unwrap_err();
        let all = ["asked +before", "committed +before"];
        let expected = if commits { &all[..] } else { &[] };
        assert_eq!(observed.writes(), expected);
    }
}

#[tokio::test]
async fn a_note_goes_to_the_innermost_transaction_of_its_pool() {
    let observed = Observed::start_with(Some(ROW)).await;
    let pool = &observed.pool;
    let connect = ConnectOptions::parse(observed.test.url()).unwrap();
    let other = Pool::open(connect, PoolOptions::named("other"))
        .await
        .unwrap();
    let written = pool.transaction(async |_: &mut Connection| {
        let inside = other.transaction(async |_: &mut Connection| {
            assert!(other.note_in_transaction(note("other")));
            // Past the transaction of another pool, and past a connection that is held.
            let held = async { pool.note_in_transaction(note("own")) };
            assert!(pool.within(held).await);
            Ok::<_, DieselError>(())
        });
        inside.await.map_err(|_| DieselError::NotFound)?;
        assert!(!other.note_in_transaction(note("over")));
        Ok::<_, DieselError>(())
    });
    written.await.unwrap();
    assert_eq!(observed.writes(), ["asked +own", "committed +own"]);
}
