//! Cached reads and open transactions: nothing but committed data is ever kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::{Error, ErrorKind, sql};

use super::{LONG, accounts, balances, cached_accounts, is_kept};
use crate::support::withdraw;

#[tokio::test]
async fn what_a_transaction_reads_is_not_kept() {
    let (_test, db) = cached_accounts().await;
    let outcome = db
        .transaction(async |conn| {
            withdraw(conn, 1, 30).await?;
            let query = accounts::table
                .select(accounts::balance)
                .order(accounts::id);
            let seen = db.cached(query).ttl(LONG).load_on::<i64>(conn).await?;
            assert_eq!(&*seen, [70, 100], "its own write");
            Err::<(), Error>(Error::NotFound)
        })
        .await;
    assert!(outcome.is_err());
    assert_eq!(db.cache_statistics().sets, 0);
    assert_eq!(&*balances(&db).await, [100, 100]);
}

#[tokio::test]
async fn what_is_kept_stays_until_the_commit_and_after_a_rollback() {
    let (_test, db) = cached_accounts().await;
    let kept = balances(&db).await;
    let reader = db.clone();
    db.transaction(async |conn| {
        withdraw(conn, 1, 30).await?;
        // Another task is still served what is committed.
        let seen = tokio::spawn(async move { balances(&reader).await })
            .await
            .unwrap();
        assert!(Arc::ptr_eq(&seen, &kept));
        Err::<(), Error>(Error::NotFound)
    })
    .await
    .unwrap_err();
    assert!(is_kept(&db).await, "a rollback wrote nothing");
    db.transaction(async |conn| withdraw(conn, 1, 30).await)
        .await
        .unwrap();
    assert_eq!(&*balances(&db).await, [70, 100]);
}

