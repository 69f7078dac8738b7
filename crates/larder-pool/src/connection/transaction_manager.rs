//! How transactions begin and end.
//!
//! The manager speaks BEGIN, COMMIT, ROLLBACK and the savepoints, and nobody else
//! may. It refuses to take for a commit what the server made a rollback: PostgreSQL
//! answers COMMIT in a failed transaction with ROLLBACK, and with no error.

use std::borrow::Cow;
use std::num::NonZeroU32;

use diesel::QueryResult;
use diesel::connection::{
    Instrumentation as _, InstrumentationEvent, TransactionDepthChange, TransactionManagerStatus,
    ValidTransactionManagerStatus,
};
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::Connection;
use super::effects::{self, TransactionEffects};
use super::link::came_after_a_failure;
use crate::observer::Observer;
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
    /// COMMIT was sent. If its answer is never read, what was written may have taken effect.
    commit_sent: bool,
    commit_failure: Option<CommitFailure>,
    pub(super) effects: TransactionEffects,
}

/// Why a commit was none.
#[derive(Debug, Clone)]
pub(crate) enum CommitFailure {
    /// A statement had failed before; the transaction was rolled back.
    Aborted(Option<ServerError>),
    /// The connection was lost before COMMIT was sent, so nothing took effect.
    Lost(String),
    /// The server refused the commit itself, as it does for deferred constraints.
    Refused(ServerError),
    /// The connection was lost between COMMIT and its answer.
    Unknown(String),
}

