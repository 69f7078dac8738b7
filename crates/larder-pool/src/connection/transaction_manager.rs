//! How transactions begin and end.
//!
//! The manager speaks BEGIN, COMMIT, ROLLBACK and the savepoints, and nobody else
//! may. It refuses to take for a commit what the server made a rollback: PostgreSQL
//! answers COMMIT in a failed transaction with ROLLBACK, and with no error.

use std::borrow::Cow;
use std::num::NonZeroU32;

use diesel::QueryResult;
use diesel::connection::{
    InstrumentationEvent, TransactionDepthChange, TransactionManagerStatus,
    ValidTransactionManagerStatus,
};
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::Connection;
use super::link::came_after_a_failure;
use crate::server_error::ServerError;

/// Begins, commits and rolls back transactions on a [`Connection`].
#[derive(Debug, Clone, Copy)]
pub struct TransactionManager;

/// What a [`Connection`] knows of its transaction.
#[derive(Debug, Default)]
pub struct TransactionState {
    status: TransactionManagerStatus,
    /// A BEGIN, COMMIT, ROLLBACK or savepoint is on its way. If its future is dropped
    /// this stays set, and nobody knows any more what the server thinks.
    in_doubt: bool,
    commit_failure: Option<CommitFailure>,
}

/// Why a commit was none.
#[derive(Debug, Clone)]
pub(crate) enum CommitFailure {
    /// A statement had failed before; the transaction was rolled back.
    Aborted(Option<ServerError>),
    /// The server refused the commit itself, as it does for deferred constraints.
    Refused(ServerError),
    /// The connection was lost between COMMIT and its answer.
    Unknown(String),
}

impl TransactionState {
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.status.transaction_depth(), Ok(None))
    }

    /// Nothing is open and nothing is in doubt. A test transaction of Diesel's counts
    /// as nothing: it is meant to outlive the checkout.
    pub(crate) fn is_idle(&self) -> bool {
        let TransactionManagerStatus::Valid(status) = &self.status else {
            return false;
        };
        !self.in_doubt
            && status
                .in_transaction
                .as_ref()
                .is_none_or(|open| open.test_transaction)
    }

    /// The server has confirmed that no transaction is open.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn take_commit_failure(&mut self) -> Option<CommitFailure> {
        self.commit_failure.take()
    }

    fn valid(&mut self) -> QueryResult<&mut ValidTransactionManagerStatus> {
        if self.in_doubt {
            self.status.set_in_error();
        }
        self.status.transaction_state()
    }

    fn depth(&mut self) -> QueryResult<Option<NonZeroU32>> {
        Ok(self.valid()?.transaction_depth())
    }

    fn deepen(&mut self) -> QueryResult<()> {
        self.valid()?
            .change_transaction_depth(TransactionDepthChange::IncreaseDepth)
    }

    fn surface(&mut self) -> QueryResult<()> {
        self.valid()?
            .change_transaction_depth(TransactionDepthChange::DecreaseDepth)
    }
}

impl TransactionManager {
    /// Begins the outermost transaction with SQL of the caller's, such as
    /// `BEGIN ISOLATION LEVEL SERIALIZABLE`.
    ///
    /// # Errors
    ///
    /// If a transaction is open, or the server refuses.
    pub(crate) async fn begin_with(connection: &mut Connection, sql: &str) -> QueryResult<()> {
        if connection.transaction.depth()?.is_some() {
            return Err(DieselError::AlreadyInTransaction);
        }
        announce_begin(connection, NonZeroU32::MIN);
        connection.transaction.commit_failure = None;
        connection.link.forget_failures();
        send(connection, sql).await?;
        connection.transaction.deepen()
    }

    async fn commit_outermost(connection: &mut Connection) -> QueryResult<()> {
        if let Some(failure) = connection.link.failure() {
            Self::roll_back_outermost(connection).await?;
            return Err(not_committed(
                connection,
                CommitFailure::Aborted(Some(failure)),
            ));
        }
        // An answer that nobody read may have been an error. In a failed transaction
        // the SELECT fails and COMMIT is not reached.
        let sql = if connection.link.has_given_up() {
            "SELECT 1; COMMIT"
        } else {
            "COMMIT"
        };
        match send(connection, sql).await {
            Ok(()) => {
                connection.link.forget_failures();
                connection.transaction.surface()
            }
            Err(error) => Err(Self::commit_failed(connection, error).await),
        }
    }

    async fn commit_failed(connection: &mut Connection, error: DieselError) -> DieselError {
        let reply = connection
            .link
            .last_error()
            .filter(|reply| reply.is_reported_by(&error));
        match reply {
            Some(reply) if leaves_outcome_open(&reply) => {
                connection.transaction.status.set_in_error();
                not_committed(connection, CommitFailure::Unknown(reply.to_string()))
            }
            Some(reply) if came_after_a_failure(&reply) => {
                if let Err(error) = Self::roll_back_outermost(connection).await {
                    return error;
                }
                not_committed(connection, CommitFailure::Aborted(None))
            }
            Some(reply) => {
                // The server has ended the transaction with this error.
                connection.link.forget_failures();
                if let Err(error) = connection.transaction.surface() {
                    return error;
                }
                connection.transaction.commit_failure = Some(CommitFailure::Refused(reply));
                error
            }
            None => {
                connection.transaction.status.set_in_error();
                not_committed(connection, CommitFailure::Unknown(error.to_string()))
            }
        }
    }

