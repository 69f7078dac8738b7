//! Transactions with options, on a [`Database`](crate::Database).

use larder_pool::{AsyncClosure, Connection, IsolationLevel};

use crate::Database;
use crate::closure_error::{ClosureError, outcome};

/// A transaction with options.
///
/// # Examples
///
/// ```no_run
/// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
/// use diesel_async::RunQueryDsl;
/// use larder_pool::IsolationLevel;
///
/// db.build_transaction()
///     .isolation_level(IsolationLevel::Serializable)
///     .run(async |conn| diesel::sql_query("DELETE FROM carts WHERE stale").execute(conn).await)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a transaction does nothing until it is run"]
pub struct TransactionBuilder(
    pub(crate) larder_pool::TransactionBuilder,
    /// The handle that it was made with, where that is in a scope.
    pub(crate) Option<Database>,
);

impl TransactionBuilder {
    /// Sets the isolation level; without it the configured one holds.
    pub fn isolation_level(self, level: IsolationLevel) -> Self {
        Self(self.0.isolation_level(level), self.1)
    }

    /// Lets the server refuse every write.
    pub fn read_only(self) -> Self {
        Self(self.0.read_only(), self.1)
    }

    /// Waits for a moment at which the transaction cannot fail for serialisation. Takes
    /// effect together with serializable and read-only.
    pub fn deferrable(self) -> Self {
        Self(self.0.deferrable(), self.1)
    }

    /// Runs the closure in the transaction, as
    /// [`Database::transaction`](crate::Database::transaction) does.
    ///
    /// # Errors
    ///
    /// The closure's own, or why the transaction did not take effect.
    ///
    /// # Cancel safety
    ///
    /// Dropped before COMMIT was sent, it rolls back on the server. Dropped while
    /// COMMIT travels, the transaction may or may not have taken effect.
    pub async fn run<R, E, F>(self, closure: F) -> Result<R, E::Outcome>
    where
        for<'c> F: AsyncFnOnce(&'c mut Connection) -> Result<R, E>
            + AsyncClosure<&'c mut Connection, Result<R, E>, Future: Send>
            + Send,
        R: Send,
        E: ClosureError,
    {
        if let Some(database) = &self.1
            && let Some(scope) = database.request_scope()
        {
            let entered = database.inner().enter(scope).await;
            entered.map_err(E::outcome_of)?;
        }
        self.0.run(closure).await.map_err(outcome)
    }
}
