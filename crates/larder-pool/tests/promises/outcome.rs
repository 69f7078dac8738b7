//! What is told of a write that commits by itself, where its answer is lost, late or no answer.

use std::sync::Arc;

use diesel::result::Error as DieselError;
use larder_pool::{CommitOutcome, Companion, Effects, Observer, PoolObserver, Session};
use larder_testing::proxy::{Fault, Moment};

use crate::support::{Bank, unknown, withdraw};

/// Lets each write travel in a transaction of its own, which tells its id.
struct WithId;

impl PoolObserver for WithId {
    fn companion(&self, _: &Effects) -> Option<Companion> {
        Some(Companion {
            sql: "SELECT pg_catalog.pg_current_xact_id()::text".to_owned(),
            may_be_refused: false,
        })
    }
}

/// A transaction that writes, whose id is known before it ends.
async fn transaction(session: &mut Session, end: Result<(), DieselError>) {
    let ended = session
        .transaction(async |conn| {
            withdraw(conn, 10).await?;
            withdraw(conn, 10).await?;
            end
        })
        .await;
    assert!(!matches!(ended, Err(error) if error != DieselError::RollbackTransaction));
}

#[tokio::test]
async fn a_lone_write_that_arrived_has_not_the_outcome_of_a_transaction_rolled_back_before() {
    let bank = Bank::open().await;
    let pool = bank.pool(2, Observer::default()).await;
    let mut session = pool.session().await.unwrap();
    transaction(&mut session, Err(DieselError::RollbackTransaction)).await;
    let struck = bank.proxy.at(Moment::reply("UPDATE"), Fault::Cut);
    let unknown = unknown(withdraw(&mut session, 7).await.unwrap_err());
    struck.await;
    let outcome = unknown.resolve(&pool).await.unwrap();
    assert!(matches!(outcome, CommitOutcome::Unknown(_)), "{outcome:?}");
    assert_eq!(bank.balance(1).await, 93);
}

#[tokio::test]
async fn a_lone_write_that_never_arrived_has_not_the_outcome_of_a_transaction_before() {
    let bank = Bank::open().await;
    let pool = bank.pool(2, Observer::default()).await;
    let mut session = pool.session().await.unwrap();
    transaction(&mut session, Ok(())).await;
    let struck = bank.proxy.at(Moment::statement("UPDATE"), Fault::Cut);
    let unknown = unknown(withdraw(&mut session, 7).await.unwrap_err());
    struck.await;
    let outcome = unknown.resolve(&pool).await.unwrap();
    assert!(matches!(outcome, CommitOutcome::Unknown(_)), "{outcome:?}");
    assert_eq!(bank.balance(1).await, 80);
}

#[tokio::test]
async fn a_write_in_a_transaction_of_its_own_has_the_outcome_of_that() {
    let bank = Bank::open().await;
    let pool = bank.pool(2, Observer::new(Arc::new(WithId))).await;
    let mut session = pool.session().await.unwrap();
    transaction(&mut session, Err(DieselError::RollbackTransaction)).await;
    let struck = bank.proxy.at(Moment::reply("COMMIT"), Fault::Cut);
    let unknown = unknown(withdraw(&mut session, 7).await.unwrap_err());
    struck.await;
    let outcome = unknown.resolve(&pool).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Committed);
    assert_eq!(bank.balance(1).await, 93);
}
