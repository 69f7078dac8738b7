//! Raw SQL that runs by the shortest way: on a lane if it only reads, else on a connection of
//! the pool.

use diesel::QueryResult;
use diesel::deserialize::{FromSqlRow, QueryableByName};
use diesel::pg::Pg;
use diesel::result::Error as DieselError;
use diesel::sql_types::Untyped;
use futures::TryStreamExt;
use larder_pool::{OwnedQuery, Row};

use super::statement::{Shape, Sql};
use crate::{Database, Error};

/// Runs it and gives what becomes of each of its rows.
pub(super) async fn read<T>(
    database: &Database,
    sql: Sql,
    shape: Shape,
    decode: fn(&Row) -> QueryResult<T>,
) -> Result<Vec<T>, Error> {
    let inner = database.inner();
    let query = OwnedQuery::of(&sql.resolve(shape)?, &inner.pool)?;
    // What a scope sets holds in a transaction of its own, which lanes do not have.
    let read = match database.request_scope() {
        None => inner.read_on_lane(query).await?,
        Some(_) => Err(query),
    };
    let query = match read {
        Ok(rows) => {
            let values = rows.iter().map(decode).collect::<QueryResult<_>>();
            return Ok(values?);
        }
        Err(query) => query,
    };
    // On the heap: it is as large as the way by a lane, and only one of them is taken.
    Box::pin(read_in_session(database, query, decode)).await
}

async fn read_in_session<T>(
    database: &Database,
    query: OwnedQuery,
    decode: fn(&Row) -> QueryResult<T>,
) -> Result<Vec<T>, Error> {
    let mut session = database.session().await?;
    let result = async {
        let mut rows = session.load_owned(query).await?;
        let mut values = Vec::new();
        while let Some(row) = rows.try_next().await? {
            values.push(decode(&row)?);
        }
        Ok(values)
    };
    let result: QueryResult<_> = result.await;
    result.map_err(|error| Error::of_statement(error, session.last_server_error()))
}

/// A row as it is asked for by the names of its columns.
pub(super) fn by_name<T: QueryableByName<Pg>>(row: &Row) -> QueryResult<T> {
    <T as FromSqlRow<Untyped, Pg>>::build_from_row(row).map_err(DieselError::DeserializationError)
}
