//! A raw statement and the values of its parameters.

use std::fmt;
use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::deserialize::{FromSql, QueryableByName};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::Error as DieselError;
use diesel::row::{Field, Row as _};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Untyped};
use diesel_async::{AsyncConnectionCore, RunQueryDsl};
use futures::TryStreamExt;
use larder_pool::{Connection, Row};
use larder_sql::NamedStatement;

use super::value::{SqlValue, fits};
use crate::Error;

/// Raw SQL with `:named` parameters, to be run on a connection: inside a transaction, for
/// instance. Outside one, [`Database::sql`](crate::Database::sql) is shorter.
///
/// # Examples
///
/// ```no_run
/// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
/// use larder_database::sql;
///
/// db.transaction(async |conn| {
///     let open: i64 = sql("SELECT count(*) FROM orders WHERE owner = :owner AND state = :state")
///         .bind("owner", 7_i64)
///         .bind("state", "open")
///         .fetch_scalar_on(conn)
///         .await?;
///     if open == 0 {
///         sql("DELETE FROM carts WHERE owner = :owner").bind("owner", 7_i64).execute_on(conn).await?;
///     }
///     Ok::<_, larder_database::Error>(())
/// })
/// .await
/// # }
/// ```
#[must_use = "SQL does nothing until it is run"]
pub struct Sql {
    text: String,
    given: Vec<(String, Box<dyn Parameter>)>,
}

/// Raw SQL with `:named` parameters. See [`Sql`].
pub fn sql(text: impl Into<String>) -> Sql {
    Sql {
        text: text.into(),
        given: Vec::new(),
    }
}

impl Sql {
    /// Gives a parameter its value. The value is sent beside the text, never in it.
    pub fn bind<V>(mut self, name: impl Into<String>, value: V) -> Self
    where
        V: SqlValue,
        Pg: HasSqlType<V::SqlType>,
    {
        let value = Typed::<V::SqlType, V::Owned>(value.into_owned(), PhantomData);
        self.given.push((name.into(), Box::new(value)));
        self
    }

    /// Runs it and gives the number of rows that it touched.
    ///
    /// # Errors
    ///
    /// If the text cannot be read, a parameter is missing or unused, or the server refuses.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the statement may have run.
    pub async fn execute_on(self, connection: &mut Connection) -> Result<usize, Error> {
        let statement = self.resolve(Shape::AsWritten)?;
        let result = RunQueryDsl::execute(statement, connection).await;
        explain(result, connection)
    }

    /// Runs it and gives its rows.
    ///
    /// # Errors
    ///
    /// As [`execute_on`](Self::execute_on), and if a row does not fit `T`.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the statement may have run.
    pub async fn fetch_on<T>(self, connection: &mut Connection) -> Result<Vec<T>, Error>
    where
        T: QueryableByName<Pg> + Send + 'static,
    {
        let statement = self.resolve(Shape::AsWritten)?;
        let result = RunQueryDsl::load::<T>(statement, connection).await;
        explain(result, connection)
    }

    /// Runs it and gives the first column of its first row.
    ///
    /// # Errors
    ///
    /// As [`execute_on`](Self::execute_on); [`Error::NotFound`] if there is no row; an error
    /// that names the column if it is of another type than `T` stands for.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the statement may have run.
    pub async fn fetch_scalar_on<T>(self, connection: &mut Connection) -> Result<T, Error>
    where
        T: SqlValue + FromSql<T::SqlType, Pg>,
        Pg: HasSqlType<T::SqlType>,
    {
        let statement = self.resolve(Shape::AsWritten)?;
        let mut values = explain(scalars(statement, connection).await, connection)?;
        if values.is_empty() {
            return Err(Error::NotFound);
        }
        Ok(values.swap_remove(0))
    }

    /// Runs it and gives each row as a JSON object, made by the server (`to_jsonb`).
    ///
    /// It has to be one statement that returns rows: SELECT, VALUES, or a write with
    /// RETURNING, but not one that begins with a WITH that writes. Of columns with the
    /// same name the last one counts, and a `numeric` with more digits than an `f64`
    /// holds is rounded: cast it to text.
    ///
    /// # Errors
    ///
    /// As [`execute_on`](Self::execute_on).
    ///
    /// # Cancel safety
    ///
    /// Dropped, the statement may have run.
    pub async fn fetch_json_on(
        self,
        connection: &mut Connection,
    ) -> Result<Vec<serde_json::Value>, Error> {
        let statement = self.resolve(Shape::Json)?;
        explain(scalars(statement, connection).await, connection)
    }

