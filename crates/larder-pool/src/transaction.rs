//! Transactions: a closure between BEGIN and COMMIT.

use std::fmt;

use diesel::result::Error as DieselError;
use diesel_async::TransactionManager as _;
use tokio::time::timeout;

use crate::connection::CommitFailure;
use crate::session::Session;
use crate::{AsyncClosure, Connection, Error, Pool, ServerError, TransactionManager, current};

/// How much of other transactions a transaction sees. PostgreSQL treats READ
/// UNCOMMITTED as READ COMMITTED, so it is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsolationLevel {
    /// Each statement sees what was committed before it began.
    ReadCommitted,
    /// All statements see what was committed before the first began.
    RepeatableRead,
    /// As if transactions ran one after the other.
    Serializable,
}

impl IsolationLevel {
    /// The level in SQL.
    pub fn as_sql(self) -> &'static str {
        match self {
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        }
    }
}

/// A transaction with options.
///
/// # Examples
///
/// ```no_run
/// # async fn example(pool: larder_pool::Pool) -> Result<(), Box<dyn std::error::Error>> {
/// use diesel::sql_types::BigInt;
/// use diesel_async::RunQueryDsl;
/// use larder_pool::IsolationLevel;
///
/// let one = pool
///     .build_transaction()
///     .isolation_level(IsolationLevel::RepeatableRead)
///     .read_only()
///     .run(async |conn| diesel::select(1_i64.into_sql::<BigInt>()).get_result::<i64>(conn).await)
///     .await?;
/// # use diesel::IntoSql;
/// # assert_eq!(one, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a transaction does nothing until it is run"]
pub struct TransactionBuilder {
    pool: Pool,
    isolation_level: Option<IsolationLevel>,
    read_only: bool,
    deferrable: bool,
}

impl TransactionBuilder {
    pub(crate) fn new(pool: Pool) -> Self {
        Self {
            pool,
            isolation_level: None,
            read_only: false,
            deferrable: false,
        }
    }

    /// Sets the isolation level; without it the connection's default holds.
    pub fn isolation_level(mut self, level: IsolationLevel) -> Self {
        self.isolation_level = Some(level);
        self
    }

    /// Lets the server refuse every write (SQLSTATE 25006).
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Waits, before the first statement, for a moment at which the transaction cannot
    /// fail for serialisation. Takes effect with [`IsolationLevel::Serializable`] and
    /// [`read_only`](Self::read_only) only.
    pub fn deferrable(mut self) -> Self {
        self.deferrable = true;
        self
    }

    /// Runs the closure in the transaction, as [`Pool::transaction`] does.
    ///
    /// # Errors
    ///
    /// As [`Pool::transaction`].
    ///
    /// # Cancel safety
    ///
    /// As [`Pool::transaction`].
    pub async fn run<R, E, F>(self, closure: F) -> Result<R, TransactionError<E>>
    where
        for<'c> F: AsyncFnOnce(&'c mut Connection) -> Result<R, E>
            + AsyncClosure<&'c mut Connection, Result<R, E>, Future: Send>
            + Send,
        R: Send,
        E: Send,
    {
        let mut session = self.pool.session().await.map_err(TransactionError::Pool)?;
        let begin = self.begin();
        let begun = TransactionManager::begin_with(&mut session, &begin, self.read_only);
        if let Err(error) = begun.await {
            return Err(TransactionError::Pool(statement_failed(&session, error)));
        }
        let pool = self.pool.0.connector.shared().watch.id();
        let notes = session.transaction.notes();
        match current::within(pool, Some(notes), closure(&mut session)).await {
            Ok(value) => match self.commit(&mut session).await {
                Ok(()) => Ok(value),
                Err(error) => Err(TransactionError::Pool(error)),
            },
            Err(error) => {
                let server = session.last_server_error();
                self.roll_back(&mut session).await;
                Err(TransactionError::Closure { error, server })
            }
        }
    }

    async fn commit(&self, session: &mut Session) -> Result<(), Error> {
        if matches!(session.transaction.level(), Ok(2..)) {
            self.roll_back(session).await;
            return Err(Error::GivenUpInside);
        }
        let Err(error) = TransactionManager::commit_transaction(session).await else {
            return Ok(());
        };
        Err(match session.transaction.take_commit_failure() {
            Some(CommitFailure::Aborted(cause)) => Error::Aborted {
                cause: cause.map(Box::new),
            },
            Some(CommitFailure::Refused(reply)) => Error::CommitRefused(Box::new(reply)),
            Some(CommitFailure::Lost(cause)) => Error::Lost { cause },
            Some(CommitFailure::Unknown(unknown)) => Error::CommitOutcomeUnknown(Box::new(unknown)),
            None => statement_failed(session, error),
        })
    }

    fn begin(&self) -> String {
        let mut sql = String::from("BEGIN");
        if let Some(level) = self.isolation_level {
            sql.push_str(" ISOLATION LEVEL ");
            sql.push_str(level.as_sql());
        }
        if self.read_only {
            sql.push_str(" READ ONLY");
        }
        if self.deferrable {
            sql.push_str(" DEFERRABLE");
        }
        sql
    }

    /// Rolls back. Should this fail, the session is not clean and ends the transaction its
    /// own way: the caller gets the error that led here.
    async fn roll_back(&self, session: &mut Session) {
        let limit = self.pool.0.options.rollback_timeout;
        match timeout(limit, TransactionManager::unwind(session, 0)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "failed to roll back: closing the connection");
                session.condemn();
            }
            Err(_) => tracing::warn!("failed to roll back within {limit:?}"),
        }
        let observer = &self.pool.0.options.observer;
        session.transaction.given_up(observer);
    }
}

fn statement_failed(session: &Session, error: DieselError) -> Error {
    Error::statement(error, session.last_server_error())
}

/// Why a transaction did not take effect.
#[derive(Debug)]
pub enum TransactionError<E> {
    /// The closure returned this error; the transaction was rolled back.
    Closure {
        /// What the closure returned.
        error: E,
        /// The last error that the server had reported on the connection, which is
        /// often the one that the closure passed on.
        server: Option<ServerError>,
    },
    /// No connection could be had, or the transaction could not begin or did not commit.
    Pool(Error),
}

impl<E: fmt::Display> fmt::Display for TransactionError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closure { error, .. } => error.fmt(formatter),
            Self::Pool(error) => error.fmt(formatter),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for TransactionError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Closure { error, .. } => error.source(),
            Self::Pool(error) => error.source(),
        }
    }
}
