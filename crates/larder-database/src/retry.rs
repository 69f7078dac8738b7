//! Running again what failed for a reason that passes, on a [`Database`](crate::Database).

use larder_pool::{Connection, IsolationLevel, RepeatableClosure, RetryPolicy, RetryableError};

use crate::closure_error::{ClosureError, outcome};
use crate::{Database, Error, TransactionBuilder};

/// Runs work again while it fails for a reason that allows it: a deadlock, a serialization
/// failure, a lost connection. Made by [`Database::retry`].
///
/// A retry never runs a closure again if its earlier run may have taken effect, and all retries
/// together stay within the budget of the pool. Inside a transaction of the same database, and
/// inside another retry, nothing is run again by itself: what is around it would have to be.
///
/// # Examples
///
/// ```no_run
/// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
/// use diesel_async::RunQueryDsl;
/// use larder_database::{IsolationLevel, RetryPolicy};
///
/// db.retry(RetryPolicy::default().retries(5))
///     .named("transfer")
///     .isolation_level(IsolationLevel::Serializable)
///     .transaction(async |conn| {
///         diesel::sql_query("UPDATE accounts SET balance = balance - 10 WHERE id = 1")
///             .execute(conn)
///             .await?;
///         diesel::sql_query("UPDATE accounts SET balance = balance + 10 WHERE id = 2")
///             .execute(conn)
///             .await
///     })
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "it does nothing until something is run by it"]
pub struct Retry(
    larder_pool::Retry,
    /// The handle that it was made with, where that is in a scope.
    Option<Database>,
);

impl Database {
    /// Runs work again while it fails for a reason that passes. What the policy leaves open is
    /// as the settings have it (section `retry`).
    pub fn retry(&self, policy: RetryPolicy) -> Retry {
        self.build_transaction().retry(policy)
    }
}

impl TransactionBuilder {
    /// Runs the transaction again while it fails for a reason that passes: by
    /// [`Retry::transaction`].
    pub fn retry(self, policy: RetryPolicy) -> Retry {
        Retry(self.0.retry(policy), self.1)
    }
}

impl Retry {
    /// The name under which metrics and logs show what is run. They keep a series for each name,
    /// so it is one that stands in the program.
    pub fn named(self, name: &'static str) -> Self {
        Self(self.0.named(name), self.1)
    }

    /// The isolation level of the transaction.
    pub fn isolation_level(self, level: IsolationLevel) -> Self {
        Self(self.0.isolation_level(level), self.1)
    }

    /// Lets the server refuse every write of the transaction.
    pub fn read_only(self) -> Self {
        Self(self.0.read_only(), self.1)
    }

    /// As [`TransactionBuilder::deferrable`].
    pub fn deferrable(self) -> Self {
        Self(self.0.deferrable(), self.1)
    }

    /// Runs the closure in a transaction, as [`Database::transaction`] does. Where that fails
    /// and nothing has taken effect, the whole closure runs again in another transaction.
    ///
    /// What decides is the error of the server with which the transaction failed, also where the
    /// closure returns an error of its own for it. A commit whose outcome is not known is never
    /// run again: [`Database::commit_outcome`] asks the server.
    ///
    /// # Errors
    ///
    /// As [`Database::transaction`], of the last attempt. The note of the server's error says why
    /// there was no further one.
    ///
    /// # Cancel safety
    ///
    /// As [`Database::transaction`]. Dropped in a pause between two attempts, nothing has taken
    /// effect.
    pub async fn transaction<R, E, F>(self, closure: F) -> Result<R, E::Outcome>
    where
        for<'c> F: AsyncFn(&'c mut Connection) -> Result<R, E>
            + RepeatableClosure<&'c mut Connection, Result<R, E>, Future: Send>
            + Send
            + Sync,
        R: Send,
        E: ClosureError,
    {
        self.enter().await.map_err(E::outcome_of)?;
        self.0.transaction(closure).await.map_err(outcome)
    }

    /// Runs a closure of reads on a connection, as [`Database::read`] does. It is run again only
    /// while no statement of it that may write was sent: what that wrote would stay.
    ///
    /// # Errors
    ///
    /// As [`Database::read`], of the last attempt.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the statement that is running is ended on the server.
    pub async fn read<R, E, F>(self, closure: F) -> Result<R, E::Outcome>
    where
        for<'c> F: AsyncFn(&'c mut Connection) -> Result<R, E>
            + RepeatableClosure<&'c mut Connection, Result<R, E>, Future: Send>
            + Send
            + Sync,
        R: Send,
        E: ClosureError,
    {
        self.enter().await.map_err(E::outcome_of)?;
        self.0.read(closure).await.map_err(outcome)
    }

    /// Runs any async function again while it fails with an error of the database that allows
    /// it.
    ///
    /// What the function did before it failed stays: it has to be one that does no harm when it
    /// runs twice. For writes, [`transaction`](Self::transaction) takes care of that.
    ///
    /// # Errors
    ///
    /// The function's own, of the last attempt.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it drops the function's future.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
    /// use larder_database::RetryPolicy;
    ///
    /// let orders: i64 = db
    ///     .retry(RetryPolicy::default())
    ///     .run(async || db.sql("SELECT count(*) FROM orders").fetch_scalar().await)
    ///     .await?;
    /// # drop(orders);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run<R, E, F, Fut>(self, function: F) -> Result<R, E>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<R, E>> + Send,
        R: Send,
        E: RetryableError + Send,
    {
        self.0.run(function).await
    }

    /// Enters the scope of the handle, if it is in one.
    async fn enter(&self) -> Result<(), Error> {
        match &self.1 {
            Some(database) => match database.request_scope() {
                Some(scope) => database.inner().enter(scope).await,
                None => Ok(()),
            },
            None => Ok(()),
        }
    }
}

impl RetryableError for Error {
    fn pool_error(&self) -> Option<&larder_pool::Error> {
        match self {
            Self::Pool(error) => Some(error),
            Self::Shared(error) => error.pool_error(),
            _ => None,
        }
    }
}
