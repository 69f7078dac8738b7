//! Drops a caller at each of its await points, and looks each time whether anything is left.
//!
//! The way to the server delivers a few bytes a millisecond, so that answers come in many pieces: a
//! caller waits, and can leave, more often.

use std::pin::Pin;
use std::task::{Context, Poll};

use larder_database::{CacheMode, Database, DatabaseOptions};
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;
use larder_testing::proxy::Proxy;
use tokio::time::timeout;

use crate::support::{PATIENCE, eventually, until};

/// Bytes a second.
const RATE: usize = 32_000;

/// How the connections of the caller call themselves to the server.
const APPLICATION: &str = "swept";

/// How many connections the caller's pool has.
const CONNECTIONS: usize = 2;

/// When a caller leaves, at one await point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Leaving {
    /// As soon as it has to wait.
    AtOnce,
    /// When what it waited for is there, and it has not looked yet.
    WhenWoken,
}

impl Leaving {
    pub(super) const ALL: [Self; 2] = [Self::AtOnce, Self::WhenWoken];
}

/// A future that is given up at one of its await points. Its output is none if it was.
struct GivenUp<'f, T> {
    future: Pin<Box<dyn Future<Output = T> + 'f>>,
    /// How often it may still be polled.
    polls: usize,
    leaving: Leaving,
}

impl<T> Future for GivenUp<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(left) = self.polls.checked_sub(1) else {
            return Poll::Ready(None);
        };
        self.polls = left;
        match self.future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 && matches!(self.leaving, Leaving::AtOnce) => {
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Runs a future up to its n-th await point, from 1, and drops it there. Gives its output if it
/// came to its end before.
pub(super) async fn up_to<'f, T>(
    point: usize,
    leaving: Leaving,
    future: impl Future<Output = T> + 'f,
) -> Option<T> {
    let future = Box::pin(future);
    let given_up = GivenUp {
        future,
        polls: point,
        leaving,
    };
    timeout(PATIENCE, given_up).await.unwrap()
}

/// A pool whose callers are dropped, and a table that shows what they have done.
pub(super) struct Sweep {
    pub(super) db: Database,
    test: TestDatabase,
    proxy: Proxy,
    /// How many connections the caller may have, idle.
    connections: usize,
}

impl Sweep {
    pub(super) async fn new() -> Self {
        let test = TestDatabase::create(MIGRATIONS).await.unwrap();
        let create = "CREATE TABLE marks (run bigint, part bigint, PRIMARY KEY (run, part))";
        test.database().sql(create).execute().await.unwrap();
        let proxy = Proxy::start(test.url()).unwrap();
        let db = Database::open(options(&proxy)).await.unwrap();
        // What is read once in the life of a pool has been read.
        db.sql("SELECT :one::bigint")
            .bind("one", 1_i64)
            .execute()
            .await
            .unwrap();
        proxy.throttle(RATE);
        Self {
            db,
            test,
            proxy,
            connections: CONNECTIONS,
        }
    }

    /// The same with its lanes open.
    pub(super) async fn with_lanes() -> Self {
        let mut sweep = Self::new().await;
        sweep.connections += sweep.db.open_lanes().await.unwrap();
        assert!(sweep.connections > CONNECTIONS);
        sweep
    }

    /// Drops a caller at each await point. It leaves `parts` marks of its run, or none; it is given
    /// the number of its run. Gives the number of points.
    pub(super) async fn run(
        &self,
        parts: i64,
        caller: impl AsyncFn(&Database, i64),
        after: impl AsyncFn(&Database, i64),
    ) -> usize {
        let mut run = 0;
        let mut points = 0;
        for leaving in Leaving::ALL {
            for point in 1.. {
                run += 1;
                let ended = up_to(point, leaving, caller(&self.db, run)).await;
                let place = format!("{leaving:?} at point {point}");
                self.assert_nothing_left(&place).await;
                let marks = self.marks(run).await;
                assert!([0, parts].contains(&marks), "{marks} marks: {place}");
                after(&self.db, run).await;
                if ended.is_some() {
                    assert_eq!(marks, parts, "it came to its end: {place}");
                    break;
                }
                points += 1;
            }
        }
        println!("{points} await points");
        points
    }

    async fn marks(&self, run: i64) -> i64 {
        let count = "SELECT count(*) FROM marks WHERE run = :run";
        let count = self.test.database().sql(count).bind("run", run);
        count.fetch_scalar().await.unwrap()
    }

    /// That no place of the pool is taken, no process of the server is at work or in a transaction, no
    /// lock of a session is held, and the pool serves.
    async fn assert_nothing_left(&self, place: &str) {
        let status = || self.db.pool_status();
        until(&format!("gauges are back: {place}"), || {
            let status = status();
            (status.in_use, status.waiting, status.lanes.in_flight) == (0, 0, 0)
        })
        .await;
        self.assert_server_is_idle(self.connections).await;
        let served = timeout(PATIENCE, self.db.sql("SELECT 1").fetch_scalar::<i32>()).await;
        assert_eq!(served.unwrap().unwrap(), 1, "{place}");
    }

    /// Waits until the server has at most so many processes for the caller, all of them idle.
    async fn assert_server_is_idle(&self, processes: usize) {
        let idle = format!(
            "SELECT count(*) <= {processes} AND count(*) FILTER (WHERE state <> 'idle') = 0 \
             AND NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = \
                 (SELECT oid FROM pg_database WHERE datname = current_database())) \
             FROM pg_stat_activity WHERE datname = current_database() \
             AND application_name = '{APPLICATION}'"
        );
        eventually(self.test.database(), &idle).await;
    }
}

/// Drops a caller that has no pool yet at each await point: what it opened is gone each time. Gives
/// the number of points.
pub(super) async fn run_from_nothing(caller: impl AsyncFn(DatabaseOptions)) -> usize {
    let sweep = Sweep::new().await;
    sweep.db.shutdown(PATIENCE).await.unwrap();
    let mut points = 0;
    for leaving in Leaving::ALL {
        for point in 1.. {
            let options = options(&sweep.proxy);
            let ended = up_to(point, leaving, caller(options)).await;
            sweep.assert_server_is_idle(0).await;
            if ended.is_some() {
                break;
            }
            points += 1;
        }
    }
    println!("{points} await points");
    points
}

/// A pool of its own that follows no log.
fn options(proxy: &Proxy) -> DatabaseOptions {
    let mut options = DatabaseOptions::from_url(&proxy.url()).unwrap();
    options.connect = options.connect.application_name(APPLICATION);
    options.pool.size = CONNECTIONS;
    options.pool.overflow = 0;
    options.cache.mode = CacheMode::Local;
    options
}
