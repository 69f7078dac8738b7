//! Writes and what has to take effect together with them: both or neither.

mod apart;
mod given_up;
mod statements;
mod transactions;
mod wire;

use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use larder_pool::{
    Companion, ConnectOptions, Effects, Observer, Pool, PoolObserver, PoolOptions, Session,
};
use larder_sql::{Effect, SessionEffect, StatementKind, StatementProfile};
use larder_testing::TestDatabase;

use crate::support::accounts;

/// What goes with each write: a row with the id of its transaction.
const ROW: &str = "INSERT INTO log DEFAULT VALUES RETURNING xid::text";

/// One that fails.
const FAILING: &str = "INSERT INTO log (note) SELECT (1 / 0)::text RETURNING xid::text";

/// What the observer was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Committed(Option<u64>),
    InDoubt,
    /// Writes go without company.
    Alone,
    /// What was given for that was let go.
    LetGo,
}

/// Gives a companion to every write, and notes what it is told.
struct Scribe {
    companion: Mutex<&'static str>,
    asked: AtomicUsize,
    told: Arc<Mutex<Vec<Event>>>,
}

impl Scribe {
    fn tell(&self, event: Event) {
        self.told.lock().unwrap().push(event);
    }

    /// What was told since this was last asked.
    fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }

    fn use_companion(&self, sql: &'static str) {
        *self.companion.lock().unwrap() = sql;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl PoolObserver for Scribe {
    fn companion(&self, effects: &Effects) -> Option<Companion> {
        assert!(!effects.is_empty());
        self.asked.fetch_add(1, Ordering::Relaxed);
        let sql = self.companion.lock().unwrap().to_string();
        Some(Companion {
            sql,
            may_be_refused: true,
        })
    }

    /// Takes maintenance for a write too: some of it can run inside no transaction.
    fn may_write(&self, profile: &StatementProfile) -> bool {
        !matches!(profile.effect, Effect::None | Effect::Read)
            || profile.session_effect() != SessionEffect::None
            || profile.kind == StatementKind::Maintenance
    }

    fn committed(&self, _: &Effects, transaction: Option<u64>) {
        self.tell(Event::Committed(transaction));
    }

    fn in_doubt(&self, _: &Effects) {
        self.tell(Event::InDoubt);
    }

    fn unaccompanied(&self, _: &Effects) -> Option<Box<dyn Any + Send>> {
        self.tell(Event::Alone);
        Some(Box::new(Guard(Arc::clone(&self.told))))
    }
}

/// Tells when it is let go.
struct Guard(Arc<Mutex<Vec<Event>>>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(Event::LetGo);
    }
}

/// A database with accounts and a log, and a pool of one connection whose writes are logged.
struct Logged {
    test: TestDatabase,
    pool: Pool,
    scribe: Arc<Scribe>,
}

impl Logged {
    async fn start() -> Self {
        Self::start_with(|url| ConnectOptions::parse(url).unwrap()).await
    }

    async fn start_with(connect: impl FnOnce(&str) -> ConnectOptions) -> Self {
        let test = accounts().await;
        // `parts` is for constraints that are checked at COMMIT.
        for sql in [
            "CREATE TABLE log (xid xid8 NOT NULL DEFAULT pg_current_xact_id(), note text)",
            "CREATE TABLE parts (id int PRIMARY KEY, of int REFERENCES parts DEFERRABLE INITIALLY DEFERRED)",
        ] {
            test.database().sql(sql).execute().await.unwrap();
        }
        let scribe = Arc::new(Scribe {
            companion: Mutex::new(ROW),
            asked: AtomicUsize::new(0),
            told: Arc::default(),
        });
        let mut options = PoolOptions::named("logged");
        options.size = 1;
        options.overflow = 0;
        options.observer = Observer::new(Arc::clone(&scribe) as Arc<dyn PoolObserver>);
        let pool = Pool::open(connect(test.url()), options).await.unwrap();
        Self { test, pool, scribe }
    }

    async fn session(&self) -> Session {
        self.pool.session().await.unwrap()
    }

    /// Runs something that is not logged.
    async fn prepare(&self, sql: &str) {
        self.test.database().sql(sql).execute().await.unwrap();
    }

    /// A number that the database tells somebody else.
    async fn number(&self, query: &str) -> i64 {
        let question = self.test.database().sql(query);
        question.fetch_scalar().await.unwrap()
    }

    /// The transactions in the log.
    async fn log(&self) -> Vec<i64> {
        let query = "SELECT coalesce(string_agg(xid::text, ' ' ORDER BY xid), '') FROM log";
        let all: String = self
            .test
            .database()
            .sql(query)
            .fetch_scalar()
            .await
            .unwrap();
        let all = all.split_whitespace();
        all.map(|xid| xid.parse().unwrap()).collect()
    }

    /// Says that nothing was written, and nothing logged.
    async fn assert_untouched(&self) {
        assert_eq!(self.log().await, [] as [i64; 0]);
        let accounts = "SELECT sum(balance)::bigint * 1000 + count(*) FROM accounts";
        assert_eq!(self.number(accounts).await, 200_002);
    }

    /// Says that so many accounts were written, all in the one transaction of the log, which
    /// is the one that was told.
    async fn assert_together(&self, accounts: i64) {
        let log = self.log().await;
        assert_eq!(log.len(), 1, "{log:?}");
        let own = "SELECT count(*) FROM accounts JOIN log ON accounts.xmin = log.xid::xid";
        assert_eq!(self.number(own).await, accounts);
        let transaction = u64::try_from(log[0]).unwrap();
        assert_eq!(self.scribe.take(), [Event::Committed(Some(transaction))]);
    }
}
