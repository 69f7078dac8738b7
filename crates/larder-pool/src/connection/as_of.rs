//! Rows together with a snapshot that they are at least as new as.

use std::sync::Arc;

use diesel::QueryResult;
use futures::future;

use super::{Connection, OwnedQuery, Rows, observed, text_for};

impl Connection {
    /// The server's snapshot: which transactions a statement sees now, as
    /// `pg_current_snapshot()::text` writes it (`xmin:xmax:xip,..`).
    ///
    /// In a transaction that is repeatable read or serializable it is that of the
    /// transaction. The observer of the pool does not hear of it.
    ///
    /// # Errors
    ///
    /// If the server refuses to answer, as in a transaction that has failed, or the
    /// connection is lost.
    ///
    /// # Cancel safety
    ///
    /// As for any statement of a connection.
    pub async fn snapshot(&mut self) -> QueryResult<String> {
        let question = self.link.snapshot_question().await?;
        self.link.snapshot(&question).await
    }

    /// Runs a query that was written before, with a [`snapshot`](Self::snapshot) from just
    /// before it: every transaction that the snapshot sees, the query sees too.
    ///
    /// The question for the snapshot travels ahead of the query in the same round trip. The
    /// observer of the pool, and whoever records, hears of the query alone.
    ///
    /// # Errors
    ///
    /// If the server refuses the query or the connection is lost. Without a snapshot, because the
    /// server refused that, the rows come all the same.
    ///
    /// # Cancel safety
    ///
    /// As for any statement of a connection.
    pub async fn load_owned_as_of(
        &mut self,
        query: OwnedQuery,
    ) -> QueryResult<(Option<String>, Rows<'_>)> {
        let Ok(question) = self.link.snapshot_question().await else {
            return Ok((None, self.load_owned(query).await?));
        };
        let statement = Arc::new(query.statement);
        let mut observation = self.observe_statement(&statement)?;
        // Behind a pooler two messages may reach two servers, unless a transaction holds them
        // together.
        let is_one_transaction = self.link.is_pooled() && !self.is_in_transaction();
        if is_one_transaction {
            observation = observation.with_snapshot();
        }
        let Self {
            link,
            instrumentation,
            ..
        } = self;
        let sql = text_for(instrumentation, &statement);
        let load = observed(instrumentation, &sql, link.query(statement, observation));
        if is_one_transaction {
            let mut rows = load.await?;
            return Ok((rows.take_snapshot(), rows));
        }
        // The first is polled first, which decides who sees less. A query that has yet to be
        // prepared follows later, and that makes the snapshot older and never newer.
        let (snapshot, rows) = future::join(link.snapshot(&question), load).await;
        Ok((snapshot.ok(), rows?))
    }
}
