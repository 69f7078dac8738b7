//! Bodies whose results must not be kept, and why they are not.

use diesel_async::SimpleAsyncConnection;
use larder::cached;
use larder_database::{Database, Error, ReadOrigin, sql};
use larder_pool::IsolationLevel;

use super::{execute, number, opened, opened_with};
use crate::support;

/// A function whose body the test gives.
#[cached(ttl = "1h", skip(body, B))]
async fn doing<B>(db: &Database, what: &str, body: B) -> Result<i64, Error>
where
    B: AsyncFn(&Database) -> Result<i64, Error>,
{
    body(db).await
}

const COUNT: &str = "SELECT count(*) FROM accounts";

#[cached(ttl = "1h")]
async fn counted(db: &Database) -> Result<i64, Error> {
    number(db, COUNT).await
}

/// Calls it twice, and tells why it was not kept.
async fn reason<B>(db: &Database, what: &str, body: B) -> Option<String>
where
    B: AsyncFn(&Database) -> Result<i64, Error>,
{
    let (outcome, why) = db.explain_call(doing(db, what, &body)).await;
    outcome.unwrap();
    let why = why.unwrap();
    let (outcome, trace) = db.trace(doing(db, what, &body)).await;
    outcome.unwrap();
    let is_kept = trace.reads.last().unwrap().origin == ReadOrigin::Hit;
    assert_eq!(is_kept, why.not_cached.is_none(), "{what}: {why}\n{trace}");
    assert_eq!(why.entry.is_some(), is_kept, "{what}: {why}");
    let text = why.to_string();
    let says_so = text.contains("not cached");
    assert_eq!(says_so, !is_kept, "{text}");
    why.not_cached
}

#[track_caller]
fn contains(reason: Option<String>, text: &str) {
    let reason = reason.unwrap_or_else(|| panic!("it is kept, though: {text}"));
    assert!(reason.contains(text), "{reason:?} does not say {text:?}");
}

#[tokio::test]
async fn a_body_that_writes() {
    let (_test, db) = opened().await;
    let written = reason(&db, "write", async |db| {
        let update = db.sql("UPDATE prices SET price = 8").execute().await?;
        Ok(i64::try_from(update).unwrap())
    });
    contains(written.await, "it may write: update prices");
    let in_transaction = reason(&db, "transaction", async |db| {
        db.transaction(async |conn| {
            sql("INSERT INTO notes (text) VALUES ('x')")
                .execute_on(conn)
                .await?;
            sql(COUNT).fetch_scalar_on(conn).await
        })
        .await
    });
    contains(in_transaction.await, "it may write: insert");
}

#[tokio::test]
async fn a_body_that_reads_inside_a_transaction_that_was_open_before() {
    let (_test, db) = opened().await;
    let mut why = None;
    for _ in 0..2 {
        let inside = db.transaction(async |_| {
            let (count, explained) = db.explain_call(counted(&db)).await;
            why = explained;
            count
        });
        assert_eq!(inside.await.unwrap(), 2);
        let why = why.take().unwrap().not_cached;
        contains(why, "it is called inside a transaction");
    }
    counted(&db).await.unwrap();
    let why = super::explained(&db, counted(&db)).await;
    assert_eq!(why.not_cached, None, "{why}");
}

#[tokio::test]
async fn a_body_that_is_given_a_session_with_an_open_transaction() {
    use diesel_async::{AsyncConnection, TransactionManager};

    type Manager = <larder_pool::Connection as AsyncConnection>::TransactionManager;
    let (_test, db) = opened().await;
    let session = tokio::sync::Mutex::new(db.session().await.unwrap());
    Manager::begin_transaction(&mut **session.lock().await)
        .await
        .unwrap();
    let why = reason(&db, "session", async |_| {
        let mut session = session.lock().await;
        sql(COUNT).fetch_scalar_on(&mut session).await
    });
    contains(why.await, "open before");
}

#[tokio::test]
async fn a_body_that_reads_in_a_transaction_of_its_own_is_kept() {
    let (_test, db) = opened().await;
    let why = reason(&db, "own", async |db| {
        db.build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .run(async |conn| {
                let accounts: i64 = sql(COUNT).fetch_scalar_on(conn).await?;
                let notes = sql("SELECT count(*) FROM notes");
                let notes: i64 = notes.fetch_scalar_on(conn).await?;
                Ok::<_, Error>(accounts * 10 + notes)
            })
            .await
    });
    assert_eq!(why.await, None);
    execute(&db, "DELETE FROM notes").await;
    let now = doing(&db, "own", async |_: &Database| Ok(-1)).await;
    assert_eq!(now.unwrap(), -1, "a write to what it read makes it go");
}

