//! Settings hold in every statement and stay with nobody; what needs a session is refused.

use diesel_async::SimpleAsyncConnection;
use larder_database::{Database, DatabaseOptions, Hints, sql};
use larder_pool::PoolerMode;
use larder_services::MIGRATIONS;

use super::{all_clients, behind, pooler_url};
use crate::support::accounts;

async fn setting(db: &Database, name: &str) -> String {
    db.sql("SELECT current_setting(:name)")
        .bind("name", name)
        .fetch_scalar()
        .await
        .unwrap()
}

#[tokio::test]
async fn settings_hold_in_every_statement_and_do_not_leak() {
    let test = accounts().await;
    let strict = behind(&test, |options| {
        options.connect.settings.extend([
            ("statement_timeout".to_owned(), "4321ms".to_owned()),
            (
                "search_path".to_owned(),
                r#"pg_temp, "Odd", public"#.to_owned(),
            ),
            ("TimeZone".to_owned(), "Asia/Tokyo".to_owned()),
        ]);
    })
    .await;
    let plain = behind(&test, |_| {}).await;
    all_clients(|_| {
        let (strict, plain) = (strict.clone(), plain.clone());
        async move {
            for _ in 0..5 {
                assert_eq!(setting(&strict, "statement_timeout").await, "4321ms");
                assert_eq!(setting(&strict, "TimeZone").await, "Asia/Tokyo");
                assert_eq!(
                    setting(&strict, "search_path").await,
                    r#"pg_temp, "Odd", public"#
                );
                assert_ne!(setting(&plain, "statement_timeout").await, "4321ms");
                assert_eq!(setting(&plain, "TimeZone").await, "UTC");
                let path = setting(&plain, "search_path").await;
                assert_eq!(path, "\"$user\", public");
            }
        }
    })
    .await;
    // In transactions and in batches, too.
    let inside: String = strict
        .transaction(async |conn| sql("SHOW statement_timeout").fetch_scalar_on(conn).await)
        .await
        .unwrap();
    assert_eq!(inside, "4321ms");
    let mut session = strict.session().await.unwrap();
    session
        .batch_execute(
            "CREATE TABLE seen AS SELECT current_setting('statement_timeout') AS value; SELECT 1",
        )
        .await
        .unwrap();
    let value: String = sql("SELECT value FROM seen")
        .fetch_scalar_on(&mut session)
        .await
        .unwrap();
    assert_eq!(value, "4321ms");
}

#[tokio::test]
async fn the_isolation_level_of_the_options_is_that_of_all_transactions() {
    let test = accounts().await;
    let db = behind(&test, |options| {
        let level = ("default_transaction_isolation", "repeatable read");
        let setting = (level.0.to_owned(), level.1.to_owned());
        options.connect.settings.push(setting);
    })
    .await;
    assert_eq!(
        setting(&db, "transaction_isolation").await,
        "repeatable read"
    );
    let level = "SHOW transaction_isolation";
    let found: String = db
        .transaction(async |conn| sql(level).fetch_scalar_on(conn).await)
        .await
        .unwrap();
    assert_eq!(found, "repeatable read");
    let found: String = db
        .build_transaction()
        .isolation_level(larder_pool::IsolationLevel::Serializable)
        .run(async |conn| sql(level).fetch_scalar_on(conn).await)
        .await
        .unwrap();
    assert_eq!(found, "serializable");
}

#[tokio::test]
async fn what_needs_a_session_is_refused_and_the_rule_is_named() {
    let test = accounts().await;
    let db = behind(&test, |_| {}).await;
    for (statement, words) in [
        ("SET statement_timeout = 1", "SET"),
        (
            "SELECT set_config('a.b', 'c', false)",
            "set_config(.., false)",
        ),
        ("SELECT pg_advisory_lock(1)", "pg_advisory_lock"),
        ("CREATE TEMP TABLE t (id int)", "CREATE TEMPORARY"),
        ("LISTEN news", "LISTEN"),
        ("PREPARE p AS SELECT 1", "PREPARE"),
    ] {
        let rule = format!("{words} needs a session of its own");
        let mut session = db.session().await.unwrap();
        let one = sql(statement).execute_on(&mut session).await.unwrap_err();
        let batch = format!("SELECT 1; {statement}");
        let many = session.batch_execute(&batch).await.unwrap_err();
        for error in [one.to_string(), many.to_string()] {
            assert!(error.contains(&rule), "{error}");
            assert!(error.contains("database.pooler = transaction"), "{error}");
        }
    }
    // Nothing was sent, and what ends with its transaction is fine.
    db.transaction(async |conn| {
        sql("SET LOCAL statement_timeout = '9s'")
            .execute_on(conn)
            .await?;
        sql("CREATE TEMP TABLE t (id int) ON COMMIT DROP")
            .execute_on(conn)
            .await?;
        let locked: bool = sql("SELECT pg_try_advisory_xact_lock(1)")
            .fetch_scalar_on(conn)
            .await?;
        let value: String = sql("SHOW statement_timeout").fetch_scalar_on(conn).await?;
        assert_eq!((locked, &*value), (true, "9s"));
        Ok::<_, larder_database::Error>(())
    })
    .await
    .unwrap();
    assert_ne!(setting(&db, "statement_timeout").await, "9s");
}

#[tokio::test]
async fn what_cannot_be_had_behind_a_pooler_is_refused_from_the_start() {
    let test = accounts().await;
    let db = behind(&test, |_| {}).await;
    let error = db.migrate(MIGRATIONS).await.unwrap_err().to_string();
    assert!(error.contains("direct URL"), "{error}");

    let mut options = DatabaseOptions::from_url(&pooler_url(&test)).unwrap();
    options.connect.pooler = PoolerMode::Transaction;
    options.cache.hints = Hints::Notify;
    let error = Database::open(options).await.unwrap_err().to_string();
    assert!(
        error.contains("LISTEN") && error.contains("direct URL"),
        "{error}"
    );

    let url = format!("{}?options=-c%20statement_timeout%3D1s", pooler_url(&test));
    let mut options = DatabaseOptions::from_url(&url).unwrap();
    options.connect.pooler = PoolerMode::Transaction;
    let error = Database::open(options).await.unwrap_err().to_string();
    assert!(error.contains("`options`"), "{error}");
}

#[tokio::test]
async fn what_cannot_run_in_a_transaction_runs_without_one() {
    let test = accounts().await;
    let db = behind(&test, |_| {}).await;
    for statement in [
        "VACUUM accounts",
        "CREATE INDEX CONCURRENTLY balances ON accounts (balance)",
    ] {
        db.sql(statement).execute().await.unwrap();
    }
    let mut session = db.session().await.unwrap();
    session.batch_execute("VACUUM accounts").await.unwrap();
}
