//! Many who ask for the same thing at once cause one query.

use std::sync::Arc;

use diesel_async::SimpleAsyncConnection;
use futures::future::join_all;
use larder_database::{Database, ErrorKind};

use super::{LONG, balances, cached_accounts};
use crate::support::eventually;

/// How many statements have read the table, by a sequence that the statement itself moves.
async fn counted(db: &Database) {
    db.session()
        .await
        .unwrap()
        .batch_execute(
            "CREATE SEQUENCE runs; CREATE FUNCTION run() RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS \
             $$ BEGIN PERFORM pg_advisory_xact_lock_shared(9); RETURN nextval('runs'); END $$; \
             CREATE FUNCTION broken() RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS \
             $$ BEGIN PERFORM nextval('runs'); RAISE 'broken'; END $$",
        )
        .await
        .unwrap();
}

async fn runs(db: &Database) -> i64 {
    db.sql("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM runs")
        .fetch_scalar()
        .await
        .unwrap()
}

async fn read(db: Database) -> i64 {
    db.sql("SELECT run() + 0 * sum(balance)::int8 FROM accounts")
        .cached()
        .ttl(LONG)
        .fetch_scalar()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_thousand_misses_at_once_are_one_query() {
    let (_test, db) = cached_accounts().await;
    counted(&db).await;
    let all = join_all((0..1_000).map(|_| tokio::spawn(read(db.clone())))).await;
    assert!(all.into_iter().all(|result| result.unwrap() == 1));
    assert_eq!(runs(&db).await, 1);
    // Nor did each of them look at the catalog.
    let acquired = db.connection_statistics().acquired;
    assert!(acquired < 20, "{acquired} sessions for one query");
}

#[tokio::test]
async fn callers_that_vanish_change_nothing() {
    let (test, db) = cached_accounts().await;
    counted(&db).await;
    let mut keeper = db.session().await.unwrap();
    keeper
        .batch_execute("SELECT pg_advisory_lock(9)")
        .await
        .unwrap();
    let first = tokio::spawn(read(db.clone()));
    eventually(
        test.database(),
        "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .await;
    let others: Vec<_> = (0..10).map(|_| tokio::spawn(read(db.clone()))).collect();
    while db.cache_statistics().joined < 10 {
        tokio::task::yield_now().await;
    }
    first.abort();
    others[0].abort();
    assert!(first.await.unwrap_err().is_cancelled());
    keeper
        .batch_execute("SELECT pg_advisory_unlock(9)")
        .await
        .unwrap();
    for other in others.into_iter().skip(1) {
        assert_eq!(other.await.unwrap(), 1);
    }
    assert_eq!(runs(&db).await, 1);
}

#[tokio::test]
async fn an_error_is_shared_and_not_kept() {
    let (_test, db) = cached_accounts().await;
    counted(&db).await;
    let fails = || {
        db.sql("SELECT broken() FROM accounts")
            .cached()
            .ttl(LONG)
            .fetch_scalar::<i64>()
    };
    let error = fails().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Pool(_)));
    assert!(error.to_string().contains("broken"), "{error}");
    assert_eq!(error.sql_state().unwrap().as_str(), "P0001");
    assert!(fails().await.is_err());
    assert_eq!(runs(&db).await, 2, "the second time it was tried again");
    assert_eq!(&*balances(&db).await, [100, 100]);
}

#[tokio::test]
async fn a_load_that_panics_frees_its_place() {
    let (_test, db) = cached_accounts().await;
    let panics = || {
        db.cached_read("bank", "panics", &1)
            .ttl(LONG)
            .load(async move |_| -> Result<i32, larder_database::Error> { panic!("out of order") })
    };
    let error = panics().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Load);
    assert!(error.to_string().contains("out of order"), "{error}");
    // Its place and its connection are free again.
    let value = db
        .cached_read("bank", "panics", &1)
        .ttl(LONG)
        .load(async move |_| Ok::<_, larder_database::Error>(7))
        .await
        .unwrap();
    assert_eq!(*value, 7);
    assert_eq!(db.pool_status().in_use, 0);
    drop(Arc::clone(&value));
}
