//! Running closures until they succeed or the policy gives up.

use super::attempts::Attempts;
use super::policy::RetryPolicy;
use super::reason::{FailureCause, RetryableError};
use crate::session::Session;
use crate::transaction::{Failed, IsolationLevel, TransactionBuilder, TransactionError};
use crate::{Connection, Pool, RepeatableClosure, current};

/// Runs closures again while they fail for a [reason](super::RetryReason) that allows it.
///
/// Inside a transaction of the same pool, and inside another retry, nothing is run again by
/// itself: what is around it would have to be, and its error says so.
///
/// # Examples
///
/// ```no_run
/// # async fn example(pool: larder_pool::Pool) -> Result<(), Box<dyn std::error::Error>> {
/// use diesel_async::RunQueryDsl;
/// use larder_pool::{IsolationLevel, RetryPolicy};
///
/// pool.retry(RetryPolicy::default())
///     .named("close_day")
///     .isolation_level(IsolationLevel::Serializable)
///     .transaction(async |conn| diesel::sql_query("UPDATE days SET closed = true").execute(conn).await)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "it does nothing until something is run by it"]
pub struct Retry {
    pool: Pool,
    transaction: TransactionBuilder,
    policy: RetryPolicy,
    name: &'static str,
}

impl Pool {
    /// Runs what may fail for reasons that pass: a deadlock, a serialization failure, a lost
    /// connection. What the policy leaves open is as the pool has it.
    pub fn retry(&self, policy: RetryPolicy) -> Retry {
        self.build_transaction().retry(policy)
    }
}

impl TransactionBuilder {
    /// Runs the transaction again while it fails for a reason that allows it: by
    /// [`Retry::transaction`].
    pub fn retry(self, policy: RetryPolicy) -> Retry {
        Retry {
            pool: self.pool().clone(),
            transaction: self,
            policy,
            name: "unnamed",
        }
    }
}

impl Retry {
    /// The name under which metrics and logs show what is run. They keep a series for each name,
    /// so it is one that stands in the program.
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// The isolation level of the transaction.
    pub fn isolation_level(mut self, level: IsolationLevel) -> Self {
        self.transaction = self.transaction.isolation_level(level);
        self
    }

    /// Lets the server refuse every write of the transaction.
    pub fn read_only(mut self) -> Self {
        self.transaction = self.transaction.read_only();
        self
    }

    /// As [`TransactionBuilder::deferrable`].
    pub fn deferrable(mut self) -> Self {
        self.transaction = self.transaction.deferrable();
        self
    }

    /// Runs the closure in a transaction, as [`Pool::transaction`] does. Where that fails and
    /// nothing has taken effect, the whole closure runs again in another transaction.
    ///
    /// What decides is the error of the server with which the transaction failed, also where the
    /// closure returns an error of its own for it. An error that the closure has overcome, by a
    /// savepoint that was rolled back, is none. A commit whose outcome is not known is never run
    /// again.
    ///
    /// # Errors
    ///
    /// Those of [`Pool::transaction`], of the last attempt. The [note](crate::ServerError::note)
    /// of the server's error says why there was no further one.
    ///
    /// # Cancel safety
    ///
    /// As [`Pool::transaction`]. Dropped in a pause, nothing has taken effect.
    pub async fn transaction<R, E, F>(self, closure: F) -> Result<R, TransactionError<E>>
    where
        for<'c> F: AsyncFn(&'c mut Connection) -> Result<R, E>
            + RepeatableClosure<&'c mut Connection, Result<R, E>, Future: Send>
            + Send
            + Sync,
        R: Send,
        E: Send,
    {
        let mut attempts = Attempts::begin(&self.pool, &self.policy, self.name);
        loop {
            let attempt = Box::pin(async {
                let mut session = self.transaction.begin().await?;
                let within = self.transaction.within(&session);
                let result = current::within(within.0, within.1, closure(&mut session)).await;
                self.transaction.end(session, result).await
            });
            let Failed { mut error, cause } = match attempts.attempt(attempt).await {
                Ok(value) => {
                    attempts.succeeded();
                    return Ok(value);
                }
                Err(failed) => failed,
            };
            match attempts.next(&cause).await {
                Some(Ok(())) => {}
                Some(Err(gave_up)) => {
                    error.add_note(&gave_up.0);
                    return Err(error);
                }
                None => return Err(error),
            }
        }
    }

    /// Runs a closure of reads on a connection, outside of any transaction. It is run again only
    /// while no statement of it that may write was sent: what that wrote would stay.
    ///
    /// # Errors
    ///
    /// The closure's own, or why no connection could be had; those of the last attempt.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the statement that is running is ended on the server.
    pub async fn read<R, E, F>(self, closure: F) -> Result<R, TransactionError<E>>
    where
        for<'c> F: AsyncFn(&'c mut Connection) -> Result<R, E>
            + RepeatableClosure<&'c mut Connection, Result<R, E>, Future: Send>
            + Send
            + Sync,
        R: Send,
        E: Send,
    {
        let mut attempts = Attempts::begin(&self.pool, &self.policy, self.name);
        loop {
            let attempt = Box::pin(async {
                let session = self.transaction.session().await;
                let mut session = session.map_err(Failed::before_it_began)?;
                let result = closure(&mut session).await;
                result.map_err(|error| Failed {
                    cause: cause_of_read(&session),
                    error: TransactionError::Closure {
                        error,
                        server: session.last_server_error(),
                    },
                })
            });
            let Failed { mut error, cause } = match attempts.attempt(attempt).await {
                Ok(value) => {
                    attempts.succeeded();
                    return Ok(value);
                }
                Err(failed) => failed,
            };
            match attempts.next(&cause).await {
                Some(Ok(())) => {}
                Some(Err(gave_up)) => {
                    error.add_note(&gave_up.0);
                    return Err(error);
                }
                None => return Err(error),
            }
        }
    }

    /// Runs any async function again while it fails with an error of the pool that allows it.
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
    pub async fn run<R, E, F, Fut>(self, function: F) -> Result<R, E>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<R, E>> + Send,
        R: Send,
        E: RetryableError + Send,
    {
        let mut attempts = Attempts::begin(&self.pool, &self.policy, self.name);
        loop {
            let error = match attempts.attempt(Box::pin(function())).await {
                Ok(value) => {
                    attempts.succeeded();
                    return Ok(value);
                }
                Err(error) => error,
            };
            let cause = error
                .pool_error()
                .map_or(FailureCause::Other, FailureCause::of);
            match attempts.next(&cause).await {
                Some(Ok(())) => {}
                Some(Err(_)) | None => return Err(error),
            }
        }
    }
}

/// Why reads outside of a transaction failed, if they may be run again.
fn cause_of_read(session: &Session) -> FailureCause {
    if session.link().has_written() {
        return FailureCause::Other;
    }
    match session.link().latest_error() {
        Some(reply) => FailureCause::Server(Box::new(reply)),
        None if session.is_lost() => FailureCause::Lost,
        None => FailureCause::Other,
    }
}
