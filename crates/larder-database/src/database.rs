//! The database of a service.

use std::sync::Arc;
use std::time::Duration;

use larder_pool::{AsyncClosure, Connection, Pool, PoolStatus, Session};

use crate::closure_error::{ClosureError, outcome};
use crate::sql::{BoundSql, sql};
use crate::transaction::TransactionBuilder;
use crate::{DatabaseOptions, Error};

/// A database: sessions, transactions, raw SQL. Clones share the same pool.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> Result<(), larder_database::Error> {
/// use diesel_async::RunQueryDsl;
/// use larder_database::{Database, DatabaseOptions};
///
/// let db = Database::open(DatabaseOptions::from_url("postgres://app@localhost/shop")?).await?;
///
/// // Commits on Ok, rolls back on anything else.
/// db.transaction(async |conn| diesel::sql_query("DELETE FROM carts").execute(conn).await)
///     .await?;
///
/// // Parameters have names and are bound, never spliced.
/// let rows = db.sql("SELECT * FROM carts WHERE owner = :owner").bind("owner", 7_i64).fetch_json().await?;
/// # drop(rows);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Database {
    pool: Pool,
    server_version: Arc<str>,
}

impl Database {
    /// Connects. The first connection is made here, so that wrong settings show at once.
    ///
    /// # Errors
    ///
    /// If no connection can be made; the error says where to and why.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it closes what it opened.
    pub async fn open(options: DatabaseOptions) -> Result<Self, Error> {
        let pool = Pool::open(options.connect, options.pool).await?;
        let server_version = sql("SHOW server_version")
            .fetch_scalar_on::<String>(&mut *pool.session().await?)
            .await?;
        Ok(Self {
            pool,
            server_version: server_version.into(),
        })
    }

    /// The version of the server, such as `17.5`.
    pub fn server_version(&self) -> &str {
        &self.server_version
    }

    /// A connection for several statements that each commit by themselves.
    ///
    /// # Errors
    ///
    /// If none becomes free in time, a new one is refused for good, or the database is
    /// shut down.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves the queue and takes nothing with it.
    pub async fn session(&self) -> Result<Session, Error> {
        Ok(self.pool.session().await?)
    }

    /// Runs a closure of reads on a connection, outside of any transaction. What it
    /// would write commits by itself.
    ///
    /// # Errors
    ///
    /// The closure's own, or why no connection could be had. See [`ClosureError`] for the
    /// types: an error of Diesel's comes out with the server's own words.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the statement that is running is ended on the server.
    pub async fn read<R, E, F>(&self, closure: F) -> Result<R, E::Outcome>
    where
        for<'c> F: AsyncFnOnce(&'c mut Connection) -> Result<R, E>
            + AsyncClosure<&'c mut Connection, Result<R, E>, Future: Send>
            + Send,
        R: Send,
        E: ClosureError,
    {
        let mut session = self.session().await.map_err(E::outcome_of)?;
        match closure(&mut session).await {
            Ok(value) => Ok(value),
            Err(error) => Err(error.into_outcome(session.last_server_error())),
        }
    }

    /// Runs a closure in a transaction: commits if it returns `Ok`, rolls back on
    /// `Err`, on a panic and when the future is dropped. Inside, `conn.transaction`
    /// makes a savepoint.
    ///
    /// A closure that uses `?` has to name its error once, as every async block does:
    /// `Ok::<_, larder::Error>(value)`. [`ClosureError`] says which errors it may be.
    ///
    /// # Errors
    ///
    /// The closure's own, or why the transaction did not take effect. See
    /// [`ClosureError`] for the types.
    ///
    /// # Cancel safety
    ///
    /// Dropped before COMMIT was sent, it rolls back on the server. Dropped while
    /// COMMIT travels, the transaction may or may not have taken effect.
    pub async fn transaction<R, E, F>(&self, closure: F) -> Result<R, E::Outcome>
    where
        for<'c> F: AsyncFnOnce(&'c mut Connection) -> Result<R, E>
            + AsyncClosure<&'c mut Connection, Result<R, E>, Future: Send>
            + Send,
        R: Send,
        E: ClosureError,
    {
        self.pool.transaction(closure).await.map_err(outcome)
    }

    /// A transaction with options: read-only, isolation level, deferrable.
    pub fn build_transaction(&self) -> TransactionBuilder {
        TransactionBuilder(self.pool.build_transaction())
    }

    /// Raw SQL with `:named` parameters.
    pub fn sql(&self, text: impl Into<String>) -> BoundSql<'_> {
        BoundSql::new(self, sql(text))
    }

    /// The state of the pool now.
    pub fn pool_status(&self) -> PoolStatus {
        self.pool.status()
    }

    /// Lets nobody in any more, waits for the sessions in use and closes all connections.
    ///
    /// # Errors
    ///
    /// If sessions were still in use at the deadline; their connections are closed then.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the database stays closed for newcomers; calling it again waits on.
    pub async fn shutdown(&self, deadline: Duration) -> Result<(), Error> {
        Ok(self.pool.shutdown(deadline).await?)
    }
}
