//! What is told of a write that commits by itself, where its answer is lost, late or no answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::result::Error as DieselError;
use diesel_async::RunQueryDsl;
use larder_pool::{
    CommitOutcome, Companion, Effects, Error, ErrorClass, Observer, PoolObserver, Session,
};
use larder_testing::proxy::{Fault, Moment};

use crate::support::{Bank, WithId, unknown, withdraw};

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
    let struck = bank.proxy.at(Moment::reply("INSERT"), Fault::Cut);
    let unknown = unknown(withdraw(&mut session, 7).await.unwrap_err());
    struck.await;
    let outcome = unknown.resolve(&pool).await.unwrap();
    assert!(matches!(outcome, CommitOutcome::Unknown(_)), "{outcome:?}");
    assert_eq!(bank.balance().await, 93);
}

#[tokio::test]
async fn a_lone_write_that_never_arrived_has_not_the_outcome_of_a_transaction_before() {
    let bank = Bank::open().await;
    let pool = bank.pool(2, Observer::default()).await;
    let mut session = pool.session().await.unwrap();
    transaction(&mut session, Ok(())).await;
    let struck = bank.proxy.at(Moment::statement("INSERT"), Fault::Cut);
    let unknown = unknown(withdraw(&mut session, 7).await.unwrap_err());
    struck.await;
    let outcome = unknown.resolve(&pool).await.unwrap();
    assert!(matches!(outcome, CommitOutcome::Unknown(_)), "{outcome:?}");
    assert_eq!(bank.balance().await, 80);
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
    assert_eq!(bank.balance().await, 93);
}

/// Counts what is in doubt. Each write travels in a transaction of its own.
#[derive(Default)]
struct Doubts(AtomicUsize);

impl PoolObserver for Doubts {
    fn companion(&self, effects: &Effects) -> Option<Companion> {
        WithId.companion(effects)
    }

    fn in_doubt(&self, _: &Effects) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_lone_write_of_which_the_server_does_not_know_is_in_doubt_and_no_refusal() {
    let bank = Bank::open().await;
    bank.run(
        "CREATE FUNCTION fail(code text) RETURNS bigint LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'not told' USING ERRCODE = code; END $$",
    )
    .await;
    for doubts in [None, Some(Arc::<Doubts>::default())] {
        let observer = doubts.clone().map(|doubts| Observer::new(doubts));
        let pool = bank.pool(1, observer.unwrap_or_default()).await;
        let mut session = pool.session().await.unwrap();
        let mut fails = async |code: &str| {
            let sql = format!("UPDATE entries SET amount = fail('{code}')");
            let error = diesel::sql_query(sql).execute(&mut session).await;
            (error.unwrap_err(), session.last_server_error().unwrap())
        };
        for code in ["40003", "08006", "08007"] {
            let (error, reply) = fails(code).await;
            assert_eq!(reply.state().as_str(), code);
            assert!(unknown(error).cause().contains("not told"));
        }
        let in_doubt = || {
            let doubts = doubts.as_ref();
            doubts.map(|doubts| AtomicUsize::load(&doubts.0, Ordering::SeqCst))
        };
        assert_eq!(in_doubt().unwrap_or(3), 3);
        for code in ["23505", "22012", "08P01"] {
            let (error, reply) = fails(code).await;
            let error = Error::statement(error, Some(reply));
            assert_eq!(error.sql_state().unwrap().as_str(), code);
            assert_ne!(error.class(), ErrorClass::OutcomeUnknown);
        }
        assert_eq!(in_doubt().unwrap_or(3), 3);
    }
    assert_eq!(bank.balance().await, 100);
}