impl TransactionState {
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.status.transaction_depth(), Ok(None))
    }

    /// Nothing is open and nothing is in doubt.
    pub(crate) fn is_idle(&self) -> bool {
        !self.in_doubt && !self.is_open()
    }

    /// How deep the transactions are nested: 0 without any.
    pub(crate) fn level(&mut self) -> QueryResult<u32> {
        Ok(self.depth()?.map_or(0, NonZeroU32::get))
    }

    /// The server has confirmed that no transaction is open, without saying how it ended.
    pub(crate) fn reset(&mut self, observer: &Observer) {
        let mut ended = std::mem::take(self);
        if !ended.commit_sent {
            effects::run(ended.effects.roll_back_all());
            return;
        }
        let (written, _) = ended.effects.take();
        if !written.is_empty() {
            observer.tell(|observer| observer.committed(&written));
        }
    }

    /// The connection is lost, and with it what was not committed.
    pub(crate) fn lose(&mut self, observer: &Observer) {
        if !self.effects.is_open() {
            return;
        }
        if self.commit_sent {
            self.doubt(observer);
        } else {
            effects::run(self.effects.roll_back_all());
        }
    }

    /// The outcome of the commit is not known, and may never be.
    fn doubt(&mut self, observer: &Observer) {
        self.commit_sent = false;
        let (written, _) = self.effects.take();
        if !written.is_empty() {
            observer.tell(|observer| observer.in_doubt(&written));
        }
    }

    /// The commit has taken effect.
    fn committed(&mut self, observer: &Observer) {
        self.commit_sent = false;
        let (written, hooks) = self.effects.take();
        if !written.is_empty() {
            observer.tell(|observer| observer.committed(&written));
        }
        effects::run(hooks);
    }

    fn rolled_back(&mut self) {
        self.commit_sent = false;
        effects::run(self.effects.roll_back_all());
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
        self.effects.deepen();
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

    /// Ends what was begun above a level: a nested transaction whose future was dropped is
    /// still open, whatever has run since.
    ///
    /// # Errors
    ///
    /// If the server does not roll back.
    pub(crate) async fn unwind(connection: &mut Connection, level: u32) -> QueryResult<()> {
        while connection.transaction.level()? > level {
            <Self as diesel_async::TransactionManager<Connection>>::rollback_transaction(
                connection,
            )
            .await?;
        }
        Ok(())
    }

    async fn commit_outermost(connection: &mut Connection) -> QueryResult<()> {
        if let Some(failure) = connection.link.failure() {
            // Whether or not the server hears of it: there is nothing to commit.
            let _ = Self::roll_back_outermost(connection).await;
            return Err(not_committed(
                connection,
                CommitFailure::Aborted(Some(failure)),
            ));
        }
        if connection.link.is_closed() {
            let cause = connection.link.lost().unwrap_or("closed").to_owned();
            connection.transaction.status.set_in_error();
            connection.transaction.rolled_back();
            return Err(not_committed(connection, CommitFailure::Lost(cause)));
        }
        // An answer that nobody read may have been an error. In a failed transaction
        // the SELECT fails and COMMIT is not reached.
        let unread = connection.link.has_given_up() || connection.link.is_busy();
        let sql = if unread { "SELECT 1; COMMIT" } else { "COMMIT" };
        connection.transaction.commit_sent = true;
        match send(connection, sql).await {
            Ok(()) => {
                connection.link.forget_failures();
                let watch = connection.link.watch();
                connection.transaction.committed(&watch.observer);
                connection.transaction.surface()
            }
            Err(error) => Err(Self::commit_failed(connection, error, unread).await),
        }
    }

    async fn commit_failed(
        connection: &mut Connection,
        error: DieselError,
        unread: bool,
    ) -> DieselError {
        let reply = connection
            .link
            .last_error()
            .filter(|reply| reply.is_reported_by(&error));
        let failure = match reply {
            Some(reply) if leaves_outcome_open(&reply) => CommitFailure::Unknown(reply.to_string()),
            Some(reply) if came_after_a_failure(&reply) => CommitFailure::Aborted(None),
            Some(reply) => CommitFailure::Refused(reply),
            None => CommitFailure::Unknown(error.to_string()),
        };
        let ended = match failure {
            CommitFailure::Unknown(_) => {
                connection.transaction.status.set_in_error();
                let watch = connection.link.watch();
                connection.transaction.doubt(&watch.observer);
                Ok(())
            }
            // The error was perhaps not that of COMMIT; a ROLLBACK too many does no harm.
            _ if unread => Self::roll_back_outermost(connection).await,
            _ => {
                connection.link.forget_failures();
                connection.transaction.rolled_back();
                connection.transaction.surface()
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "failed to end a transaction that was not committed");
        }
        not_committed(connection, failure)
    }

    async fn roll_back_outermost(connection: &mut Connection) -> QueryResult<()> {
        let result = send(connection, "ROLLBACK").await;
        match result {
            Ok(()) => {
                connection.link.forget_failures();
                connection.transaction.rolled_back();
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
                effects::run(connection.transaction.effects.roll_back());
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
            Some(Ok(())) => {
                connection.transaction.effects.release();
                connection.transaction.surface()
            }
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

    /// A test transaction of Diesel's is not broken, however long it stays open.
    fn is_broken_transaction_manager(connection: &mut Connection) -> bool {
        let is_test = |status: &TransactionManagerStatus| match status {
            TransactionManagerStatus::Valid(status) => status
                .in_transaction
                .as_ref()
                .is_some_and(|open| open.test_transaction),
            TransactionManagerStatus::InError => false,
        };
        let transaction = &connection.transaction;
        !transaction.is_idle() && (transaction.in_doubt || !is_test(&transaction.status))
    }
}

/// Sends what begins or ends a transaction. Without an answer, because the future was
/// dropped or the deadline passed, the state stays in doubt.
async fn send(connection: &mut Connection, sql: &str) -> QueryResult<()> {
    connection.transaction.in_doubt = true;
    let result = connection.link.batch(sql).await;
    connection.transaction.in_doubt = connection.link.is_busy();
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
        CommitFailure::Lost(cause) => DieselError::DatabaseError(
            DatabaseErrorKind::ClosedConnection,
            Box::new(format!(
                "the connection was lost before COMMIT was sent, so nothing took effect: {cause}"
            )),
        ),
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

/// The closure of a transaction ended well, but a transaction inside it never ended.
pub(super) fn given_up_inside() -> DieselError {
    DieselError::DatabaseError(
        DatabaseErrorKind::Unknown,
        Box::new(
            "the transaction was rolled back: a transaction inside it was given up before its end"
                .to_owned(),
        ),
    )
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

/// The codes by which the server itself says that it does not know (40003 statement
/// completion unknown, 08007 transaction resolution unknown), and those with which it
/// hangs up (class 08, and 57P01 to 57P03), perhaps after it has committed.
fn leaves_outcome_open(error: &ServerError) -> bool {
    error.ends_connection()
        || error.state().class() == "08"
        || matches!(
            error.state().as_str(),
            "40003" | "57P01" | "57P02" | "57P03"
        )
}
