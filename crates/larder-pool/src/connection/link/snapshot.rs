//! The snapshot of the server, asked for on the link.

use std::sync::{Arc, MutexGuard, PoisonError};

use diesel::QueryResult;

use super::{Link, Ticket};

/// Reading it gives no id to the transaction that asks.
const SNAPSHOT: &str = "SELECT pg_catalog.pg_current_snapshot()::text";

impl Link {
    /// The question for the snapshot, prepared when it is asked for the first time.
    pub(crate) async fn snapshot_statement(
        self: &Arc<Self>,
    ) -> QueryResult<tokio_postgres::Statement> {
        let kept = self.kept_snapshot().clone();
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let mut ticket = Ticket::new(self);
        let prepared = self.answer(self.client.prepare(SNAPSHOT)).await?;
        let prepared = ticket.settle(prepared)?;
        *self.kept_snapshot() = Some(prepared.clone());
        Ok(prepared)
    }

    /// Asks for the snapshot. The question is sent when this is polled for the first time,
    /// and nobody is told of it: it is no statement of the user's.
    pub(crate) async fn snapshot(
        self: &Arc<Self>,
        prepared: &tokio_postgres::Statement,
    ) -> QueryResult<String> {
        let mut ticket = Ticket::new(self);
        let row = self.answer(self.client.query_one(prepared, &[])).await?;
        match ticket.settle(row) {
            Ok(row) => Ok(row.get(0)),
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
