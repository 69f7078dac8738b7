//! The caller is dropped at every await point of all that it can do.

use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures::TryStreamExt;
use larder_database::{Database, RetryPolicy, Scope, sql};
use larder_pool::Connection;

use super::sweep::{Sweep, run_from_nothing};

async fn mark(conn: &mut Connection, run: i64, part: i64) -> QueryResult<usize> {
    diesel::sql_query("INSERT INTO marks VALUES ($1, $2)")
        .bind::<BigInt, _>(run)
        .bind::<BigInt, _>(part)
        .execute(conn)
        .await
}

async fn nothing(_: &Database, _: i64) {}

#[tokio::test]
async fn fault_11_a_transaction_with_savepoints() {
    let caller = async |db: &Database, run: i64| {
        db.transaction(async |conn| {
            mark(conn, run, 1).await?;
            conn.transaction(async |conn| mark(conn, run, 2).await)
                .await?;
            let undone: QueryResult<()> = conn
                .transaction(async |conn| {
                    mark(conn, run, 3).await?;
                    Err(DieselError::RollbackTransaction)
                })
                .await;
            assert!(undone.is_err());
            mark(conn, run, 4).await
        })
        .await
        .unwrap();
    };
    let points = Sweep::new().await.run(3, caller, nothing).await;
    // BEGIN, COMMIT, two savepoints and their ends, four statements: each is waited for.
    assert!(points >= 20, "{points}");
}

#[tokio::test]
async fn fault_11_a_transaction_that_fails() {
    let caller = async |db: &Database, run: i64| {
        let refused = db
            .transaction(async |conn| {
                mark(conn, run, 1).await?;
                mark(conn, run, 1).await
            })
            .await;
        assert!(refused.is_err());
    };
    let points = Sweep::new().await.run(0, caller, nothing).await;
    assert!(points >= 8, "{points}");
}

#[tokio::test]
async fn fault_11_a_transaction_that_is_run_again() {
    let caller = async |db: &Database, run: i64| {
        let runs = AtomicUsize::new(0);
        db.retry(RetryPolicy::default().retries(3))
            .transaction(async |conn| {
                mark(conn, run, 1).await?;
                if runs.fetch_add(1, Ordering::SeqCst) == 0 {
                    let conflict = "DO $$ BEGIN RAISE EXCEPTION 'on purpose' \
                        USING ERRCODE = 'serialization_failure'; END $$";
                    conn.batch_execute(conflict).await?;
                }
                mark(conn, run, 2).await
            })
            .await
            .unwrap();
    };
    let points = Sweep::new().await.run(2, caller, nothing).await;
    assert!(points >= 16, "{points}");
}

#[tokio::test]
async fn fault_11_rows_that_stream() {
    #[derive(diesel::QueryableByName)]
    struct Number {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }

    let caller = async |db: &Database, run: i64| {
        let mut session = db.session().await.unwrap();
        let query = "SELECT n, repeat('x', 40) FROM generate_series(1::bigint, 20) n";
        let rows = diesel::sql_query(query).load_stream::<Number>(&mut session);
        let sum = rows
            .await
            .unwrap()
            .try_fold(0, async |sum, row| Ok(sum + row.n));
        assert_eq!(sum.await.unwrap(), 210);
        mark(&mut session, run, 1).await.unwrap();
    };
    let points = Sweep::new().await.run(1, caller, nothing).await;
    assert!(points >= 20, "{points}");
}

#[tokio::test]
async fn fault_11_a_session_that_changes_its_state() {
    let caller = async |db: &Database, run: i64| {
        let mut session = db.session().await.unwrap();
        let changes = "SET search_path = pg_catalog, public; SELECT pg_advisory_lock(11); \
            CREATE TEMP TABLE left_behind (n int); LISTEN news";
        session.batch_execute(changes).await.unwrap();
        mark(&mut session, run, 1).await.unwrap();
    };
    let after = async |db: &Database, _| {
        let left = "SELECT concat_ws(' ', current_setting('search_path'), to_regclass('left_behind'), \
            (SELECT count(*) FROM pg_listening_channels()))";
        // Both connections, whichever was changed.
        let (mut one, mut two) = (db.session().await.unwrap(), db.session().await.unwrap());
        for session in [&mut one, &mut two] {
            let left: String = sql(left).fetch_scalar_on(session).await.unwrap();
            assert_eq!(left, "\"$user\", public 0");
        }
    };
    let points = Sweep::new().await.run(1, caller, after).await;
    assert!(points >= 6, "{points}");
}

#[tokio::test]
async fn fault_11_waiting_in_the_queue() {
    let caller = async |db: &Database, run: i64| {
        let held = (db.session().await.unwrap(), db.session().await.unwrap());
        // Each of these is whole by itself, so they are no parts of one run.
        let waiting = async |part| {
            let mut session = db.session().await.unwrap();
            mark(&mut session, -run, part).await.unwrap();
        };
        let leaving = async {
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
            drop(held);
        };
        // The third has to wait for one of the first two.
        futures::join!(waiting(1), waiting(2), waiting(3), leaving);
    };
    let points = Sweep::new().await.run(0, caller, nothing).await;
    assert!(points >= 8, "{points}");
}