#[tokio::test]
async fn a_body_whose_transaction_is_rolled_back() {
    let (_test, db) = opened().await;
    let why = reason(&db, "back", async |db| {
        let back = db
            .transaction(async |conn| {
                let count: i64 = sql(COUNT).fetch_scalar_on(conn).await?;
                assert_eq!(count, 2);
                Err::<(), _>(Error::NotFound)
            })
            .await;
        assert!(back.is_err());
        Ok(2)
    });
    contains(why.await, "not committed");
}

#[tokio::test]
async fn a_body_that_reads_what_changes_by_itself() {
    let (_test, db) = opened().await;
    let why = reason(&db, "random", async |db| {
        number(db, "SELECT floor(random() * 9)::bigint FROM accounts").await
    });
    contains(why.await, "changes by itself");
}

#[tokio::test]
async fn a_body_that_reads_from_another_database() {
    let (_test, db) = opened().await;
    let other = support::accounts().await;
    let why = reason(&db, "plain", async |_| {
        number(other.database(), COUNT).await
    });
    contains(why.await, "another database");
    let there = support::open(&other, |_| {}).await;
    let why = reason(&db, "cached", async |_| {
        there.sql(COUNT).cached().fetch_scalar().await
    });
    contains(why.await, "another database");
}

#[tokio::test]
async fn a_body_that_reads_in_a_session_with_other_settings() {
    let (_test, db) = opened().await;
    let why = reason(&db, "settings", async |db| {
        let mut session = db.session().await?;
        session
            .batch_execute("SET search_path = pg_catalog, public")
            .await
            .unwrap();
        sql(COUNT).fetch_scalar_on(&mut session).await
    });
    contains(why.await, "settings");
    let session = tokio::sync::Mutex::new(db.session().await.unwrap());
    session
        .lock()
        .await
        .batch_execute("SET search_path = pg_catalog, public")
        .await
        .unwrap();
    let why = reason(&db, "set before", async |_| {
        let mut session = session.lock().await;
        sql(COUNT).fetch_scalar_on(&mut session).await
    });
    contains(why.await, "settings");
}

#[tokio::test]
async fn a_body_that_reads_what_is_written_all_the_time() {
    let (_test, db) = opened_with(|options| options.cache.hot_writes = 1).await;
    for _ in 0..3 {
        execute(&db, "UPDATE accounts SET balance = balance + 1").await;
    }
    let body = async |db: &Database| number(db, COUNT).await;
    let (outcome, why) = db.explain_call(doing(&db, "hot", body)).await;
    outcome.unwrap();
    let why = why.unwrap();
    assert_eq!(why.hot, ["public.accounts"], "{why}");
    contains(why.not_cached, "written too often");
}

#[tokio::test]
async fn a_body_that_goes_on_after_a_statement_has_failed() {
    let (_test, db) = opened().await;
    let divided = "SELECT (1 / (balance - 100))::bigint FROM accounts WHERE id = 1";
    let why = reason(&db, "failed", async |db| {
        Ok(number(db, divided).await.unwrap_or(-1))
    });
    contains(why.await, "failed");
    let why = reason(&db, "cached failed", async |db| {
        let cached = db.sql(divided).cached().fetch_scalar().await;
        Ok(cached.unwrap_or(-1))
    });
    contains(why.await, "failed");
}

#[tokio::test]
async fn a_call_whose_condition_says_no_goes_past_the_cache() {
    #[cached(ttl = "1h", condition = limit <= 10)]
    async fn limited(db: &Database, limit: i64) -> Result<i64, Error> {
        let cached = db.sql(COUNT).cached();
        Ok(limit.min(cached.fetch_scalar().await?))
    }
    let (_test, db) = opened().await;
    // What is read inside is kept all the same, and is not what is asked about.
    let why = super::explained(&db, limited(&db, 11)).await;
    assert_eq!(why.statement, "limited");
    contains(why.not_cached, "past the cache");
    let why = super::explained(&db, limited(&db, 10)).await;
    assert_eq!(why.not_cached, None);
}
