//! What a block of code caused: its statements, and what became of its cached reads.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use larder_cache::{Dependency, Key, Source};
use larder_sql::StatementProfile;
use serde::Serialize;

use super::Context;
use crate::Database;

/// Collects what happens in a task and in the loads that it causes.
#[derive(Debug, Default)]
pub(crate) struct Trace(Mutex<CacheTrace>);

/// What a block of code caused; made by [`Database::trace`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CacheTrace {
    /// The statements that were sent to the database, in their order.
    pub statements: Vec<TracedStatement>,
    /// The cached reads and the calls of decorated functions, in the order of their ends.
    pub reads: Vec<TracedRead>,
}

/// A statement that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TracedStatement {
    /// Its text, without values.
    pub statement: String,
    /// The same for all statements that differ in values only.
    pub fingerprint: String,
}

/// A cached read, or a call of a decorated function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TracedRead {
    /// What is read: `service:operation` where that was said, else its tables.
    pub name: String,
    /// Where the result came from.
    pub origin: ReadOrigin,
    /// Why its result was not kept, if it was not and that is known.
    pub not_kept: Option<String>,
    /// What it is kept under, and what it depends on.
    #[serde(skip)]
    pub(crate) kept: Option<(Key, Vec<Dependency>)>,
    /// The tags that the read itself has.
    #[serde(skip)]
    pub(crate) tags: Vec<String>,
}

/// Where the result of a cached read came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReadOrigin {
    /// It was kept in this process.
    Hit,
    /// It was kept in this process, and past its time.
    Stale,
    /// It was kept in Redis.
    Fetched,
    /// Another caller loaded it at the same time.
    Joined,
    /// It was loaded from the database.
    Loaded,
    /// It went past the cache.
    Bypassed,
}

impl ReadOrigin {
    /// Whether it caused no statement of its own.
    #[must_use]
    pub fn is_hit(self) -> bool {
        matches!(self, Self::Hit | Self::Stale | Self::Fetched | Self::Joined)
    }

    pub(crate) fn of(source: Source) -> Self {
        match source {
            Source::Hit => Self::Hit,
            Source::Stale | Source::StaleOnError => Self::Stale,
            Source::Fetched => Self::Fetched,
            Source::Joined => Self::Joined,
            _ => Self::Loaded,
        }
    }
}

impl CacheTrace {
    /// How many cached reads were answered without a statement of their own.
    #[must_use]
    pub fn hits(&self) -> usize {
        self.reads
            .iter()
            .filter(|read| read.origin.is_hit())
            .count()
    }

    /// How many were not.
    #[must_use]
    pub fn misses(&self) -> usize {
        self.reads.len() - self.hits()
    }
}

impl fmt::Display for CacheTrace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} statement(s)", self.statements.len())?;
        for statement in &self.statements {
            writeln!(formatter, "  {}", statement.statement)?;
        }
        write!(formatter, "{} cached read(s)", self.reads.len())?;
        for read in &self.reads {
            write!(formatter, "\n  {:<9} {}", read.origin.as_str(), read.name)?;
            if let Some(reason) = &read.not_kept {
                write!(formatter, " (not kept: {reason})")?;
            }
        }
        Ok(())
    }
}

impl ReadOrigin {
    /// The origin as one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Fetched => "fetched",
            Self::Joined => "joined",
            Self::Loaded => "loaded",
            Self::Bypassed => "bypassed",
        }
    }
}

impl Trace {
    /// More than this is not collected: a block that runs for ever must not fill the memory.
    const MOST: usize = 100_000;

    pub(crate) fn sent(&self, profile: &StatementProfile) {
        self.change(|trace| {
            if trace.statements.len() < Self::MOST {
                trace.statements.push(TracedStatement {
                    statement: profile.normalised.to_string(),
                    fingerprint: profile.fingerprint.to_string(),
                });
            }
        });
    }

    pub(crate) fn read(&self, read: TracedRead) {
        self.change(|trace| {
            if trace.reads.len() < Self::MOST {
                trace.reads.push(read);
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut CacheTrace)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn take(&self) -> CacheTrace {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Database {
    /// Runs a future and tells what it caused: the statements that were sent, and what became
    /// of cached reads. Of this database and of others alike.
    ///
    /// What the future spawns counts where it [carries](crate::carry) this along. A load that
    /// another caller had begun counts there; one in the background counts if it has sent its
    /// statement when the future ends.
    ///
    /// # Cancel safety
    ///
    /// That of the future.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
    /// let (count, trace) = db
    ///     .trace(async { db.sql("SELECT count(*) FROM menus").cached().fetch_scalar::<i64>().await })
    ///     .await;
    /// println!("{} menus\n{trace}", count?);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn trace<F: Future>(&self, future: F) -> (F::Output, CacheTrace) {
        let trace = Arc::new(Trace::default());
        let context = Context {
            trace: Some(Arc::clone(&trace)),
            ..Context::current()
        };
        let output = context.enter(future).await;
        (output, trace.take())
    }
}
