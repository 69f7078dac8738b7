//! Raw SQL on a connection of the pool.

use diesel::deserialize::{FromSql, QueryableByName};
use diesel::pg::Pg;
use diesel::sql_types::HasSqlType;

use super::read::{by_name, read};
use super::statement::{Shape, Sql, scalar_of};
use super::value::SqlValue;
use crate::{CachedSql, Database, Error};

/// Raw SQL with `:named` parameters that knows its database. Each run commits by itself. A
/// query that only reads, and that comes again, shares a connection with others; anything else
/// takes one from the pool.
///
/// # Examples
///
/// ```no_run
/// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
/// let id: i64 = db
///     .sql("INSERT INTO tags (name, words) VALUES (:name, :words) RETURNING id")
///     .bind("name", "vegan")
///     .bind("words", vec!["tofu", "seitan"])
///     .fetch_scalar()
///     .await?;
/// # drop(id);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "SQL does nothing until it is run"]
pub struct BoundSql<'a> {
    database: &'a Database,
    sql: Sql,
}

impl<'a> BoundSql<'a> {
    pub(crate) fn new(database: &'a Database, sql: Sql) -> Self {
        Self { database, sql }
    }

    /// Gives a parameter its value. The value is sent beside the text, never in it.
    pub fn bind<V>(self, name: impl Into<String>, value: V) -> Self
    where
        V: SqlValue,
        Pg: HasSqlType<V::SqlType>,
    {
        Self {
            sql: self.sql.bind(name, value),
            ..self
        }
    }

    /// Keeps its result. See [`CachedSql`] for what can be said about that.
    pub fn cached(self) -> CachedSql<'a> {
        CachedSql::new(self.database, self.sql)
    }

    /// Runs it and gives the number of rows that it touched.
    ///
    /// # Errors
    ///
    /// If the text cannot be read, a parameter is missing or unused, no connection can
    /// be had or the server refuses.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the statement may have run.
    pub async fn execute(self) -> Result<usize, Error> {
        let mut session = self.database.session().await?;
        self.sql.execute_on(&mut session).await
    }

    /// Runs it and gives its rows.
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute), and if a row does not fit `T`.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the statement may have run.
    pub async fn fetch<T>(self) -> Result<Vec<T>, Error>
    where
        T: QueryableByName<Pg> + Send + 'static,
    {
        read(self.database, self.sql, Shape::AsWritten, by_name).await
    }

    /// Runs a write and gives the rows that its RETURNING names.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    ///
    /// # Cancel safety
    ///
    /// Dropped, the write may have taken effect.
    pub async fn returning<T>(self) -> Result<Vec<T>, Error>
    where
        T: QueryableByName<Pg> + Send + 'static,
    {
        self.fetch().await
    }

    /// Runs it and gives the first column of its first row: a count, or the id that an
    /// INSERT returns.
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute); [`Error::NotFound`] if there is no row.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the statement may have run.
    pub async fn fetch_scalar<T>(self) -> Result<T, Error>
    where
        T: SqlValue + FromSql<T::SqlType, Pg>,
        Pg: HasSqlType<T::SqlType>,
    {
        let mut values = read(self.database, self.sql, Shape::AsWritten, scalar_of).await?;
        if values.is_empty() {
            return Err(Error::NotFound);
        }
        Ok(values.swap_remove(0))
    }

    /// Runs it and gives each row as a JSON object, made by the server. See
    /// [`Sql::fetch_json_on`] for which statements that works with.
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    ///
    /// # Cancel safety
    ///
    /// Dropped, the statement may have run.
    pub async fn fetch_json(self) -> Result<Vec<serde_json::Value>, Error> {
        read(self.database, self.sql, Shape::Json, scalar_of).await
    }
}
