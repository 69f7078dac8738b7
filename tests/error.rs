//! Errors: whatever the server says arrives whole, and reads after "failed to".

use diesel_async::RunQueryDsl;
use larder_database::{Error, ErrorKind};

use crate::support::accounts;

#[tokio::test]
async fn every_error_of_the_server_keeps_its_sqlstate() {
    let test = accounts().await;
    for (statement, state) in [
        ("INSERT INTO accounts VALUES (1, 1)", "23505"),
        ("INSERT INTO accounts VALUES (9, NULL)", "23502"),
        ("INSERT INTO accounts VALUES (9, -1)", "23514"),
        ("SELECT 1 / 0", "22012"),
        ("SELECT * FROM nowhere", "42P01"),
        ("SELEKT", "42601"),
        ("SELECT 'x'::int", "22P02"),
    ] {
        let error = test.database().sql(statement).execute().await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Pool(larder_pool::ErrorKind::Statement)
        );
        assert_eq!(error.sql_state().unwrap().as_str(), state, "{statement}");
        let text = error.to_string();
        assert!(text.starts_with("run a statement: "), "{text}");
        assert!(text.contains(&format!("SQLSTATE {state}")), "{text}");
    }
}

#[tokio::test]
async fn a_violated_constraint_is_named() {
    let test = accounts().await;
    let error = test
        .database()
        .sql("INSERT INTO accounts VALUES (1, 1)")
        .execute()
        .await
        .unwrap_err();
    assert_eq!(error.constraint(), Some("accounts_pkey"));
    let server = error.server_error().unwrap();
    assert_eq!(server.table(), Some("accounts"));
    assert_eq!(server.schema(), Some("public"));
    assert_eq!(server.severity(), "ERROR");
    // The row that collided stays out of what gets logged.
    assert!(server.detail().unwrap().contains("(1)"));
    assert!(!format!("{error:?}").contains("(id)=(1)"), "{error:?}");
}

#[tokio::test]
async fn the_connection_remembers_what_diesels_error_leaves_out() {
    let test = accounts().await;
    let mut session = test.database().session().await.unwrap();
    assert!(session.last_server_error().is_none());
    let error = diesel::sql_query("SELECT 1 / 0")
        .execute(&mut session)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "division by zero");
    assert_eq!(
        session.last_server_error().unwrap().state().as_str(),
        "22012"
    );
}

#[tokio::test]
async fn a_deadline_of_the_server_is_an_error_of_its_own_class() {
    let test = accounts().await;
    let db = crate::support::open(&test, |options| {
        options.connect = options.connect.clone().setting("statement_timeout", "20ms");
    })
    .await;
    let error = db.sql("SELECT pg_sleep(600)").execute().await.unwrap_err();
    assert_eq!(
        error.sql_state(),
        Some(larder_pool::SqlState::QUERY_CANCELED)
    );
    assert_eq!(error.sql_state().unwrap().class(), "57");
    // The connection is as good as before.
    db.sql("SELECT 1").execute().await.unwrap();
}

#[tokio::test]
async fn an_error_of_diesel_alone_has_no_sqlstate() {
    let test = accounts().await;
    let error: Error = test
        .database()
        .transaction(async |_| Err::<(), _>(diesel::result::Error::RollbackTransaction))
        .await
        .unwrap_err();
    assert_eq!(error.sql_state(), None);
    assert!(error.server_error().is_none());
}

#[tokio::test]
async fn an_earlier_error_is_not_taken_for_a_later_one() {
    let test = accounts().await;
    let error: Error = test
        .database()
        .transaction(async |conn| {
            let caught = conn
                .transaction::<_, diesel::result::Error, _>(async |conn| {
                    diesel::sql_query("SELECT 1 / 0").execute(conn).await
                })
                .await;
            assert!(caught.is_err());
            Err::<(), _>(diesel::result::Error::RollbackTransaction)
        })
        .await
        .unwrap_err();
    assert_eq!(error.sql_state(), None, "{error}");
}

#[tokio::test]
async fn a_closure_that_mixes_errors_keeps_kind_and_constraint() {
    let test = accounts().await;
    let error = test
        .database()
        .transaction(async |conn| {
            diesel::sql_query("INSERT INTO accounts VALUES (1, 1)")
                .execute(conn)
                .await?;
            Ok::<_, larder::Error>(())
        })
        .await
        .unwrap_err();
    assert_eq!(
        error.sql_state(),
        Some(larder_pool::SqlState::UNIQUE_VIOLATION)
    );
    let larder::Error::Database(error) = error else {
        panic!("not an error of the database: {error}");
    };
    assert_eq!(error.constraint(), Some("accounts_pkey"));
}