    pub(crate) fn resolve(self, shape: Shape) -> Result<Statement, Error> {
        let named = NamedStatement::parse(&self.text)?;
        let order = named.bind_order(self.given.iter().map(|(name, _)| name.as_str()))?;
        let mut given: Vec<_> = self
            .given
            .into_iter()
            .map(|(_, value)| Some(value))
            .collect();
        let binds = order
            .into_iter()
            .filter_map(|index| given.get_mut(index)?.take())
            .collect();
        let text = match shape {
            Shape::AsWritten => named.sql().to_owned(),
            Shape::Json => json(named.sql())?,
        };
        Ok(Statement { text, binds })
    }
}

impl fmt::Debug for Sql {
    /// Without the values, which may be anybody's.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.given.iter().map(|(name, _)| name.as_str()).collect();
        formatter
            .debug_struct("Sql")
            .field("text", &self.text)
            .field("given", &names)
            .finish()
    }
}

/// What is made of the text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    AsWritten,
    Json,
}

fn json(text: &str) -> Result<String, Error> {
    // Without the semicolon that may end it; a comment at its end ends with the line.
    // Several statements stay as they are, and the server refuses them.
    let mut statements = larder_sql::statements(text);
    let statement = match (statements.next().transpose()?, statements.next()) {
        (Some(only), None) => only,
        _ => text,
    };
    Ok(format!(
        "WITH larder_json_row_ AS (\n{statement}\n) \
         SELECT pg_catalog.to_jsonb(larder_json_row_) FROM larder_json_row_"
    ))
}

async fn scalars<T>(statement: Statement, connection: &mut Connection) -> QueryResult<Vec<T>>
where
    T: SqlValue + FromSql<T::SqlType, Pg>,
    Pg: HasSqlType<T::SqlType>,
{
    let mut rows = AsyncConnectionCore::load(connection, statement).await?;
    let mut values = Vec::new();
    while let Some(row) = rows.try_next().await? {
        values.push(scalar_of(&row)?);
    }
    Ok(values)
}

/// The first column of a row.
pub(crate) fn scalar_of<T>(row: &Row) -> QueryResult<T>
where
    T: SqlValue + FromSql<T::SqlType, Pg>,
    Pg: HasSqlType<T::SqlType>,
{
    let Some(field) = row.get(0) else {
        return Err(unreadable("the statement returns no column".to_owned()));
    };
    if !fits::<T>(field.type_oid()) {
        return Err(unreadable(format!(
            "the column `{}` is of type {}, which cannot be read as {}: ask for another type or cast it in the SQL",
            field.field_name().unwrap_or_default(),
            field.type_name(),
            std::any::type_name::<T>(),
        )));
    }
    T::from_nullable_sql(field.value()).map_err(DieselError::DeserializationError)
}

fn unreadable(problem: String) -> DieselError {
    DieselError::DeserializationError(problem.into())
}

fn explain<T>(result: QueryResult<T>, connection: &Connection) -> Result<T, Error> {
    result.map_err(|error| Error::of_statement(error, connection.last_server_error()))
}

/// A statement with all its values, as Diesel runs it.
pub(crate) struct Statement {
    text: String,
    binds: Vec<Box<dyn Parameter>>,
}

impl QueryFragment<Pg> for Statement {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.unsafe_to_cache_prepared();
        pass.push_sql(&self.text);
        self.binds
            .iter()
            .try_for_each(|bind| bind.push(pass.reborrow()))
    }
}

impl QueryId for Statement {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement {
    type SqlType = Untyped;
}

impl<C> diesel::RunQueryDsl<C> for Statement {}

/// A bound value whose type is known to nobody but itself.
trait Parameter: Send + Sync {
    fn push<'b>(&'b self, pass: AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

struct Typed<SqlType, Value>(Value, PhantomData<fn() -> SqlType>);

impl<SqlType, Value> Parameter for Typed<SqlType, Value>
where
    Pg: HasSqlType<SqlType>,
    Value: ToSql<SqlType, Pg> + Send + Sync,
{
    fn push<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_bind_param_value_only::<SqlType, _>(&self.0)
    }
}
