//! Transactions: a closure between BEGIN and COMMIT.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use diesel::result::Error as DieselError;
use diesel_async::TransactionManager as _;
use tokio::time::timeout;

use crate::connection::{CommitFailure, Notes};
use crate::retry::FailureCause;
use crate::session::Session;
use crate::{
    AsyncClosure, Connection, Error, Pool, ServerError, SqlState, TransactionManager,
    TransactionSettings, current, deadline,
};

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
#[derive(Clone)]
#[must_use = "a transaction does nothing until it is run"]
pub struct TransactionBuilder {
    pool: Pool,
    isolation_level: Option<IsolationLevel>,
    read_only: bool,
    deferrable: bool,
    settings: Option<TransactionSettings>,
    local_settings: Vec<(String, String)>,
}

/// Without the values of settings, which may be secret.
impl fmt::Debug for TransactionBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.local_settings.iter().map(|(name, _)| name).collect();
        formatter
            .debug_struct("TransactionBuilder")
            .field("pool", &self.pool)
            .field("isolation_level", &self.isolation_level)
            .field("read_only", &self.read_only)
            .field("deferrable", &self.deferrable)
            .field("settings", &self.settings)
            .field("local_settings", &names)
            .finish()
    }
}

impl TransactionBuilder {
    pub(crate) fn new(pool: Pool) -> Self {
        Self {
            pool,
            isolation_level: None,
            read_only: false,
            deferrable: false,
            settings: None,
            local_settings: Vec::new(),
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

    /// Runs it under these settings, which are set in the message that begins it.
    pub fn settings(mut self, settings: TransactionSettings) -> Self {
        self.settings = Some(settings);
        self
    }

    /// A setting of the server that holds until the end of the transaction, as `SET LOCAL`
    /// makes it: `statement_timeout`, or one of your own such as `app.tenant` that the policies
    /// of row-level security read. It is sent in the round trip of BEGIN, its value quoted.
    pub fn local_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.local_settings.push((name.into(), value.into()));
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
        let mut session = match Box::pin(self.begin()).await {
            Ok(session) => session,
            Err(failed) => return Err(failed.error),
        };
        let (pool, notes) = self.within(&session);
        let result = current::within(pool, notes, closure(&mut session)).await;
        Box::pin(self.end(session, result))
            .await
            .map_err(|failed| failed.error)
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// A connection of the pool, under the same settings.
    pub(crate) async fn session(&self) -> Result<Session, Error> {
        match &self.settings {
            Some(settings) => self.pool.session_with(settings).await,
            None => self.pool.session().await,
        }
    }

    /// Begins it on a connection of the pool.
    pub(crate) async fn begin<E>(&self) -> Result<Session, Failed<E>> {
        let session = self.pool.session().await;
        let mut session = session.map_err(Failed::before_it_began)?;
        session.set_transaction_settings(self.settings.clone());
        let sql = self.sql();
        let settings = &self.local_settings;
        let begun = TransactionManager::begin_with(&mut session, &sql, self.read_only, settings);
        match begun.await {
            Ok(()) => Ok(session),
            Err(error) => Err(Failed::before_it_began(statement_failed(&session, error))),
        }
    }

    /// What the closure runs within: the transaction of this pool, which takes notes.
    pub(crate) fn within(&self, session: &Session) -> (u64, Option<Arc<Notes>>) {
        let pool = self.pool.0.connector.shared().watch.id();
        (pool, Some(session.transaction.notes()))
    }

    /// Ends it as the closure has ended.
    pub(crate) async fn end<R, E>(
        &self,
        mut session: Session,
        result: Result<R, E>,
    ) -> Result<R, Failed<E>> {
        let (error, mut cause) = match result {
            Ok(value) => match self.commit(&mut session).await {
                Ok(()) => return Ok(value),
                Err(error) => {
                    let cause = FailureCause::of(&error);
                    (TransactionError::Pool(error), cause)
                }
            },
            Err(error) => {
                let cause = cause_of_failure(&session);
                let server = session.last_server_error();
                self.roll_back(&mut session).await;
                (TransactionError::Closure { error, server }, cause)
            }
        };
        let state = cause.server().map(ServerError::state);
        if self.read_only && state == Some(SqlState::READ_ONLY_TRANSACTION) {
            // That is what it was asked to do.
            cause = FailureCause::Other;
        }
        Err(Failed { error, cause })
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
            Some(CommitFailure::Lost(cause)) => Error::Lost {
                server: session.link().farewell().map(Box::new),
                cause,
            },
            Some(CommitFailure::Unknown(unknown)) => Error::CommitOutcomeUnknown(Box::new(unknown)),
            Some(CommitFailure::TooLate(limit)) => Error::DeadlineExceeded {
                limit,
                waited_for: Some("the closure of a transaction: nothing was committed"),
            },
            None => statement_failed(session, error),
        })
    }

    /// How it is begun, in SQL.
    fn sql(&self) -> String {
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
        if session.link().is_busy() && deadline::remaining() == Some(Duration::ZERO) {
            // The request has no time for it. The session ends what is open, in a task of its own.
            let observer = &self.pool.0.options.observer;
            session.transaction.given_up(observer);
            return;
        }
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

/// A transaction that did not take effect, and what decides whether it may be run again.
pub(crate) struct Failed<E> {
    pub(crate) error: TransactionError<E>,
    pub(crate) cause: FailureCause,
}

impl<E> Failed<E> {
    pub(crate) fn before_it_began(error: Error) -> Self {
        Self {
            cause: FailureCause::of(&error),
            error: TransactionError::Pool(error),
        }
    }
}

/// Why a transaction failed whose closure returned an error. What a savepoint has undone does
/// not count, and neither does an error with which the transaction could have been committed.
fn cause_of_failure(session: &Session) -> FailureCause {
    match session.link().failure() {
        Some(reply) => FailureCause::Server(Box::new(reply)),
        None if session.is_lost() => FailureCause::Lost,
        None => FailureCause::Other,
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

impl<E> TransactionError<E> {
    /// Adds why it was not run again, where there is something that takes it.
    pub(crate) fn add_note(&mut self, note: &str) {
        match self {
            Self::Closure { server, .. } => {
                if let Some(server) = server {
                    server.add_note(note);
                }
            }
            Self::Pool(error) => error.add_note(note),
        }
    }
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
