//! Reads on a connection of the pool.

use diesel::QueryResult;
use larder_database::Database;
use larder_pool::{AsyncClosure, Connection};

use crate::error::Result;

/// Runs queries on a connection of the pool, outside of any transaction. Their error keeps the
/// server's own words.
pub(crate) async fn read<R, F>(database: &Database, queries: F) -> Result<R>
where
    for<'c> F: AsyncFnOnce(&'c mut Connection) -> QueryResult<R>
        + AsyncClosure<&'c mut Connection, QueryResult<R>, Future: Send>
        + Send,
    R: Send,
{
    let mut session = database.session().await?;
    match queries(&mut session).await {
        Ok(found) => Ok(found),
        Err(error) => {
            let server = session.last_server_error();
            let error = larder_pool::Error::statement(error, server);
            Err(larder_database::Error::from(error).into())
        }
    }
}
