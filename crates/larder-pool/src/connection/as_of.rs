//! Rows together with a snapshot that they are at least as new as.

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
        let prepared = self.link.snapshot_statement().await?;
        self.link.snapshot(&prepared).await
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
        let Ok(prepared) = self.link.snapshot_statement().await else {
            return Ok((None, self.load_owned(query).await?));
        };
        let statement = query.statement;
        let observation = self.observe_statement(&statement)?;
        let Self {
            link,
            instrumentation,
            ..
        } = self;
        let sql = text_for(instrumentation, &statement);
        let load = observed(instrumentation, &sql, link.query(statement, observation));
        // The first is polled first, which decides who sees less. A query that has yet to be
        // prepared follows later, and that makes the snapshot older and never newer.
        let (snapshot, rows) = future::join(link.snapshot(&prepared), load).await;
        Ok((snapshot.ok(), rows?))
    }
}
