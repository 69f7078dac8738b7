//! What the next user of a connection finds of the one before: nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use larder_database::{Database, Error, Scope, sql};
use tokio::time::timeout;

use super::{Shop, bodies, tenant};
use crate::support::PATIENCE;

/// What is left of a scope: the tenant, and the role if it is not that of the connection.
const LEFT: &str = "SELECT coalesce(current_setting('app.tenant', true), '')
    || CASE WHEN current_user = session_user THEN '' ELSE current_user::text END";

/// Checks that nobody's tenant or role is on any connection of the pool.
async fn nothing_is_left(db: &Database, size: usize) {
    let mut all = Vec::new();
    for _ in 0..size {
        let mut session = timeout(PATIENCE, db.session()).await.unwrap().unwrap();
        let left: String = sql(LEFT).fetch_scalar_on(&mut session).await.unwrap();
        assert_eq!(left, "");
        assert!(!session.is_in_transaction());
        all.push(session);
    }
}

#[tokio::test]
async fn nothing_is_left_after_success_error_panic_drop_and_timeout() {
    let shop = Shop::open().await;
    let db = shop.alone(|options| options.pool.size = 1).await;
    let scope = Scope::new().tenant("a").role(&shop.reader);
    let scoped = db.scoped(scope).unwrap();
    let is_set = "SELECT current_setting('app.tenant') = 'a' AND current_user <> session_user";

    // Success.
    assert!(scoped.sql(is_set).fetch_scalar::<bool>().await.unwrap());
    nothing_is_left(&db, 1).await;
    let set = scoped.transaction(async |conn| sql(is_set).fetch_scalar_on::<bool>(conn).await);
    assert!(set.await.unwrap());
    nothing_is_left(&db, 1).await;

    // An error of the server, outside of a transaction and inside.
    scoped.sql("SELECT 1 / 0").execute().await.unwrap_err();
    nothing_is_left(&db, 1).await;
    let failed = scoped.transaction(async |conn| {
        sql("SELECT 1 / 0").execute_on(conn).await?;
        Ok::<_, Error>(())
    });
    failed.await.unwrap_err();
    nothing_is_left(&db, 1).await;

    // A panic.
    let panicking = scoped.clone();
    let panicked = tokio::spawn(async move {
        panicking
            .transaction(async |conn| {
                sql("SELECT 1").execute_on(conn).await?;
                if conn.is_in_transaction() {
                    panic!("on purpose");
                }
                Ok::<_, Error>(())
            })
            .await
    });
    assert!(panicked.await.unwrap_err().is_panic());
    nothing_is_left(&db, 1).await;

    // Futures that are dropped while the server works.
    for statement in [
        "SELECT pg_sleep(10)",
        "UPDATE documents SET body = pg_sleep(10)::text",
    ] {
        let sleeping = scoped.sql(statement).execute();
        timeout(Duration::from_millis(50), sleeping)
            .await
            .unwrap_err();
        nothing_is_left(&db, 1).await;
        let sleeping = scoped.transaction(async |conn| sql(statement).execute_on(conn).await);
        timeout(Duration::from_millis(50), sleeping)
            .await
            .unwrap_err();
        nothing_is_left(&db, 1).await;
    }

    // The server's own timeout.
    let impatient = scoped
        .scoped(Scope::new().setting("statement_timeout", "20ms"))
        .unwrap();
    let error = impatient
        .sql("SELECT pg_sleep(10)")
        .execute()
        .await
        .unwrap_err();
    assert_eq!(error.sql_state().unwrap().as_str(), "57014");
    nothing_is_left(&db, 1).await;
    let limit: String = db
        .sql("SHOW statement_timeout")
        .fetch_scalar()
        .await
        .unwrap();
    assert_ne!(limit, "20ms");

    // A session that is given back with a setting of its own.
    let mut session = scoped.session().await.unwrap();
    session
        .batch_execute("SET app.tenant = 'mine'")
        .await
        .unwrap();
    drop(session);
    nothing_is_left(&db, 1).await;
    shop.remove().await;
}

#[tokio::test]
async fn a_future_that_is_dropped_at_any_moment_leaves_nothing() {
    let shop = Shop::open().await;
    let db = shop.alone(|options| options.pool.size = 1).await;
    let scoped = tenant(&db, "a");
    let mut finished = 0;
    // Polled so often and then dropped: each await point is one of these.
    for polls in 0..24 {
        for write in [false, true] {
            let statement = match write {
                true => "UPDATE documents SET body = body",
                false => "SELECT * FROM documents",
            };
            let mut work = Box::pin(scoped.sql(statement).execute());
            for _ in 0..polls {
                let polled = futures::poll!(work.as_mut());
                if polled.is_ready() {
                    finished += 1;
                    break;
                }
                tokio::time::sleep(Duration::from_micros(300)).await;
            }
            drop(work);
            nothing_is_left(&db, 1).await;
            assert!(bodies(&db).await.is_empty());
        }
    }
    assert!(finished > 0);
    shop.remove().await;
}

/// Two tenants, sixteen tasks, two connections, and futures that are dropped by chance.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_a_hammer_nobody_sees_anything_of_another() {
    let shop = Shop::open().await;
    let db = shop.alone(|_| {}).await;
    let seen = Arc::new(AtomicUsize::new(0));
    let tasks = (0..16).map(|number| {
        let name = if number % 2 == 0 { "a" } else { "b" };
        let (db, seen) = (db.clone(), Arc::clone(&seen));
        let role = (number % 3 == 0).then(|| shop.reader.clone());
        tokio::spawn(async move {
            let mut scope = Scope::new().tenant(name);
            if let Some(role) = role {
                scope = scope.role(role);
            }
            let db = db.scoped(scope).unwrap();
            let expected = if name == "a" { 3 } else { 2 };
            for round in 0..60_u64 {
                let work = async {
                    let tenants = "SELECT count(*) FILTER (WHERE tenant = :tenant) * 100 + count(*) FROM documents";
                    let count: i64 = match round % 4 {
                        0 => db.sql(tenants).bind("tenant", name).fetch_scalar().await?,
                        1 => db
                            .transaction(async |conn| {
                                sql("UPDATE documents SET body = body").execute_on(conn).await?;
                                sql(tenants).bind("tenant", name).fetch_scalar_on(conn).await
                            })
                            .await?,
                        2 => {
                            let changed = db.sql("UPDATE documents SET body = body").execute().await?;
                            i64::try_from(changed).unwrap() * 101
                        }
                        _ => {
                            let read = db.sql(tenants).bind("tenant", name).cached();
                            read.ttl(super::LONG).fetch_scalar().await?
                        }
                    };
                    assert_eq!(count, expected * 101);
                    seen.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, Error>(())
                };
                let limit = Duration::from_micros(fastrand::u64(50..20_000));
                let limit = if round % 3 == 0 { limit } else { PATIENCE };
                if let Ok(Err(error)) = timeout(limit, work).await {
                    panic!("{error}");
                }
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    // Beside them, somebody on nobody's behalf.
    for _ in 0..40 {
        assert!(bodies(&db).await.is_empty());
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert!(seen.load(Ordering::Relaxed) > 16 * 20);
    nothing_is_left(&db, 2).await;
    shop.remove().await;
}
