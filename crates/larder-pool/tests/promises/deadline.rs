//! What a request may still do when its deadline is near, and what the server is told of it.

use std::time::Duration;

use diesel::result::Error as DieselError;
use diesel_async::RunQueryDsl;
use larder_pool::{
    ConnectOptions, Connection, Error, ErrorClass, ErrorKind, Observer, Pool, PoolOptions,
    PoolerMode, TransactionError, TransactionSettings, deadline,
};
use larder_testing::proxy::{Fault, Moment};

use crate::support::{Bank, withdraw};

/// Long enough for a statement or two on a busy machine.
const LIMIT: Duration = Duration::from_millis(2500);

#[tokio::test]
async fn no_commit_is_sent_when_the_deadline_passes_while_the_id_is_waited_for() {
    let bank = Bank::open().await;
    let pool = bank.pool(1, Observer::default()).await;
    let rolled_back = bank.proxy.when(Moment::statement("ROLLBACK"));
    let work = pool.transaction(async |conn| {
        // The question for the id is the first one.
        drop(bank.proxy.at(Moment::reply("SELECT"), Fault::Hold));
        withdraw(conn, 7).await
    });
    let error = match deadline::within(LIMIT, work).await {
        Ok(Err(TransactionError::Pool(error))) | Err(error) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    rolled_back.await;
    bank.proxy.resume();
    let mut session = pool.session().await.unwrap();
    withdraw(&mut session, 1).await.unwrap();
    assert_eq!(bank.balance().await, 99);
}

#[tokio::test]
async fn a_transaction_of_a_session_is_not_committed_after_the_deadline() {
    let bank = Bank::open().await;
    let pool = bank.pool(1, Observer::default()).await;
    let mut session = pool.session().await.unwrap();
    let work = session.transaction(async |conn| {
        withdraw(conn, 7).await?;
        while deadline::remaining() != Some(Duration::ZERO) {
            tokio::time::sleep(deadline::remaining().unwrap_or_default()).await;
        }
        Ok::<_, DieselError>(())
    });
    match deadline::within(LIMIT, work).await {
        Ok(ended) => {
            let error = Error::statement(ended.unwrap_err(), None);
            assert_eq!(error.class(), ErrorClass::Timeout, "{error}");
            assert!(
                error.to_string().contains("nothing was committed"),
                "{error}"
            );
            // The session is in order.
            withdraw(&mut session, 1).await.unwrap();
        }
        // A busy machine was late in looking.
        Err(error) => assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}"),
    }
    drop(session);
    let mut session = pool.session().await.unwrap();
    withdraw(&mut session, 0).await.unwrap();
    assert!(bank.balance().await >= 99);
}

/// How long the server lets a statement of this transaction run.
async fn limit(connection: &mut Connection) -> Result<String, DieselError> {
    let limit = "current_setting('statement_timeout')";
    let limit = diesel::dsl::sql::<diesel::sql_types::Text>(limit);
    diesel::select(limit).get_result(connection).await
}

/// The same for a transaction that begins with these, within a deadline of a minute.
async fn limit_under(pool: &Pool, local: (&str, &str), scope: Option<(&str, &str)>) -> String {
    let mut transaction = pool.build_transaction().local_setting(local.0, local.1);
    if let Some((name, value)) = scope {
        let settings = [(name.to_owned(), value.to_owned())];
        transaction = transaction.settings(TransactionSettings::new(settings, None));
    }
    let asked = transaction.run(async |conn| limit(conn).await);
    let asked = deadline::within(Duration::from_secs(60), asked);
    asked.await.unwrap().unwrap()
}

#[tokio::test]
async fn the_server_keeps_the_deadline_whatever_the_values_of_settings_say() {
    const WORDS: &str = "of statement_timeout and others";
    let bank = Bank::open().await;
    let direct = bank.pool(1, Observer::default()).await;
    let (local, scope) = (("app.local", WORDS), Some(("app.scope", WORDS)));
    let shown = limit_under(&direct, local, scope).await;
    assert!(shown.ends_with("ms") && shown != "0", "{shown}");
    // What somebody asks for is not overruled.
    let asked = ("Statement_Timeout", "7s");
    assert_eq!(limit_under(&direct, asked, scope).await, "7s");
    assert_eq!(limit_under(&direct, local, Some(asked)).await, "7s");
}

#[tokio::test]
async fn the_server_keeps_the_deadline_behind_a_pooler_that_sets_a_longer_one() {
    let pooler = std::env::var("LARDER_TEST_PGBOUNCER_URL").unwrap_or_else(|_| {
        panic!("LARDER_TEST_PGBOUNCER_URL is not set: run the tests by `cargo xtask test`, which sets it")
    });
    let bank = Bank::open().await;
    let (place, _) = pooler.rsplit_once('/').unwrap();
    let (_, name) = bank.url().rsplit_once('/').unwrap();
    let connect = ConnectOptions::parse(&format!("{place}/{name}")).unwrap();
    let mut connect = connect.setting("statement_timeout", "2h");
    connect.pooler = PoolerMode::Transaction;
    let pool = Pool::open(connect, PoolOptions::named("pooled"))
        .await
        .unwrap();
    let without = pool.transaction(async |conn| limit(conn).await);
    assert_eq!(without.await.unwrap(), "2h");
    let shown = limit_under(&pool, ("app.local", ""), None).await;
    assert!(shown.ends_with("ms"), "{shown}");
}
