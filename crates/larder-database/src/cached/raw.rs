//! Raw SQL, cached.

use std::sync::Arc;

use diesel::deserialize::{FromSql, FromSqlRow, QueryableByName};
use diesel::pg::Pg;
use diesel::result::Error as DieselError;
use diesel::sql_types::{HasSqlType, Untyped};
use larder_pool::Row;

use super::options::{ReadOptions, read_options};
use super::run::Found;
use crate::sql::{Shape, Sql, SqlValue, scalar_of};
use crate::{CacheExplanation, Database, Error};

/// Raw SQL whose result is kept; made by [`BoundSql::cached`](crate::BoundSql::cached). The same
/// rules hold as for [`CachedQuery`](crate::CachedQuery): key, tables and invalidation come from
/// the text and the values.
///
/// # Examples
///
/// ```no_run
/// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
/// use std::time::Duration;
///
/// let open: i64 = db
///     .sql("SELECT count(*) FROM orders WHERE state = :state")
///     .bind("state", "open")
///     .cached()
///     .ttl(Duration::from_secs(30))
///     .fetch_scalar()
///     .await?;
/// # drop(open);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "SQL does nothing until it is run"]
pub struct CachedSql<'a> {
    database: &'a Database,
    sql: Sql,
    options: ReadOptions,
}

impl<'a> CachedSql<'a> {
    pub(crate) fn new(database: &'a Database, sql: Sql) -> Self {
        Self {
            database,
            sql,
            options: ReadOptions::of(database),
        }
    }

    read_options!();

    /// Gives all rows.
    ///
    /// # Errors
    ///
    /// [`Error::CachedReadInTransaction`] inside a transaction of this database, where
    /// [`Sql::fetch_on`] reads what the transaction sees; otherwise as
    /// [`BoundSql::fetch`](crate::BoundSql::fetch).
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time. A load that has begun goes on for the others who wait.
    pub async fn fetch<T>(self) -> Result<Arc<[T]>, Error>
    where
        T: QueryableByName<Pg> + Send + Sync + 'static,
    {
        self.run(Shape::AsWritten, rows_of::<T>).await
    }

    /// Gives the first column of the first row.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch); [`Error::NotFound`] if there is no row.
    ///
    /// # Cancel safety
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn fetch_scalar<T>(self) -> Result<T, Error>
    where
        T: SqlValue + FromSql<T::SqlType, Pg> + Clone + Sync + 'static,
        Pg: HasSqlType<T::SqlType>,
    {
        let found = self.run(Shape::AsWritten, first_scalar_of::<T>).await?;
        found.ok_or(Error::NotFound)
    }

    /// Gives each row as a JSON object, made by the server.
    ///
    /// # Errors
    ///
    /// As [`BoundSql::fetch_json`](crate::BoundSql::fetch_json).
    ///
    /// # Cancel safety
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn fetch_json(self) -> Result<Arc<[serde_json::Value]>, Error> {
        self.run(Shape::Json, scalars_of::<serde_json::Value>).await
    }

    /// Tells what the statement depends on, and whether its result is cached and why not.
    ///
    /// # Errors
    ///
    /// If the text cannot be read, a parameter is missing or unused, or the catalog cannot be read.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn explain(self) -> Result<CacheExplanation, Error> {
        let statement = self.sql.resolve(Shape::AsWritten)?;
        let mut read = self.database.cached(statement);
        read.options = self.options;
        read.explain::<()>().await
    }

    async fn run<V>(
        self,
        shape: Shape,
        decode: fn(Vec<Row>) -> Result<V, DieselError>,
    ) -> Result<V, Error>
    where
        V: Clone + Send + Sync + 'static,
    {
        let Self {
            database,
            sql,
            options,
        } = self;
        let statement = sql.resolve(shape)?;
        match database.look(&statement, &options)? {
            Found::Hit(value) => Ok(value),
            // On the heap: a hit does not carry what only a miss needs.
            Found::Miss(miss) => Box::pin(database.fetch(*miss, options, decode)).await,
        }
    }
}

fn rows_of<T: QueryableByName<Pg>>(rows: Vec<Row>) -> Result<Arc<[T]>, DieselError> {
    rows.iter()
        .map(|row| {
            <T as FromSqlRow<Untyped, Pg>>::build_from_row(row)
                .map_err(DieselError::DeserializationError)
        })
        .collect()
}

fn scalars_of<T>(rows: Vec<Row>) -> Result<Arc<[T]>, DieselError>
where
    T: SqlValue + FromSql<T::SqlType, Pg>,
    Pg: HasSqlType<T::SqlType>,
{
    rows.iter().map(scalar_of).collect()
}

fn first_scalar_of<T>(rows: Vec<Row>) -> Result<Option<T>, DieselError>
where
    T: SqlValue + FromSql<T::SqlType, Pg>,
    Pg: HasSqlType<T::SqlType>,
{
    rows.first().map(scalar_of).transpose()
}