    async fn roll_back_outermost(connection: &mut Connection) -> QueryResult<()> {
        let result = send(connection, "ROLLBACK").await;
        match result {
            Ok(()) => {
                connection.link.forget_failures();
                connection.transaction.surface()
            }
            Err(error) => {
                connection.transaction.status.set_in_error();
                Err(error)
            }
        }
    }

    async fn roll_back_to_savepoint(
        connection: &mut Connection,
        savepoint: u32,
    ) -> QueryResult<()> {
        // Released too, so that savepoints of the same name do not pile up in a loop.
        let sql = format!(
            "ROLLBACK TO SAVEPOINT larder_{savepoint}; RELEASE SAVEPOINT larder_{savepoint}"
        );
        match send(connection, &sql).await {
            Ok(()) => {
                connection.link.forget_failures();
                connection.transaction.surface()
            }
            Err(error) => {
                connection.transaction.status.set_in_error();
                Err(error)
            }
        }
    }

    async fn release_savepoint(connection: &mut Connection, savepoint: u32) -> QueryResult<()> {
        let failure = connection.link.failure();
        let released = if failure.is_some() {
            None
        } else {
            Some(send(connection, &format!("RELEASE SAVEPOINT larder_{savepoint}")).await)
        };
        match released {
            Some(Ok(())) => connection.transaction.surface(),
            Some(Err(error)) if connection.link.is_closed() => Err(error),
            _ => {
                Self::roll_back_to_savepoint(connection, savepoint).await?;
                Err(aborted(failure.as_ref()))
            }
        }
    }
}

impl diesel_async::TransactionManager<Connection> for TransactionManager {
    type TransactionStateData = TransactionState;

    async fn begin_transaction(connection: &mut Connection) -> QueryResult<()> {
        match connection.transaction.depth()? {
            None => Self::begin_with(connection, "BEGIN").await,
            Some(depth) => {
                announce_begin(connection, depth.saturating_add(1));
                send(connection, &format!("SAVEPOINT larder_{depth}")).await?;
                connection.transaction.deepen()
            }
        }
    }

    async fn rollback_transaction(connection: &mut Connection) -> QueryResult<()> {
        let depth = connection
            .transaction
            .depth()?
            .ok_or(DieselError::NotInTransaction)?;
        connection
            .instrumentation
            .on_connection_event(InstrumentationEvent::rollback_transaction(depth));
        match depth.get() {
            1 => Self::roll_back_outermost(connection).await,
            deeper => Self::roll_back_to_savepoint(connection, deeper - 1).await,
        }
    }

    async fn commit_transaction(connection: &mut Connection) -> QueryResult<()> {
        let depth = connection
            .transaction
            .depth()?
            .ok_or(DieselError::NotInTransaction)?;
        connection
            .instrumentation
            .on_connection_event(InstrumentationEvent::commit_transaction(depth));
        match depth.get() {
            1 => Self::commit_outermost(connection).await,
            deeper => Self::release_savepoint(connection, deeper - 1).await,
        }
    }

    fn transaction_manager_status_mut(
        connection: &mut Connection,
    ) -> &mut TransactionManagerStatus {
        &mut connection.transaction.status
    }

    fn is_broken_transaction_manager(connection: &mut Connection) -> bool {
        !connection.transaction.is_idle()
    }
}

/// Sends what begins or ends a transaction. Dropped on the way, it leaves the state in doubt.
async fn send(connection: &mut Connection, sql: &str) -> QueryResult<()> {
    connection.transaction.in_doubt = true;
    let result = connection.link.batch(sql).await;
    connection.transaction.in_doubt = false;
    result
}

fn announce_begin(connection: &mut Connection, depth: NonZeroU32) {
    connection
        .instrumentation
        .on_connection_event(InstrumentationEvent::begin_transaction(depth));
}

fn not_committed(connection: &mut Connection, failure: CommitFailure) -> DieselError {
    let error = match &failure {
        CommitFailure::Aborted(cause) => aborted(cause.as_ref()),
        CommitFailure::Refused(reply) => {
            DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(reply.clone()))
        }
        CommitFailure::Unknown(cause) => DieselError::DatabaseError(
            DatabaseErrorKind::ClosedConnection,
            Box::new(format!(
                "the connection was lost before COMMIT was answered: whether it took effect is not known: {cause}"
            )),
        ),
    };
    connection.transaction.commit_failure = Some(failure);
    error
}

fn aborted(cause: Option<&ServerError>) -> DieselError {
    let cause: Cow<'_, str> = match cause {
        Some(cause) => cause.to_string().into(),
        None => "its error was not read".into(),
    };
    DieselError::DatabaseError(
        DatabaseErrorKind::Unknown,
        Box::new(format!(
            "the transaction was rolled back: a statement in it had failed: {cause}"
        )),
    )
}

/// The codes by which the server itself says that it does not know
/// (40003 statement completion unknown, 08007 transaction resolution unknown).
fn leaves_outcome_open(error: &ServerError) -> bool {
    matches!(error.state().as_str(), "40003" | "08007")
        || matches!(error.severity(), "FATAL" | "PANIC")
}
