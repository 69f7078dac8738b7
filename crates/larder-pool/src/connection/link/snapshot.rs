//! The snapshot of the server, asked for on the link.

use std::sync::{Arc, MutexGuard, PoisonError};

use diesel::QueryResult;
use diesel::result::Error as DieselError;

use super::accompanied::send;
use super::answer::last_value;
use super::{Link, Ticket};

/// Reading it gives no id to the transaction that asks.
pub(super) const SNAPSHOT: &str = "SELECT pg_catalog.pg_current_snapshot()::text";

/// The question for the snapshot, ready to be sent.
pub(crate) enum Question {
    Named(tokio_postgres::Statement),
    /// Behind a pooler in transaction mode.
    Unnamed,
}

impl Link {
    /// The question for the snapshot, prepared when it is asked for the first time.
    pub(crate) async fn snapshot_question(self: &Arc<Self>) -> QueryResult<Question> {
        if self.is_pooled() {
            return Ok(Question::Unnamed);
        }
        let kept = self.kept_snapshot().clone();
        if let Some(kept) = kept {
            return Ok(Question::Named(kept));
        }
        let mut ticket = Ticket::new(self);
        let prepared = self.answer(Box::pin(self.client.prepare(SNAPSHOT))).await?;
        let prepared = ticket.settle(prepared)?;
        *self.kept_snapshot() = Some(prepared.clone());
        Ok(Question::Named(prepared))
    }

    /// Asks for the snapshot. The question is sent when this is polled for the first time,
    /// and nobody is told of it: it is no statement of the user's.
    pub(crate) async fn snapshot(self: &Arc<Self>, question: &Question) -> QueryResult<String> {
        let mut ticket = Ticket::new(self);
        let asked = async {
            match question {
                Question::Named(prepared) => {
                    let row = self.client.query_one(prepared, &[]).await?;
                    row.try_get(0).map(Some)
                }
                Question::Unnamed => last_value(send(&self.client, SNAPSHOT)?).await,
            }
        };
        let value = self.answer(Box::pin(asked)).await?;
        match ticket.settle(value) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(DieselError::NotFound),
            Err(error) => {
                if self.last_error_makes_statements_useless() {
                    *self.kept_snapshot() = None;
                }
                Err(error)
            }
        }
    }

    fn kept_snapshot(&self) -> MutexGuard<'_, Option<tokio_postgres::Statement>> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
