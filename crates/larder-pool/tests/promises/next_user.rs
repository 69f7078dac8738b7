//! What the user of a connection leaves behind for the next one: nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel_async::RunQueryDsl;
use larder_pool::{EndedStatement, Observer, Pool, PoolObserver, Session, StatementOutcome};
use larder_testing::proxy::Direction;
use tokio::time::timeout;

use crate::support::{Bank, PATIENCE};

#[tokio::test]
async fn how_long_one_user_waits_for_answers_is_not_how_long_the_next_one_does() {
    let bank = Bank::open().await;
    for usual in [None, Some(PATIENCE)] {
        let change = |connect: &mut larder_pool::ConnectOptions| connect.answer_timeout = usual;
        let pool = bank.pool_with(1, Observer::default(), change).await;
        for changed in [Some(Duration::from_secs(1)), None] {
            let session = pool.session().await.unwrap();
            assert_eq!(session.set_answer_timeout(changed), usual);
            assert_eq!(session.set_answer_timeout(changed), changed);
        }
        let session = pool.session().await.unwrap();
        assert_eq!(session.set_answer_timeout(None), usual);
    }
}

/// Notes of each statement whether it counts as lost; `None` where its caller left.
#[derive(Default)]
struct Ends(Mutex<Vec<Option<bool>>>);

impl PoolObserver for Ends {
    fn statement_ended(&self, statement: &EndedStatement<'_>) {
        self.0.lock().unwrap().push(match statement.outcome {
            StatementOutcome::Lost => Some(true),
            StatementOutcome::Abandoned => None,
            _ => Some(false),
        });
    }
}

async fn process(session: &mut Session) -> i32 {
    let process = diesel::dsl::sql::<diesel::sql_types::Integer>("pg_backend_pid()");
    let asked = diesel::select(process).get_result(session);
    timeout(PATIENCE, asked).await.unwrap().unwrap()
}

/// Whether a connection is kept on which an answer was late.
async fn is_kept_after_a_late_answer(bank: &Bank, pool: &Pool) -> bool {
    let mut session = pool.session().await.unwrap();
    let before = process(&mut session).await;
    bank.proxy.hold_half(Direction::ToClient);
    session.set_answer_timeout(Some(Duration::from_millis(100)));
    let asked = diesel::sql_query("SELECT 1").execute(&mut session).await;
    assert!(asked.unwrap_err().to_string().contains("has not answered"));
    bank.proxy.resume();
    drop(session);
    process(&mut pool.session().await.unwrap()).await == before
}

#[tokio::test]
async fn a_late_answer_does_not_make_a_loss_of_what_the_next_user_gives_up() {
    let bank = Bank::open().await;
    let ends = Arc::<Ends>::default();
    let observer = Observer::new(Arc::clone(&ends) as _);
    let pool = bank.pool(1, observer).await;
    // On a busy machine the rollback takes too long for the connection to be kept.
    let kept = async { while !is_kept_after_a_late_answer(&bank, &pool).await {} };
    timeout(PATIENCE, kept).await.unwrap();
    assert!(ends.0.lock().unwrap().contains(&Some(true)));

    let mut session = pool.session().await.unwrap();
    let query = diesel::sql_query("SELECT pg_sleep(600)");
    let waited = timeout(Duration::from_millis(50), query.execute(&mut session)).await;
    assert!(waited.is_err());
    assert_eq!(ends.0.lock().unwrap().last(), Some(&None));
}
