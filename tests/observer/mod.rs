//! What an observer of a pool is told: statements before they are sent, the values that name the
//! rows of writes, transactions, and notes in them.

mod beginnings;
mod doubtful_keys;
mod keys;
mod notes;
mod recording;
mod transactions;

use std::any::Any;
use std::sync::{Arc, Mutex};

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use larder_pool::{
    BeginningStatement, BoundKey, Companion, ConnectOptions, Connection, Effects, EndedStatement,
    Observer, Pool, PoolObserver, PoolOptions, Session, TransactionEvent, Written,
};
use larder_sql::StatementProfile;
use larder_testing::TestDatabase;

use crate::support::accounts;

tokio::task_local! {
    /// Who has begun what is told.
    static CALLER: &'static str;
}

/// A companion: a row with the id of its transaction.
const ROW: &str = "INSERT INTO log DEFAULT VALUES RETURNING xid::text";

/// A companion that fails.
const FAILING: &str = "INSERT INTO log VALUES ((1 / 0)::text::xid8) RETURNING xid::text";

/// Notes what it is told, a line for each event.
struct Witness {
    companion: Mutex<Option<&'static str>>,
    /// Which values of an INSERT name its rows.
    inserted: Mutex<Arc<[u16]>>,
    told: Mutex<Vec<String>>,
}

impl Witness {
    fn tell(&self, event: String) {
        self.told.lock().unwrap().push(event);
    }

    /// What was told since this was last asked, of the events that begin with one of these words.
    fn take(&self, kinds: &[&str]) -> Vec<String> {
        let mut told = std::mem::take(&mut *self.told.lock().unwrap());
        told.retain(|event| kinds.iter().any(|kind| event.starts_with(kind)));
        told
    }

    fn parameters(&self, profile: &StatementProfile) -> Option<Arc<[u16]>> {
        match verb(profile) {
            // An amount comes first.
            "update" => Some([1].into()),
            "insert" => Some(Arc::clone(&self.inserted.lock().unwrap())),
            "delete" | "select" | "call" => Some([0].into()),
            _ => None,
        }
    }

    /// From now on these values of an INSERT name its rows.
    fn inserts(&self, parameters: &[u16]) {
        *self.inserted.lock().unwrap() = parameters.into();
    }
}

fn by() -> String {
    CALLER
        .try_with(|caller| format!(" by {caller}"))
        .unwrap_or_default()
}

fn verb(profile: &StatementProfile) -> &str {
    profile.normalised.split([' ', '(']).next().unwrap()
}

fn key(key: &BoundKey) -> String {
    const INT4: u32 = 23;
    match key.type_oid {
        INT4 => i32::from_be_bytes((*key.value).try_into().unwrap()).to_string(),
        other => format!("{other}:{}", String::from_utf8_lossy(&key.value)),
    }
}

fn bracketed(keys: &[BoundKey]) -> String {
    let keys: Vec<_> = keys.iter().map(key).collect();
    format!("[{}]", keys.join(" "))
}

/// The verb, with the keys in brackets or a question mark.
fn shown(written: &Written) -> String {
    let verb = verb(&written.profile);
    match &written.keys {
        Some(keys) => format!("{verb}{}", bracketed(keys.values())),
        None => format!("{verb}?"),
    }
}

fn all(effects: &Effects) -> String {
    let written = effects.written().iter().map(shown);
    let note =
        |note: &Arc<dyn Any + Send + Sync>| format!("+{}", note.downcast_ref::<&str>().unwrap());
    let parts: Vec<_> = written.chain(effects.notes().iter().map(note)).collect();
    parts.join(" ")
}

impl PoolObserver for Witness {
    fn statement_begins(&self, statement: &BeginningStatement<'_>) {
        let place = if statement.transaction.is_some() {
            " in a transaction"
        } else {
            ""
        };
        let unclear = if statement.is_unclear() {
            ", unclear"
        } else {
            ""
        };
        let values = self
            .parameters(statement.profile)
            .and_then(|parameters| statement.keys(&parameters));
        let keys = values.map_or_else(String::new, |values| bracketed(&values));
        let verb = verb(statement.profile);
        self.tell(format!("begins {verb}{keys}{place}{unclear}{}", by()));
    }

    fn transaction(&self, _: u64, event: TransactionEvent) {
        self.tell(format!("transaction {event:?}{}", by()));
    }

    fn key_parameters(&self, profile: &StatementProfile) -> Option<Arc<[u16]>> {
        self.tell(format!("keys of {}", verb(profile)));
        self.parameters(profile)
    }

    fn statement_ended(&self, statement: &EndedStatement<'_>) {
        self.tell(format!("ended {}", verb(statement.profile)));
    }

    fn companion(&self, effects: &Effects) -> Option<Companion> {
        self.tell(format!("asked {}", all(effects)));
        let sql = (*self.companion.lock().unwrap())?.to_owned();
        Some(Companion {
            sql,
            may_be_refused: true,
        })
    }

    fn committed(&self, effects: &Effects, _: Option<u64>) {
        self.tell(format!("committed {}", all(effects)));
    }

    fn unaccompanied(&self, effects: &Effects) -> Option<Box<dyn Any + Send>> {
        self.tell(format!("alone {}", all(effects)));
        None
    }

    fn unread(&self, effects: &Effects) -> Option<Box<dyn Any + Send>> {
        self.tell(format!("unread {}", all(effects)));
        None
    }

    fn in_doubt(&self, effects: &Effects) {
        self.tell(format!("doubted {}", all(effects)));
    }
}

/// A write that stays prepared.
async fn close(conn: &mut Connection, id: i32) -> QueryResult<usize> {
    diesel::delete(accounts::table.find(id)).execute(conn).await
}

/// A database with accounts and a log, and a pool of one connection with a witness.
struct Observed {
    test: TestDatabase,
    pool: Pool,
    witness: Arc<Witness>,
}

impl Observed {
    /// The words with which the events about writes begin.
    const WRITES: [&str; 5] = ["asked", "committed", "alone", "unread", "doubted"];

    /// Writes have no company.
    async fn start() -> Self {
        Self::start_with(None).await
    }

    async fn start_with(companion: Option<&'static str>) -> Self {
        let test = accounts().await;
        let log = "CREATE TABLE log (xid xid8 NOT NULL DEFAULT pg_current_xact_id())";
        test.database().sql(log).execute().await.unwrap();
        let witness = Arc::new(Witness {
            companion: Mutex::new(companion),
            inserted: Mutex::new([0].into()),
            told: Mutex::default(),
        });
        let mut options = PoolOptions::named("observed");
        options.size = 1;
        options.overflow = 0;
        options.observer = Observer::new(Arc::clone(&witness) as Arc<dyn PoolObserver>);
        let connect = ConnectOptions::parse(test.url()).unwrap();
        let pool = Pool::open(connect, options).await.unwrap();
        Self {
            test,
            pool,
            witness,
        }
    }

    async fn session(&self) -> Session {
        self.pool.session().await.unwrap()
    }

    /// Runs something that nobody is told of.
    async fn prepare(&self, sql: &str) {
        let mut session = self.test.database().session().await.unwrap();
        session.batch_execute(sql).await.unwrap();
    }

    /// What was told of writes since something was last asked.
    fn writes(&self) -> Vec<String> {
        self.witness.take(&Self::WRITES)
    }

    /// What was told of transactions since something was last asked.
    fn transactions(&self) -> Vec<String> {
        self.witness.take(&["transaction"])
    }
}
