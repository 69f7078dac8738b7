//! Larder as it is judged: a process, and in mode `shared` another one that hears of its writes.

use std::time::Duration;

use larder::database::{
    CacheEvent, CacheEvents, CacheMode, Database, DatabaseOptions, Declarations, Hints,
};
use larder::prelude::Connection;
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::judge::Judge;
use crate::mode::Mode;
use crate::outcome::Outcome;

/// Long enough that nothing expires in a run.
pub(crate) const LONG: Duration = Duration::from_secs(100_000);

/// How long the other process may take to hear of a write.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a read is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum How {
    ThroughTheCache,
    PastTheCache,
}

/// A read as it is to be made.
macro_rules! bypassed {
    ($how:expr, $read:expr) => {
        match $how {
            $crate::subject::How::ThroughTheCache => $read,
            $crate::subject::How::PastTheCache => $read.bypass(),
        }
    };
}
pub(crate) use bypassed;

/// What is judged.
pub(crate) struct Subject {
    /// Writes, and reads at once.
    pub(crate) writer: Database,
    /// Reads once it has heard of the writes.
    pub(crate) other: Option<Other>,
    /// Writes past Larder.
    pub(crate) plain: Judge,
}

/// Another process on the same database.
pub(crate) struct Other {
    pub(crate) database: Database,
    events: CacheEvents,
    fence: u32,
}

impl Subject {
    /// Opens the handles on a database with the schema.
    pub(crate) async fn open(url: &str, mode: Mode) -> Result<Self> {
        let writer = open(url, mode).await?;
        let other = match mode {
            Mode::Local => None,
            Mode::Shared => Some(Other::open(url).await?),
        };
        let plain = Judge::connect(url).await?;
        Ok(Self {
            writer,
            other,
            plain,
        })
    }

    /// Waits until the other process has heard of everything written so far.
    pub(crate) async fn until_heard(&mut self) -> Result<()> {
        let Some(other) = &mut self.other else {
            return Ok(());
        };
        let hearing = other.until_fence(&self.writer);
        let heard = timeout(PATIENCE, hearing).await;
        heard.map_err(|_| Error::step("let the other process hear of a write", "it never did"))?
    }

    /// Closes the handles.
    pub(crate) async fn close(self) {
        // The databases are dropped in any case.
        self.writer.shutdown(PATIENCE).await.ok();
        if let Some(other) = self.other {
            other.database.shutdown(PATIENCE).await.ok();
        }
    }
}

impl Other {
    async fn open(url: &str) -> Result<Self> {
        let database = open(url, Mode::Shared).await?;
        let oid = database.sql("SELECT 'fence'::regclass::oid::int8");
        let oid = oid.fetch_scalar::<i64>().await;
        let oid = oid.map_err(|error| Error::step("find the table fence", error))?;
        Ok(Self {
            events: database.cache_events(),
            database,
            fence: u32::try_from(oid).unwrap_or_default(),
        })
    }

    /// What is written last is heard of last.
    async fn until_fence(&mut self, writer: &Database) -> Result<()> {
        let failed = |error| Error::step("write to the table fence", error);
        loop {
            let write = writer.sql("UPDATE fence SET n = n + 1").execute().await;
            write.map_err(failed)?;
            loop {
                match self.events.recv().await {
                    Some(CacheEvent::Invalidated { tables, .. })
                        if tables.contains(&self.fence) =>
                    {
                        return Ok(());
                    }
                    // It may have been the fence, or what was before.
                    Some(CacheEvent::Invalidated {
                        everything: true, ..
                    }) => break,
                    Some(_) => {}
                    None => return Err(Error::step("listen to the other process", "it is gone")),
                }
            }
        }
    }
}

async fn open(url: &str, mode: Mode) -> Result<Database> {
    let failed = |error| Error::step("open the database", error);
    let mut options = DatabaseOptions::from_url(url).map_err(failed)?;
    options.pool.size = 3;
    options.pool.overflow = 0;
    let cache = &mut options.cache;
    cache.mode = match mode {
        Mode::Local => CacheMode::Local,
        Mode::Shared => CacheMode::Shared,
    };
    cache.ttl = LONG;
    cache.max_entries = 20_000;
    cache.max_staleness = LONG;
    cache.poll_interval = Duration::from_millis(20);
    cache.hints = Hints::Off;
    // Nothing depends on time or chance.
    cache.hot_writes = 0;
    cache.early_refresh = 0.0;
    cache.jitter = 0.0;
    cache.declarations = Declarations::new()
        .function_writes("write_neighbours", ["triggered"])
        .function_writes("choose_key", std::iter::empty::<&str>())
        // Nothing but the table that the statement writes in any case.
        .triggers_write("ruled", std::iter::empty::<&str>());
    let database = Database::open(options).await.map_err(failed)?;
    // The picture of the catalog is taken now.
    let read = sql_read(&database).await;
    read.map_err(failed)?;
    Ok(database)
}

async fn sql_read(database: &Database) -> std::result::Result<(), larder::database::Error> {
    let read = database.sql("SELECT n FROM fence").cached().ttl(LONG);
    read.fetch_scalar::<i64>().await?;
    Ok(())
}

/// What the server said about a typed statement that failed.
pub(crate) fn refusal(connection: &Connection, error: &diesel::result::Error) -> Result<Outcome> {
    match (connection.last_server_error(), error) {
        (Some(server), diesel::result::Error::DatabaseError(..)) => {
            Ok(Outcome::Refused(server.state().as_str().to_owned()))
        }
        _ => Err(Error::step("write by a typed statement", error)),
    }
}
