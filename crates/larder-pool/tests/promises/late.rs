//! A write whose answer does not come in time may have taken effect, and its error says so.

use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_pool::{
    Error, ErrorClass, Observer, Pool, PoolObserver, Session, TransactionSettings, deadline,
};
use larder_testing::proxy::{Direction, Fault, Moment};
use tokio::time::timeout;

use crate::support::{Bank, PATIENCE, WithId, entries, unknown, withdraw};

#[diesel::declare_sql_function]
extern "SQL" {
    /// Writes nothing, as the text tells.
    fn pg_sleep(seconds: diesel::sql_types::Double) -> diesel::sql_types::Text;
}

/// How long this side waits. Long enough for a statement on a busy machine, where one is answered.
const LIMIT: Duration = Duration::from_millis(1500);

/// Runs something with a limit of this side, while nothing more of what the server says arrives
/// from this reply on, or from now on.
async fn held(
    bank: &Bank,
    session: &mut Session,
    from: Option<&str>,
    work: impl AsyncFnOnce(&mut Session) -> QueryResult<usize>,
) -> DieselError {
    match from {
        Some(reply) => drop(bank.proxy.at(Moment::reply(reply), Fault::Hold)),
        None => bank.proxy.hold_half(Direction::ToClient),
    }
    session.set_answer_timeout(Some(LIMIT));
    let error = timeout(PATIENCE, work(session)).await.unwrap();
    error.unwrap_err()
}

/// That it took too long and nothing more.
fn is_late(error: DieselError) {
    let error = Error::statement(error, None);
    assert_eq!(error.class(), ErrorClass::Timeout, "{error}");
    assert!(error.unknown_outcome().is_none());
}

/// A session that has run the write before, so that the server knows it.
async fn warm(pool: &Pool) -> Session {
    let mut session = pool.session().await.unwrap();
    assert_eq!(withdraw(&mut session, 0).await.unwrap(), 1);
    session
}

/// Each statement carries a trace.
struct Traced;

impl PoolObserver for Traced {
    fn trace_context(&self, _: &tracing::Span) -> Option<String> {
        Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned())
    }
}

#[tokio::test]
async fn a_late_write_is_in_doubt_however_it_travels() {
    let ways = [
        (Observer::default(), None),
        (Observer::new(Arc::new(Traced)), None),
        (Observer::new(Arc::new(WithId)), Some("COMMIT")),
    ];
    for (observer, from) in ways {
        let bank = Bank::open().await;
        let pool = bank.pool(1, observer).await;
        let mut session = warm(&pool).await;
        let write = async |session: &mut Session| withdraw(session, 7).await;
        let error = held(&bank, &mut session, from, write).await;
        let unknown = unknown(error);
        assert!(unknown.cause().contains("has not answered"), "{unknown}");
        bank.has(93).await;
    }
}

#[tokio::test]
async fn a_late_batch_that_writes_is_in_doubt() {
    let bank = Bank::open().await;
    let pool = bank.pool(1, Observer::default()).await;
    let mut session = warm(&pool).await;
    let batch = async |session: &mut Session| {
        let sql = "SELECT 1; INSERT INTO entries (amount) VALUES (-95)";
        session.batch_execute(sql).await.map(|()| 2)
    };
    unknown(held(&bank, &mut session, None, batch).await);
    bank.has(5).await;
}

#[tokio::test]
async fn what_cannot_run_in_a_transaction_is_in_doubt_too() {
    let bank = Bank::open().await;
    let pool = bank.pool(1, Observer::new(Arc::new(WithId))).await;
    let mut session = warm(&pool).await;
    let write = async |session: &mut Session| {
        let sql = "CREATE INDEX CONCURRENTLY by_amount ON entries (amount)";
        diesel::sql_query(sql).execute(session).await
    };
    unknown(held(&bank, &mut session, Some("CREATE INDEX"), write).await);
}

#[tokio::test]
async fn a_write_that_is_late_for_its_request_is_in_doubt() {
    let bank = Bank::open().await;
    let pool = bank.pool(1, Observer::default()).await;
    let mut session = warm(&pool).await;
    bank.proxy.hold_half(Direction::ToClient);
    let write = deadline::within(LIMIT, withdraw(&mut session, 7));
    let unknown = unknown(write.await.unwrap().unwrap_err());
    let cause = unknown.cause();
    assert!(
        cause.contains("before the deadline of the request"),
        "{cause}"
    );
    bank.has(93).await;
}

#[tokio::test]
async fn a_write_under_settings_is_in_doubt_once_it_was_sent() {
    let bank = Bank::open().await;
    let pool = bank.pool(1, Observer::default()).await;
    let settings = [("app.tenant".to_owned(), "7".to_owned())];
    let settings = TransactionSettings::new(settings, None);
    for (reply, is_sent) in [("BEGIN", false), ("COMMIT", true)] {
        let mut session = pool.session_with(&settings).await.unwrap();
        session.set_answer_timeout(None);
        withdraw(&mut session, 0).await.unwrap();
        let write = async |session: &mut Session| withdraw(session, 7).await;
        let error = held(&bank, &mut session, Some(reply), write).await;
        match is_sent {
            true => drop(unknown(error)),
            false => is_late(error),
        }
        bank.proxy.resume();
        session.discard();
    }
    bank.has(93).await;
}

#[tokio::test]
async fn what_cannot_have_taken_effect_is_late_and_no_more() {
    let bank = Bank::open().await;
    let pool = bank.pool(1, Observer::default()).await;
    let mut session = warm(&pool).await;
    let read = async |session: &mut Session| {
        let amounts = entries::table.select(entries::amount);
        amounts.execute(session).await
    };
    read(&mut session).await.unwrap();
    is_late(held(&bank, &mut session, None, read).await);
    bank.proxy.resume();
    session.discard();

    let mut session = pool.session().await.unwrap();
    let sleep = async |session: &mut Session| {
        let sleeping = diesel::select(pg_sleep(0.0));
        sleeping.execute(session).await
    };
    sleep(&mut session).await.unwrap();
    is_late(held(&bank, &mut session, None, sleep).await);
    bank.proxy.resume();
    session.discard();

    let mut session = warm(&pool).await;
    session.set_answer_timeout(Some(LIMIT));
    let work = session.transaction(async |conn| {
        withdraw(conn, 0).await?;
        bank.proxy.hold_half(Direction::ToClient);
        withdraw(conn, 7).await
    });
    is_late(timeout(PATIENCE, work).await.unwrap().unwrap_err());
    bank.proxy.resume();
    session.discard();
    bank.has(100).await;
}
