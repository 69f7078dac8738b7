//! Reads, as they are asked of the cache and of the judge.

use std::fmt;
use std::sync::Arc;

use larder::database::{Database, Error as LarderError};

use crate::calls::{Call, kept_row};
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::row::{RawRow, Row};
use crate::statement::{Bound, Statement};
use crate::subject::{How, LONG, bypassed};
use crate::typed::{ManyRead, TypedRead};

/// A read through the cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Read {
    /// Raw SQL.
    Raw(Statement),
    /// A query of Diesel's.
    Typed(TypedRead),
    /// Rows by their keys, each kept by itself.
    Many(ManyRead),
    /// Several statements whose results are kept as one.
    Composite(Vec<Statement>),
    /// A decorated function.
    Call(Call),
    /// A decorated function whose results are also put by a write.
    Row(Statement),
}

impl Read {
    /// As the judge runs it: the rows of all of these are its result.
    pub(crate) fn bound(&self) -> Result<Vec<Bound>> {
        Ok(match self {
            Self::Raw(statement) | Self::Row(statement) => vec![statement.bound()],
            Self::Call(call) => call.bound()?,
            Self::Typed(read) => vec![read.bound()?],
            Self::Many(read) => vec![read.bound()?],
            Self::Composite(statements) => statements.iter().map(Statement::bound).collect(),
        })
    }

    /// Through the cache, or past it.
    pub(crate) async fn run(&self, database: &Database, how: How) -> Result<Outcome> {
        match self {
            Self::Raw(statement) => self.raw(statement, database, how).await,
            Self::Typed(read) => read.run(database, how).await,
            Self::Many(read) => read.run(database, how).await,
            Self::Composite(statements) => self.composite(statements, database, how).await,
            Self::Call(call) => call.run(database, how).await,
            Self::Row(statement) => kept_row(database, statement, how).await,
        }
    }

    /// Asks what the cache makes of it, which must change nothing.
    pub(crate) async fn explain(&self, database: &Database) -> Result<()> {
        if let Self::Raw(statement) = self {
            let explained = Box::pin(statement.with(database).cached().ttl(LONG).explain()).await;
            explained.map_err(|error| Error::step(format!("explain {self}"), error))?;
        }
        Ok(())
    }

    async fn raw(&self, statement: &Statement, database: &Database, how: How) -> Result<Outcome> {
        let read = bypassed!(how, statement.with(database).cached().ttl(LONG));
        let rows = Box::pin(read.fetch::<RawRow>()).await;
        let rows = rows.map(|rows| rows.iter().map(|row| row.0.clone()).collect());
        Outcome::of(rows.map(Outcome::rows), self)
    }

    async fn composite(
        &self,
        statements: &[Statement],
        database: &Database,
        how: How,
    ) -> Result<Outcome> {
        let read = database.cached_read("differential", "composite", &statements.to_vec());
        let read = bypassed!(how, read.ttl(LONG));
        let statements: Arc<[Statement]> = statements.into();
        let rows = Box::pin(read.load(async move |connection| {
            let mut all: Vec<Row> = Vec::new();
            for statement in statements.iter() {
                let rows = statement.to_sql().fetch_on::<RawRow>(connection).await?;
                all.extend(rows.into_iter().map(|row| row.0));
            }
            Ok::<_, LarderError>(all)
        }))
        .await;
        Outcome::of(rows.map(|rows| Outcome::rows(rows.to_vec())), self)
    }
}

impl fmt::Display for Read {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw(statement) => statement.fmt(formatter),
            Self::Row(statement) => write!(formatter, "row by [{statement}]"),
            Self::Call(call) => call.fmt(formatter),
            Self::Typed(read) => read.fmt(formatter),
            Self::Many(read) => read.fmt(formatter),
            Self::Composite(statements) => {
                formatter.write_str("composite of")?;
                for statement in statements {
                    write!(formatter, " [{statement}]")?;
                }
                Ok(())
            }
        }
    }
}
