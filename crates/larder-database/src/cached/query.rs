//! A query of Diesel's, cached.

use std::sync::Arc;

use diesel::deserialize::FromSqlRow;
use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::query_dsl::CompatibleType;
use diesel::result::Error as DieselError;
use larder_pool::{OwnedQuery, Row};

use super::options::{ReadOptions, read_options};
use super::run::{Found, rows};
use crate::{Connection, Database, Error};

/// A query whose result is kept; made by [`Database::cached`].
///
/// A result is shared by all who ask for it, and equal to what the database would return, type
/// by type. It is good until its time is up or a commit has written to one of its tables,
/// whichever comes first. A query that cannot be cached safely is run as it is;
/// [`Database::explain_cache`] says why.
#[derive(Debug)]
#[must_use = "nothing is read until it is loaded"]
pub struct CachedQuery<'a, Q> {
    pub(super) database: &'a Database,
    pub(super) query: Q,
    pub(super) options: ReadOptions,
}

impl<'a, Q> CachedQuery<'a, Q> {
    pub(super) fn new(database: &'a Database, query: Q) -> Self {
        Self {
            database,
            query,
            options: ReadOptions::of(database),
        }
    }

    read_options!();

    /// Loads all rows.
    ///
    /// # Errors
    ///
    /// [`Error::CachedReadInTransaction`] inside a transaction of this database, where
    /// [`load_on`](Self::load_on) reads what the transaction sees; otherwise why the database
    /// could not answer.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time. A load that has begun goes on for the others who wait.
    pub async fn load<T>(self) -> Result<Arc<[T]>, Error>
    where
        Q: AsQuery + Send,
        Q::Query: QueryFragment<Pg> + QueryId + Send,
        Q::SqlType: CompatibleType<T, Pg>,
        T: FromSqlRow<<Q::SqlType as CompatibleType<T, Pg>>::SqlType, Pg> + Send + Sync + 'static,
    {
        let Self {
            database,
            query,
            options,
        } = self;
        let found = database.look(&query.as_query(), &options)?;
        match found {
            Found::Hit(value) => Ok(value),
            // On the heap: a hit does not carry what only a miss needs.
            Found::Miss(miss) => {
                Box::pin(database.fetch(*miss, options, all::<Q::SqlType, T>)).await
            }
        }
    }

    /// Loads the first row, if there is one. Nothing is added to the query: where it may return
    /// many rows, say `.limit(1)`.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    ///
    /// # Cancel safety
    ///
    /// As [`load`](Self::load).
    pub async fn first<T>(self) -> Result<Option<Arc<T>>, Error>
    where
        Q: AsQuery + Send,
        Q::Query: QueryFragment<Pg> + QueryId + Send,
        Q::SqlType: CompatibleType<T, Pg>,
        T: FromSqlRow<<Q::SqlType as CompatibleType<T, Pg>>::SqlType, Pg> + Send + Sync + 'static,
    {
        let Self {
            database,
            query,
            options,
        } = self;
        let found = database.look(&query.as_query(), &options)?;
        match found {
            Found::Hit(value) => Ok(value),
            // On the heap: a hit does not carry what only a miss needs.
            Found::Miss(miss) => {
                Box::pin(database.fetch(*miss, options, one::<Q::SqlType, T>)).await
            }
        }
    }

    /// Loads all rows on a connection, inside a transaction for instance: it sees what the
    /// transaction has written. Nothing is served from the cache, and nothing is stored.
    ///
    /// # Errors
    ///
    /// If the server refuses the query or the connection is lost.
    ///
    /// # Cancel safety
    ///
    /// As for any statement of a connection.
    pub async fn load_on<T>(self, connection: &mut Connection) -> Result<Arc<[T]>, Error>
    where
        Q: AsQuery + Send,
        Q::Query: QueryFragment<Pg> + QueryId + Send,
        Q::SqlType: CompatibleType<T, Pg>,
        T: FromSqlRow<<Q::SqlType as CompatibleType<T, Pg>>::SqlType, Pg> + Send + Sync + 'static,
    {
        let query = OwnedQuery::of(&self.query.as_query(), &self.database.inner().pool)?;
        let rows = rows(connection, query).await?;
        all::<Q::SqlType, T>(rows).map_err(|error| Error::of_statement(error, None))
    }

    /// Loads the first row on a connection. See [`load_on`](Self::load_on).
    ///
    /// # Errors
    ///
    /// As [`load_on`](Self::load_on).
    ///
    /// # Cancel safety
    ///
    /// As [`load_on`](Self::load_on).
    pub async fn first_on<T>(self, connection: &mut Connection) -> Result<Option<Arc<T>>, Error>
    where
        Q: AsQuery + Send,
        Q::Query: QueryFragment<Pg> + QueryId + Send,
        Q::SqlType: CompatibleType<T, Pg>,
        T: FromSqlRow<<Q::SqlType as CompatibleType<T, Pg>>::SqlType, Pg> + Send + Sync + 'static,
    {
        let query = OwnedQuery::of(&self.query.as_query(), &self.database.inner().pool)?;
        let rows = rows(connection, query).await?;
        one::<Q::SqlType, T>(rows).map_err(|error| Error::of_statement(error, None))
    }
}

fn all<ST, T>(rows: Vec<Row>) -> Result<Arc<[T]>, DieselError>
where
    ST: CompatibleType<T, Pg>,
    T: FromSqlRow<<ST as CompatibleType<T, Pg>>::SqlType, Pg>,
{
    rows.iter()
        .map(|row| T::build_from_row(row).map_err(DieselError::DeserializationError))
        .collect()
}

fn one<ST, T>(rows: Vec<Row>) -> Result<Option<Arc<T>>, DieselError>
where
    ST: CompatibleType<T, Pg>,
    T: FromSqlRow<<ST as CompatibleType<T, Pg>>::SqlType, Pg>,
{
    rows.first()
        .map(|row| T::build_from_row(row).map(Arc::new))
        .transpose()
        .map_err(DieselError::DeserializationError)
}

impl Database {
    /// A query whose result is kept. Key, tables and invalidation all come from the query itself.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use diesel::prelude::*;
    ///
    /// diesel::table! {
    ///     menus (id) {
    ///         id -> BigInt,
    ///         city -> Text,
    ///     }
    /// }
    ///
    /// let found: Arc<[(i64, String)]> = db
    ///     .cached(menus::table.filter(menus::city.eq("Miami")).order(menus::id))
    ///     .ttl(Duration::from_secs(300))
    ///     .load()
    ///     .await?;
    /// # drop(found);
    /// # Ok(())
    /// # }
    /// ```
    pub fn cached<Q>(&self, query: Q) -> CachedQuery<'_, Q> {
        CachedQuery::new(self, query)
    }
}
