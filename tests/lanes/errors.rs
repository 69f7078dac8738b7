//! An error belongs to the statement that made it, and says what it says elsewhere.

use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::Integer;
use diesel_async::RunQueryDsl;
use futures::future::join_all;
use larder_pool::Error as PoolError;

use super::{laned, lanes, notes, one_laned, read, words};

/// Divides by what is nothing for one of the notes.
async fn divide(reader: &mut larder_database::Reader, id: i32) -> QueryResult<i32> {
    let quotient = diesel::dsl::sql::<Integer>("100 / (id - 5)");
    super::notes::table
        .filter(super::notes::id.eq(id))
        .select(quotient)
        .first(reader)
        .await
}

#[tokio::test]
async fn it_reaches_the_one_who_made_it_and_nobody_else() {
    let test = notes().await;
    let db = one_laned(&test, |_| {}).await;
    let before = lanes(&db).reads;
    let all = (0..100).map(|number| {
        let db = db.clone();
        async move {
            let id = number % 10 + 1;
            (id, divide(&mut db.reader(), id).await)
        }
    });
    for (id, quotient) in join_all(all).await {
        match quotient {
            Ok(quotient) => assert_eq!(quotient, 100 / (id - 5)),
            Err(error) => assert!(
                id == 5 && error.to_string() == "division by zero",
                "{error}"
            ),
        }
    }
    assert!(lanes(&db).reads > before);
    assert_eq!(lanes(&db).in_flight, 0);
    assert_eq!(lanes(&db).open, 1);
}

#[tokio::test]
async fn it_is_as_a_connection_of_the_pool_gives_it() {
    let test = notes().await;
    let db = laned(&test, |_| {}).await;
    let mut reader = db.reader();
    divide(&mut reader, 1).await.unwrap();
    let before = lanes(&db).reads;
    let error = divide(&mut reader, 5).await.unwrap_err();
    assert_eq!(lanes(&db).reads, before + 1);
    assert!(matches!(&error, DieselError::DatabaseError(_, information)
        if information.message() == "division by zero"));
    assert_eq!(
        reader.last_server_error().unwrap().state().as_str(),
        "22012"
    );
    let whole = reader.explain(error);
    assert_eq!(whole.sql_state().unwrap().as_str(), "22012");
    // It is forgotten with the next statement.
    divide(&mut reader, 1).await.unwrap();
    assert!(reader.last_server_error().is_none());

    // One that cannot even be prepared.
    let error = diesel::sql_query("SELECT id FROM notes WHERE words = 1");
    for _ in 0..2 {
        let error = error
            .clone()
            .load::<Nothing>(&mut reader)
            .await
            .unwrap_err();
        assert_eq!(reader.explain(error).sql_state().unwrap().as_str(), "42883");
    }
    assert_eq!(read(&db, 1).await.unwrap(), words(1));
}

#[derive(Debug, QueryableByName)]
struct Nothing {}

#[tokio::test]
async fn raw_sql_says_what_the_server_says() {
    let test = notes().await;
    let db = laned(&test, |_| {}).await;
    let mut states = Vec::new();
    for _ in 0..3 {
        let error = db
            .sql("SELECT 1 / (id - :zero) FROM notes WHERE id = 1")
            .bind("zero", 1)
            .fetch_scalar::<i32>()
            .await
            .unwrap_err();
        states.push(error.sql_state().unwrap().to_string());
    }
    assert_eq!(states, ["22012"; 3]);
    assert!(lanes(&db).reads > 0);
}

#[tokio::test]
async fn a_pool_that_gives_no_connection_is_told_whole() {
    let test = notes().await;
    let db = laned(&test, |options| {
        options.pool.size = 1;
        options.pool.acquire_timeout = std::time::Duration::from_millis(50);
    })
    .await;
    let _held = db.session().await.unwrap();
    let mut reader = db.reader();
    // A read needs none.
    let text: String = super::notes::table
        .find(1)
        .select(super::notes::words)
        .first(&mut reader)
        .await
        .unwrap();
    assert_eq!(text, words(1));
    let error = diesel::sql_query("SHOW TimeZone")
        .execute(&mut reader)
        .await;
    let error = error.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("failed to get a connection from pool"),
        "{error}"
    );
    assert!(matches!(reader.explain(error), PoolError::Acquire(_)));
}