#[tokio::test]
async fn fault_11_a_cached_read_that_several_wait_for() {
    let sweep = Sweep::new().await;
    let read = async |db: &Database, run: i64| {
        let query = db.sql("SELECT count(*) + :run FROM marks WHERE run < 0");
        let read = query.bind("run", run).cached();
        read.fetch_scalar::<i64>().await.unwrap()
    };
    // The catalog is known before.
    read(&sweep.db, 0).await;
    let caller = async |db: &Database, run: i64| {
        let all = futures::join!(read(db, run), read(db, run), read(db, run));
        assert_eq!(all, (run, run, run));
        // After a write it has to be loaded again.
        let delete = db.sql("DELETE FROM marks WHERE run < 0");
        delete.execute().await.unwrap();
        assert_eq!(read(db, run).await, run);
    };
    // Whoever comes next is neither kept waiting nor given anything else.
    let after = async |db: &Database, run: i64| {
        let next = tokio::time::timeout(crate::support::PATIENCE, read(db, run)).await;
        assert_eq!(next.unwrap(), run);
    };
    let points = sweep.run(0, caller, after).await;
    assert!(points >= 6, "{points}");
}

diesel::table! {
    /// What a caller has done.
    marks (run, part) {
        run -> BigInt,
        part -> BigInt,
    }
}

#[tokio::test]
async fn fault_11_reads_that_share_a_connection() {
    let sweep = Sweep::with_lanes().await;
    let count = async |db: &Database, run: i64| {
        let count = marks::table.filter(marks::run.eq(run)).count();
        count.get_result::<i64>(&mut db.reader()).await.unwrap()
    };
    // Prepared before on each, as it is once in the life of a connection.
    count(&sweep.db, 0).await;
    let before = sweep.db.pool_status().lanes.reads;
    let caller = async |db: &Database, run: i64| {
        let together = futures::join!(count(db, run), count(db, run), count(db, run));
        assert_eq!(together, (0, 0, 0));
        mark(&mut *db.session().await.unwrap(), run, 1)
            .await
            .unwrap();
        for _ in 0..3 {
            assert_eq!(count(db, run).await, 1);
        }
    };
    // Whoever comes next gets his own answer, and not one that somebody has left.
    let after = async |db: &Database, run: i64| {
        let count = count(db, run);
        let count = tokio::time::timeout(crate::support::PATIENCE, count).await;
        assert!([0, 1].contains(&count.unwrap()));
    };
    let points = sweep.run(1, caller, after).await;
    assert!(points >= 10, "{points}");
    assert!(sweep.db.pool_status().lanes.reads > before);
}

#[tokio::test]
async fn fault_11_on_behalf_of_a_tenant() {
    const TENANT: &str = "SELECT coalesce(current_setting('app.tenant', true), '')";
    let caller = async |db: &Database, run: i64| {
        let scoped = db.scoped(Scope::new().tenant("a")).unwrap();
        let marked = scoped.transaction(async |conn| {
            mark(conn, run, 1).await?;
            let tenant: String = sql(TENANT).fetch_scalar_on(conn).await?;
            assert_eq!(tenant, "a");
            mark(conn, run, 2).await?;
            Ok::<_, larder_database::Error>(())
        });
        marked.await.unwrap();
        // Each in a transaction of its own.
        let tenant: String = scoped.sql(TENANT).fetch_scalar().await.unwrap();
        assert_eq!(tenant, "a");
        let delete = scoped.sql("DELETE FROM marks WHERE run < 0");
        delete.execute().await.unwrap();
    };
    // Nobody else finds it, on whichever connection.
    let after = async |db: &Database, _| {
        let (mut one, mut two) = (db.session().await.unwrap(), db.session().await.unwrap());
        for session in [&mut one, &mut two] {
            let left: String = sql(TENANT).fetch_scalar_on(session).await.unwrap();
            assert_eq!(left, "");
        }
    };
    let points = Sweep::new().await.run(2, caller, after).await;
    assert!(points >= 16, "{points}");
}

#[tokio::test]
async fn fault_11_opening_a_database() {
    let points = run_from_nothing(async |options| {
        let db = Database::open(options).await.unwrap();
        assert_eq!(db.sql("SELECT 1").fetch_scalar::<i32>().await.unwrap(), 1);
        db.shutdown(crate::support::PATIENCE).await.unwrap();
    })
    .await;
    assert!(points >= 20, "{points}");
}

#[tokio::test]
async fn fault_11_connecting_for_a_session() {
    let points = run_from_nothing(async |options| {
        let pool = larder_pool::Pool::open_lazily(options.connect, options.pool).unwrap();
        let mut session = pool.session().await.unwrap();
        session.batch_execute("SELECT 1").await.unwrap();
        drop(session);
        pool.shutdown(crate::support::PATIENCE).await.unwrap();
    })
    .await;
    assert!(points >= 4, "{points}");
}
