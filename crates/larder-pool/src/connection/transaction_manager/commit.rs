//! The commit: what has to take effect together with it, and what became of it.

use std::time::Duration;

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use larder_sql::StatementKind;

use super::{TransactionManager, TransactionState, aborted, send};
use crate::connection::Connection;
use crate::connection::link::{Sent, came_after_a_failure};
use crate::deadline;
use crate::observer::{Companion, TransactionEvent};
use crate::server_error::{ServerError, too_late_to_commit};
use crate::unknown_outcome::UnknownOutcome;
use crate::written::Effects;

/// Why a commit was none.
#[derive(Debug, Clone)]
pub(crate) enum CommitFailure {
    /// A statement had failed before; the transaction was rolled back.
    Aborted(Option<ServerError>),
    /// The connection was lost before COMMIT was sent, so nothing took effect.
    Lost(String),
    /// The server refused the commit itself, as it does for deferred constraints.
    Refused(ServerError),
    /// The connection was lost between COMMIT and its answer, or that did not come in time.
    Unknown(UnknownOutcome),
    /// The deadline of the request had passed before COMMIT was sent: it had so much time.
    TooLate(Duration),
}

/// What stands before COMMIT in its message.
struct Before {
    /// An answer that nobody read may have been an error. In a failed transaction a SELECT
    /// fails and COMMIT is not reached.
    unread: bool,
    companion: Option<Companion>,
}

impl Before {
    /// Whether an error may be another one than that of COMMIT.
    fn may_fail(&self) -> bool {
        self.unread || self.companion.is_some()
    }
}

impl TransactionState {
    /// Whether the server refuses every write of this transaction. One that was begun as read
    /// only can be made another one by SET, and by nothing else.
    fn only_reads(&self, written: &Effects) -> bool {
        let mut statements = written.statements();
        self.read_only
            && !written.is_unclear()
            && statements
                .all(|profile| !matches!(profile.kind, StatementKind::Set | StatementKind::Batch))
    }
}

impl TransactionManager {
    pub(super) async fn commit_outermost(connection: &mut Connection) -> QueryResult<()> {
        connection.link.settle_transaction_id().await;
        if let Some(limit) = deadline::over() {
            Self::give_up_outermost(connection).await;
            return Err(not_committed(connection, CommitFailure::TooLate(limit)));
        }
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
            let watch = connection.link.watch();
            connection.transaction.rolled_back(&watch.observer);
            return Err(not_committed(connection, CommitFailure::Lost(cause)));
        }
        let mut before = Before {
            unread: connection.link.has_given_up() || connection.link.is_busy(),
            companion: companion(connection),
        };
        let late = before.companion.take_if(|_| is_logged_late());
        connection.transaction.commit_sent = true;
        match send_commit(connection, &before).await {
            Ok(Sent::Done(mut transaction)) => {
                if let Some(late) = late {
                    let sent = connection.link.send_companion(&late).await;
                    transaction = sent.ok().and_then(Sent::transaction);
                }
                Self::committed(connection, transaction)
            }
            Ok(Sent::ReadOnly) => {
                send(connection, "ROLLBACK").await?;
                Self::committed(connection, None)
            }
            Err(error) => Err(Self::commit_failed(connection, error, &before).await),
        }
    }

    /// Rolls back where there is no time left: behind what may still be running nothing is waited
    /// for, and the session ends what is open when it comes back.
    async fn give_up_outermost(connection: &mut Connection) {
        if connection.link.is_busy() || connection.link.has_given_up() {
            connection.transaction.status.set_in_error();
            let watch = connection.link.watch();
            connection.transaction.given_up(&watch.observer);
        } else if let Err(error) = Self::roll_back_outermost(connection).await {
            tracing::debug!(%error, "failed to roll back after the deadline");
        }
    }

    fn committed(connection: &mut Connection, transaction: Option<u64>) -> QueryResult<()> {
        connection.link.forget_transaction();
        let watch = connection.link.watch();
        connection
            .transaction
            .committed(&watch.observer, transaction);
        connection.transaction.surface()
    }

    async fn commit_failed(
        connection: &mut Connection,
        error: DieselError,
        before: &Before,
    ) -> DieselError {
        let reply = connection
            .link
            .last_error()
            .filter(|reply| reply.is_reported_by(&error));
        let unknown = |cause: &dyn std::fmt::Display| {
            CommitFailure::Unknown(UnknownOutcome::new(cause, connection.link.doubt()))
        };
        let failure = match reply {
            Some(reply) if reply.leaves_outcome_open() => unknown(&reply),
            Some(reply) if came_after_a_failure(&reply) => CommitFailure::Aborted(None),
            Some(reply) => CommitFailure::Refused(reply),
            None => unknown(&error),
        };
        let ended = match failure {
            CommitFailure::Unknown(_) => {
                connection.condemn();
                connection.transaction.status.set_in_error();
                let watch = connection.link.watch();
                connection.transaction.doubt(&watch.observer);
                let observer = &watch.observer;
                let event = TransactionEvent::InDoubt;
                connection.transaction.ended(observer, event);
                Ok(())
            }
            // A ROLLBACK too many does no harm.
            _ if before.may_fail() => Self::roll_back_outermost(connection).await,
            _ => {
                connection.link.forget_transaction();
                let watch = connection.link.watch();
                connection.transaction.rolled_back(&watch.observer);
                connection.transaction.surface()
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "failed to end a transaction that was not committed");
        }
        not_committed(connection, failure)
    }
}

/// What has to take effect together with the transaction that is open.
fn companion(connection: &Connection) -> Option<Companion> {
    let written = connection.transaction.effects.written();
    if written.is_empty() || connection.transaction.only_reads(&written) {
        return None;
    }
    connection.link.watch().observer.companion(&written)
}

/// Whether companions are sent after the commit on purpose: a protocol with a gap, in which a
/// process can die. What checks the protocol has to find that.
fn is_logged_late() -> bool {
    fail::has_failpoints() && fail::eval("log-after-commit", |_| ()).is_some()
}

/// Sends COMMIT and what goes before it. Without an answer the state stays in doubt.
async fn send_commit(connection: &mut Connection, before: &Before) -> QueryResult<Sent> {
    connection.transaction.in_doubt = true;
    let settings = connection.transaction_settings.clone();
    let result = connection
        .link
        .commit(before.unread, before.companion.as_ref(), settings.as_ref())
        .await;
    connection.transaction.in_doubt = connection.link.is_busy();
    result
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
        CommitFailure::Unknown(unknown) => unknown.as_diesel(),
        CommitFailure::TooLate(limit) => too_late_to_commit(*limit),
    };
    connection.transaction.commit_failure = Some(failure);
    error
}