#[tokio::test]
async fn a_savepoint_that_is_rolled_back_wrote_nothing() {
    let (_test, db) = cached_accounts().await;
    db.sql("CREATE TABLE notes (text text)")
        .execute()
        .await
        .unwrap();
    balances(&db).await;
    db.transaction(async |conn| {
        sql("INSERT INTO notes VALUES ('kept')")
            .execute_on(conn)
            .await?;
        let nested = conn
            .transaction(async |conn| {
                withdraw(conn, 1, 30).await?;
                Err::<(), _>(diesel::result::Error::RollbackTransaction)
            })
            .await;
        assert!(nested.is_err());
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    assert!(is_kept(&db).await);
    // One that is released counts with the transaction around it.
    db.transaction(async |conn| {
        conn.transaction(async |conn| withdraw(conn, 1, 30).await)
            .await
    })
    .await
    .unwrap();
    assert_eq!(&*balances(&db).await, [70, 100]);
}

#[tokio::test]
async fn a_plain_cached_read_inside_a_transaction_is_refused_with_a_pointer() {
    let (_test, db) = cached_accounts().await;
    balances(&db).await;
    let query = || {
        db.cached(accounts::table.select(accounts::balance))
            .ttl(LONG)
    };
    let refused = |error: &Error| {
        assert_eq!(error.kind(), ErrorKind::CachedReadInTransaction);
        assert!(error.to_string().contains("load_on(conn)"), "{error}");
    };
    db.transaction(async |_| {
        refused(&query().load::<i64>().await.unwrap_err());
        refused(&query().bypass().load::<i64>().await.unwrap_err());
        let raw = db
            .sql("SELECT balance FROM accounts")
            .cached()
            .fetch_scalar::<i64>()
            .await;
        refused(&raw.unwrap_err());
        let several = db
            .cached_read("a", "b", &1)
            .load(async |_| Ok::<_, Error>(1))
            .await;
        refused(&several.unwrap_err());
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    // The transaction of a session is one too, and so is the one with options.
    let mut session = db.session().await.unwrap();
    session
        .transaction(async |_| {
            refused(&query().load::<i64>().await.unwrap_err());
            Ok::<_, diesel::result::Error>(())
        })
        .await
        .unwrap();
    drop(session);
    // Another task of it is not inside: it reads what is committed.
    db.transaction(async |conn| {
        withdraw(conn, 1, 1).await?;
        let reader = db.clone();
        let seen = tokio::spawn(async move { balances(&reader).await })
            .await
            .unwrap();
        assert_eq!(&*seen, [100, 100]);
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    // And afterwards the task itself is free again.
    assert_eq!(&*balances(&db).await, [99, 100]);
}

#[tokio::test]
async fn the_embedded_database_refuses_it_too() {
    use larder::prelude::*;

    let directory = tempfile::tempdir().unwrap();
    let larder = Larder::builder()
        .profile(Profile::Dev)
        .load_with(|loader| loader.no_file().environment([("LARDER_PROFILE", "dev")]))
        .set(
            "embedded.directory",
            directory.path().join("data").display().to_string(),
        )
        .start()
        .await
        .unwrap();
    let db = larder.db();
    db.sql("CREATE TABLE notes (text text)")
        .execute()
        .await
        .unwrap();
    let count = || {
        db.sql("SELECT count(*) FROM notes")
            .cached()
            .ttl(LONG)
            .fetch_scalar::<i64>()
    };
    assert_eq!(count().await.unwrap(), 0);
    db.transaction(async |conn| {
        sql("INSERT INTO notes VALUES ('one')")
            .execute_on(conn)
            .await?;
        let error = count().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CachedReadInTransaction);
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    assert_eq!(count().await.unwrap(), 1);
    let hits = db.cache_statistics().hits;
    assert_eq!(count().await.unwrap(), 1);
    assert_eq!(db.cache_statistics().hits, hits + 1);
    larder.shutdown().await.unwrap();
}

#[tokio::test]
async fn hooks_run_after_the_commit_and_before_its_caller_hears_of_it() {
    let (_test, db) = cached_accounts().await;
    let (commits, rollbacks) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let count = |counter: &Arc<AtomicU32>| {
        let counter = Arc::clone(counter);
        move || {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    };
    let seen = || {
        (
            AtomicU32::load(&commits, Ordering::SeqCst),
            AtomicU32::load(&rollbacks, Ordering::SeqCst),
        )
    };
    db.transaction(async |conn| {
        conn.after_commit(count(&commits))?;
        conn.after_rollback(count(&rollbacks))?;
        conn.after_commit(|| panic!("a hook that panics harms nobody"))?;
        conn.after_commit(count(&commits))?;
        withdraw(conn, 1, 1).await?;
        assert_eq!(seen(), (0, 0));
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    assert_eq!(seen(), (2, 0));
    assert_eq!(&*balances(&db).await, [99, 100]);
    db.transaction(async |conn| {
        conn.after_commit(count(&commits))?;
        conn.after_rollback(count(&rollbacks))?;
        Err::<(), Error>(Error::NotFound)
    })
    .await
    .unwrap_err();
    assert_eq!(seen(), (2, 1));
    // In a savepoint that is rolled back.
    db.transaction(async |conn| {
        conn.after_commit(count(&commits))?;
        let nested = conn
            .transaction(async |conn| {
                conn.after_commit(count(&commits))?;
                conn.after_rollback(count(&rollbacks))?;
                Err::<(), _>(diesel::result::Error::RollbackTransaction)
            })
            .await;
        assert!(nested.is_err());
        assert_eq!(seen(), (2, 2));
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    assert_eq!(seen(), (3, 2));
    // A commit that the server refuses is a rollback.
    db.sql("ALTER TABLE accounts ADD COLUMN owner int REFERENCES accounts DEFERRABLE INITIALLY DEFERRED")
        .execute()
        .await
        .unwrap();
    db.transaction(async |conn| {
        conn.after_commit(count(&commits))?;
        conn.after_rollback(count(&rollbacks))?;
        sql("UPDATE accounts SET owner = 404 WHERE id = 1")
            .execute_on(conn)
            .await?;
        Ok::<_, Error>(())
    })
    .await
    .unwrap_err();
    assert_eq!(seen(), (3, 3));
    // Outside of a transaction there is nothing to wait for.
    let mut session = db.session().await.unwrap();
    assert!(session.after_commit(|| {}).is_err());
}

#[tokio::test]
async fn a_transaction_that_is_dropped_runs_its_rollback_hooks() {
    let (_test, db) = cached_accounts().await;
    let (told, heard) = tokio::sync::oneshot::channel();
    let (begun, running) = tokio::sync::oneshot::channel();
    let task = tokio::spawn({
        let db = db.clone();
        async move {
            db.transaction(async move |conn| {
                conn.after_rollback(move || {
                    told.send(()).ok();
                })?;
                diesel::update(accounts::table.find(1))
                    .set(accounts::balance.eq(0))
                    .execute(conn)
                    .await?;
                begun.send(()).ok();
                std::future::pending::<Result<(), Error>>().await
            })
            .await
        }
    });
    running.await.unwrap();
    task.abort();
    heard.await.unwrap();
    assert_eq!(&*balances(&db).await, [100, 100]);
}
