//! `#[cache_put]`: what a writer knows is kept for those who read.

use std::time::Duration;

use larder::{cache_put, cached};
use larder_database::{Database, Error, sql};
use larder_pool::IsolationLevel;

use super::{Runs, Stop, balance, explained, has_looked, opened, opened_with, set_balance};
use crate::caching::other_process;

#[derive(Debug, Clone, PartialEq, diesel::QueryableByName)]
struct Note {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    id: i32,
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

#[cached(ttl = "1h", name = "account", skip(runs))]
async fn account(db: &Database, id: i32, runs: &Runs) -> Result<i64, Error> {
    runs.ran();
    balance(db, id).await
}

#[cache_put(ttl = "1h", name = "account", key(id))]
async fn put_account(db: &Database, id: i32, balance: i64) -> Result<i64, Error> {
    set_balance(db, id, balance).await;
    Ok(balance)
}

/// Reads before it returns, as the last thing it does.
#[cache_put(ttl = "1h", name = "account", key(id))]
async fn put_and_read(db: &Database, id: i32, new: i64, runs: &Runs) -> Result<i64, Error> {
    set_balance(db, id, new).await;
    account(db, id, runs).await
}

#[cache_put(ttl = "1h", name = "account", key(id))]
async fn put_slowly(db: &Database, id: i32, balance: i64, stop: &Stop) -> Result<i64, Error> {
    set_balance(db, id, balance).await;
    stop.pass().await;
    Ok(balance)
}

/// Whether the next read of the first account needs no statement, and what it gives.
async fn next(db: &Database) -> (bool, i64) {
    let runs = Runs::default();
    let (balance, trace) = db.trace(account(db, 1, &runs)).await;
    assert_eq!(trace.statements.is_empty(), runs.count() == 0);
    (runs.count() == 0, balance.unwrap())
}

#[tokio::test]
async fn the_next_call_needs_no_query_and_has_the_new_value() {
    let (_test, db) = opened().await;
    assert_eq!(next(&db).await, (false, 100));
    for balance in [70, 60] {
        let why = explained(&db, put_account(&db, 1, balance)).await;
        assert_eq!(why.not_cached, None, "{why}");
        assert_eq!(why.by_row, ["public.accounts"]);
        assert_eq!(next(&db).await, (true, balance));
    }
    set_balance(&db, 2, 1).await;
    assert_eq!(next(&db).await, (true, 60), "another row");
    set_balance(&db, 1, 1).await;
    assert_eq!(next(&db).await, (false, 1), "this row");
    put_and_read(&db, 1, 50, &Runs::default()).await.unwrap();
    assert_eq!(next(&db).await, (true, 50));
    set_balance(&db, 1, 2).await;
    assert_eq!(next(&db).await, (false, 2));
}

#[tokio::test]
async fn a_write_in_a_transaction_of_the_body_is_kept_after_its_commit() {
    #[cache_put(ttl = "1h", name = "account", key(id))]
    async fn in_transaction(
        db: &Database,
        id: i32,
        balance: i64,
        commits: bool,
    ) -> Result<i64, Error> {
        let written = db.transaction(async |conn| {
            let update = sql("UPDATE accounts SET balance = :balance WHERE id = :id");
            let update = update.bind("balance", balance).bind("id", id);
            update.execute_on(conn).await?;
            if commits {
                Ok(())
            } else {
                Err(Error::NotFound)
            }
        });
        assert_eq!(written.await.is_ok(), commits);
        Ok(balance)
    }
    let (_test, db) = opened().await;
    in_transaction(&db, 1, 70, true).await.unwrap();
    assert_eq!(next(&db).await, (true, 70));
    let why = explained(&db, in_transaction(&db, 1, 30, false)).await;
    assert!(why.not_cached.unwrap().contains("not committed"));
    assert_eq!(next(&db).await.1, 70, "it was rolled back");
}

#[tokio::test]
async fn inside_an_open_transaction_nothing_is_kept() {
    let (_test, db) = opened().await;
    let outcome = db.transaction(async |conn| {
        let update = sql("UPDATE accounts SET balance = 1 WHERE id = 1");
        update.execute_on(conn).await?;
        #[cache_put(ttl = "1h", name = "account", key(id))]
        async fn value_alone(db: &Database, id: i32) -> Result<i64, Error> {
            Ok(1)
        }
        value_alone(&db, 1).await?;
        Err::<(), _>(Error::NotFound)
    });
    assert!(outcome.await.is_err());
    assert_eq!(next(&db).await, (false, 100));
}

#[tokio::test]
async fn where_somebody_else_writes_meanwhile_it_is_not_kept() {
    let (test, db) = opened_with(|options| {
        options.cache.poll_interval = Duration::from_millis(20);
    })
    .await;
    let put = |balance| {
        let (db, stop) = (db.clone(), Stop::new());
        let its = stop.clone();
        let putting = async move {
            let why = explained(&db, put_slowly(&db, 1, balance, &its)).await;
            why.not_cached
        };
        (tokio::spawn(putting), stop)
    };
    let (putting, stop) = put(70);
    stop.reached().await;
    // To the same row, after the body has written.
    set_balance(&db, 1, 71).await;
    stop.let_one_go();
    let why = putting.await.unwrap().unwrap();
    assert!(why.contains("meanwhile"), "{why}");
    assert_eq!(next(&db).await, (false, 71));
    // By another process, as soon as this one hears of it.
    let other = other_process(&test).await;
    let (putting, stop) = put(60);
    stop.reached().await;
    set_balance(&other, 1, 61).await;
    has_looked(&db).await;
    stop.let_one_go();
    let why = putting.await.unwrap().unwrap();
    assert!(why.contains("meanwhile"), "{why}");
    assert_eq!(next(&db).await, (false, 61));
}

#[tokio::test]
async fn what_was_read_before_it_was_written_is_not_kept() {
    #[cache_put(ttl = "1h", name = "account", key(id))]
    async fn add(db: &Database, id: i32, amount: i64, before: &str) -> Result<i64, Error> {
        let balance = match before {
            "plain" => balance(db, id).await?,
            _ => account(db, id, &Runs::default()).await?,
        };
        set_balance(db, id, balance + amount).await;
        Ok(balance + amount)
    }
    let (_test, db) = opened().await;
    for before in ["plain", "cached"] {
        let why = explained(&db, add(&db, 1, 1, before)).await;
        let why = why.not_cached.unwrap();
        assert!(
            why.contains("read before") || why.contains("its own"),
            "{why}"
        );
        assert!(!next(&db).await.0, "{before}");
        assert!(next(&db).await.0, "{before}");
    }
    assert_eq!(next(&db).await, (true, 102));
}

#[tokio::test]
async fn what_is_read_and_written_in_one_snapshot_is_not_believed_either() {
    #[cache_put(ttl = "1h", name = "account", key(id))]
    async fn repeatable(db: &Database, id: i32, stop: &Stop) -> Result<i64, Error> {
        let run = db
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .run(async |conn| {
                let read = sql("SELECT balance FROM accounts WHERE id = :id").bind("id", id);
                let balance: i64 = read.fetch_scalar_on(conn).await?;
                stop.pass().await;
                sql("INSERT INTO notes (text) VALUES ('read')")
                    .execute_on(conn)
                    .await?;
                Ok::<_, Error>(balance)
            });
        run.await
    }
    let (_test, db) = opened().await;
    let stop = Stop::new();
    let putting = tokio::spawn({
        let (db, stop) = (db.clone(), stop.clone());
        async move { repeatable(&db, 1, &stop).await }
    });
    stop.reached().await;
    set_balance(&db, 1, 5).await;
    stop.let_one_go();
    assert_eq!(putting.await.unwrap().unwrap(), 100);
    assert_eq!(next(&db).await, (false, 5));
}

#[cached(ttl = "1h", name = "note", skip(runs))]
async fn note(db: &Database, id: i32, runs: &Runs) -> Result<Note, Error> {
    runs.ran();
    let note = db.sql("SELECT id, text FROM notes WHERE id = :id");
    let mut notes = note.bind("id", id).fetch::<Note>().await?;
    notes.pop().ok_or(Error::NotFound)
}

#[tokio::test]
async fn a_row_whose_key_the_server_makes_is_returned_and_not_forgotten() {
    /// The key of the result is not known before it is there: it is kept for the last one.
    #[cache_put(ttl = "1h", name = "last_note", skip(text))]
    async fn add_note(db: &Database, text: &str) -> Result<Note, Error> {
        let insert = db.sql("INSERT INTO notes (text) VALUES (:text) RETURNING id, text");
        let mut added = insert.bind("text", text).returning::<Note>().await?;
        added.pop().ok_or(Error::NotFound)
    }
    #[cached(ttl = "1h", name = "last_note")]
    async fn last_note(db: &Database) -> Result<Note, Error> {
        let last = db.sql("SELECT id, text FROM notes ORDER BY id DESC LIMIT 1");
        let mut notes = last.fetch::<Note>().await?;
        notes.pop().ok_or(Error::NotFound)
    }
    let (_test, db) = opened().await;
    let runs = Runs::default();
    assert_eq!(last_note(&db).await.unwrap().text, "one");
    assert!(note(&db, 2, &runs).await.is_err());
    let added = add_note(&db, "two").await.unwrap();
    assert_eq!((added.id, &*added.text), (2, "two"));
    let (last, trace) = db.trace(last_note(&db)).await;
    assert_eq!(last.unwrap(), added);
    assert!(trace.statements.is_empty(), "{trace}");
    // One that was not found is there now.
    assert_eq!(note(&db, 2, &runs).await.unwrap(), added);
    let gone = db.sql("DELETE FROM notes WHERE id = :id");
    gone.bind("id", 2).execute().await.unwrap();
    assert_eq!(last_note(&db).await.unwrap().text, "one");
}

#[tokio::test]
async fn an_error_keeps_nothing_and_what_is_not_to_be_kept_replaces_nothing() {
    #[cache_put(ttl = "1h", name = "account", key(id))]
    async fn failing(db: &Database, id: i32, balance: i64) -> Result<i64, Error> {
        set_balance(db, id, balance).await;
        Err(Error::NotFound)
    }
    #[cache_put(ttl = "1h", name = "account", key(id), condition = balance > 10)]
    async fn large(db: &Database, id: i32, balance: i64) -> Result<i64, Error> {
        set_balance(db, id, balance).await;
        Ok(balance)
    }
    let (_test, db) = opened().await;
    assert_eq!(next(&db).await, (false, 100));
    assert!(failing(&db, 1, 50).await.is_err());
    assert_eq!(next(&db).await, (false, 50), "it was written all the same");
    large(&db, 1, 9).await.unwrap();
    assert_eq!(next(&db).await, (false, 9));
    large(&db, 1, 11).await.unwrap();
    assert_eq!(next(&db).await, (true, 11));
}
