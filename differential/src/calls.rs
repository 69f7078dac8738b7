//! Decorated functions: what their bodies read, and what they write.

use std::fmt;

use futures::future::{LocalBoxFuture, join_all};
use larder::database::{Database, Error as LarderError, carry};
use larder::prelude::{cache_put, cached, invalidates};

use crate::error::{Error, Result};
use crate::judge::Judge;
use crate::outcome::Outcome;
use crate::read::Read;
use crate::row::{RawRow, Row};
use crate::statement::{Bound, Statement};
use crate::subject::How;

/// A part of a body.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// A statement by itself.
    Plain(Statement),
    /// A statement in a closure of reads.
    Session(Statement),
    /// A statement in a transaction of the body's own.
    Transaction(Statement),
    /// A statement in a task of its own.
    Carried(Statement),
    /// A read that is kept by itself, another decorated function among them.
    Kept(Box<Read>),
}

/// A call of a decorated function whose body reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    pub(crate) parts: Vec<Part>,
    /// Whether the parts are read at the same time.
    pub(crate) joined: bool,
}

/// Why a body ends without a result: none of these is kept.
pub(crate) enum Stop {
    Refused(String),
    Failed(Error),
}

impl From<LarderError> for Stop {
    fn from(error: LarderError) -> Self {
        match error.sql_state() {
            Some(state) => Self::Refused(state.as_str().to_owned()),
            None => Self::Failed(Error::step("run the body of a function", error)),
        }
    }
}

fn outcome(done: Result<Vec<Row>, Stop>) -> Result<Outcome> {
    match done {
        Ok(rows) => Ok(Outcome::rows(rows)),
        Err(Stop::Refused(state)) => Ok(Outcome::Refused(state)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

impl Call {
    /// As the judge runs it.
    pub(crate) fn bound(&self) -> Result<Vec<Bound>> {
        let mut all = Vec::new();
        for part in &self.parts {
            match part {
                Part::Plain(statement)
                | Part::Session(statement)
                | Part::Transaction(statement)
                | Part::Carried(statement) => all.push(statement.bound()),
                Part::Kept(read) => all.extend(read.bound()?),
            }
        }
        Ok(all)
    }

    /// Through the cache, or past it.
    pub(crate) fn run<'a>(
        &'a self,
        database: &'a Database,
        how: How,
    ) -> LocalBoxFuture<'a, Result<Outcome>> {
        Box::pin(async move { outcome(answers(database, self.clone(), how).await) })
    }
}

#[cached(ttl = "27h", skip(how), condition = how == How::ThroughTheCache)]
async fn answers(database: &Database, call: Call, how: How) -> Result<Vec<Row>, Stop> {
    let mut rows = Vec::new();
    if call.joined {
        let all = call.parts.iter().map(|part| part.read(database, how));
        for more in join_all(all).await {
            rows.extend(more?);
        }
    } else {
        for part in &call.parts {
            rows.extend(part.read(database, how).await?);
        }
    }
    Ok(rows)
}

impl Part {
    fn read<'a>(
        &'a self,
        database: &'a Database,
        how: How,
    ) -> LocalBoxFuture<'a, Result<Vec<Row>, Stop>> {
        Box::pin(async move {
            let rows = match self {
                Self::Plain(statement) => statement.with(database).fetch::<RawRow>().await?,
                Self::Session(statement) => {
                    let read = database.read(async |connection| {
                        statement.to_sql().fetch_on::<RawRow>(connection).await
                    });
                    read.await?
                }
                Self::Transaction(statement) => {
                    let read = database.transaction(async |connection| {
                        statement.to_sql().fetch_on::<RawRow>(connection).await
                    });
                    read.await?
                }
                Self::Carried(statement) => {
                    let (statement, database) = (statement.clone(), database.clone());
                    let read = async move { statement.with(&database).fetch::<RawRow>().await };
                    let read = tokio::spawn(carry(read)).await;
                    read.map_err(|error| Stop::Failed(Error::step("join a task", error)))??
                }
                Self::Kept(read) => {
                    return match read.run(database, how).await {
                        Ok(Outcome::Done { rows, .. }) => Ok(rows),
                        Ok(Outcome::Refused(state)) => Err(Stop::Refused(state)),
                        Err(error) => Err(Stop::Failed(error)),
                    };
                }
            };
            Ok(rows.into_iter().map(|row| row.0).collect())
        })
    }
}

/// A row by its key, as a function that is kept.
pub(crate) async fn kept_row(
    database: &Database,
    statement: &Statement,
    how: How,
) -> Result<Outcome> {
    outcome(row(database, statement.clone(), how).await)
}

#[cached(name = "row", ttl = "27h", key(statement), condition = how == How::ThroughTheCache)]
async fn row(database: &Database, statement: Statement, how: How) -> Result<Vec<Row>, Stop> {
    let _ = how;
    let rows = statement.with(database).fetch::<RawRow>().await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// Writes a row and keeps what became of it, for [`kept_row`].
pub(crate) async fn put_row(
    database: &Database,
    statement: &Statement,
    write: &Statement,
) -> Result<Outcome> {
    outcome(written_row(database, statement.clone(), write.clone()).await)
}

#[cache_put(name = "row", ttl = "27h", key(statement))]
async fn written_row(
    database: &Database,
    statement: Statement,
    write: Statement,
) -> Result<Vec<Row>, Stop> {
    let _ = statement;
    let rows = write.with(database).fetch::<RawRow>().await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// Writes to `numbers` past Larder, and says so.
#[invalidates(tables("numbers"))]
pub(crate) async fn write_behind(
    database: &Database,
    plain: &Judge,
    write: &Statement,
) -> Result<Outcome> {
    let _ = database;
    plain.ask(&write.bound()).await
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.joined {
            "function, joined,"
        } else {
            "function"
        })?;
        for part in &self.parts {
            match part {
                Part::Plain(statement) => write!(formatter, " [{statement}]"),
                Part::Session(statement) => write!(formatter, " [session: {statement}]"),
                Part::Transaction(statement) => write!(formatter, " [transaction: {statement}]"),
                Part::Carried(statement) => write!(formatter, " [task: {statement}]"),
                Part::Kept(read) => write!(formatter, " [kept: {read}]"),
            }?;
        }
        Ok(())
    }
}
