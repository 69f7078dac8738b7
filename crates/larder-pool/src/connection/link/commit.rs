//! COMMIT with a companion before it, and a companion by itself.

use std::sync::Arc;

use diesel::QueryResult;
use futures::TryStreamExt;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::SqlState as Code;

use super::answer::id_in;
use super::{Link, Ticket};
use crate::TransactionSettings;
use crate::observer::Companion;

/// What became of a message with a companion in it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sent {
    /// It took effect, in the transaction that the companion told if there was one.
    Done(Option<u64>),
    /// The companion was refused because its transaction may only read.
    ReadOnly,
}

impl Sent {
    pub(crate) fn transaction(self) -> Option<u64> {
        match self {
            Self::Done(transaction) => transaction,
            Self::ReadOnly => None,
        }
    }
}

/// How far a message of several statements came.
#[derive(Default)]
struct Progress {
    completed: usize,
    transaction: Option<u64>,
}

impl Link {
    /// Sends COMMIT with what goes before it, in one message: a question that fails where an
    /// answer that nobody read was an error, and the companion. The first one that fails
    /// leaves out the rest. Under settings with a role the companion is sent as the role of the
    /// session, who has the right to it.
    ///
    /// # Errors
    ///
    /// What the server says to any of them, but for a companion that is refused because the
    /// transaction may only read, where that `may_be_refused`.
    pub(crate) async fn commit(
        self: &Arc<Self>,
        unread: bool,
        companion: Option<&Companion>,
        settings: Option<&TransactionSettings>,
    ) -> QueryResult<Sent> {
        let mut sql = String::new();
        if unread {
            sql.push_str("SELECT 1; ");
        }
        let mut place = None;
        if let Some(companion) = companion {
            let (text, before) = self.by_session_role(companion, settings);
            sql.push_str(&text);
            sql.push_str("; ");
            place = Some(usize::from(unread) + before);
        }
        sql.push_str("COMMIT");
        let may_be_refused = companion.is_some_and(|companion| companion.may_be_refused);
        self.send_with_companion(&sql, place, may_be_refused).await
    }

    /// The text of a companion as the role of the session runs it, and how many statements stand
    /// before the companion itself.
    pub(super) fn by_session_role(
        &self,
        companion: &Companion,
        settings: Option<&TransactionSettings>,
    ) -> (String, usize) {
        match (settings, self.settings.role()) {
            (Some(settings), Some(role)) => settings.as_session_role(role, &companion.sql),
            _ => (companion.sql.clone(), 0),
        }
    }

    /// Sends a companion as a statement of its own.
    ///
    /// # Errors
    ///
    /// If the server refuses it for another reason than that it may only read.
    pub(crate) async fn send_companion(
        self: &Arc<Self>,
        companion: &Companion,
    ) -> QueryResult<Sent> {
        self.send_with_companion(&companion.sql, Some(0), true)
            .await
    }

    /// Sends a message in which so many statements stand before the companion.
    async fn send_with_companion(
        self: &Arc<Self>,
        sql: &str,
        place: Option<usize>,
        may_be_refused: bool,
    ) -> QueryResult<Sent> {
        let mut ticket = Ticket::new(self);
        let mut progress = Progress::default();
        let result = self
            .answer(Box::pin(self.run_through(sql, place, &mut progress)))
            .await?;
        match result {
            Err(error)
                if may_be_refused && place == Some(progress.completed) && is_read_only(&error) =>
            {
                ticket.settled();
                Ok(Sent::ReadOnly)
            }
            result => {
                ticket.settle(result)?;
                Ok(Sent::Done(progress.transaction))
            }
        }
    }

    async fn run_through(
        &self,
        sql: &str,
        place: Option<usize>,
        progress: &mut Progress,
    ) -> Result<(), tokio_postgres::Error> {
        let mut reply = std::pin::pin!(self.client.simple_query_raw(sql).await?);
        while let Some(message) = reply.try_next().await? {
            match message {
                SimpleQueryMessage::Row(row) if place == Some(progress.completed) => {
                    progress.transaction = id_in(&row);
                }
                SimpleQueryMessage::CommandComplete(_) => progress.completed += 1,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether the server refuses a write because its transaction may only read.
pub(super) fn is_read_only(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&Code::READ_ONLY_SQL_TRANSACTION)
}
