//! Explaining a statement that has run, where that disturbs nobody.
//!
//! The statement is sent again behind EXPLAIN with the values that were bound to it, by the
//! extended protocol. So PostgreSQL plans it for these values, and no version of it needs a
//! prepared statement or a generic plan for that. It happens inside a transaction that can only
//! read, with limits on its time and on its wait for locks, on a connection that nobody has use
//! for now.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;
use tokio::time::timeout;

use crate::TransactionSettings;
use crate::connection::SentStatement;
use crate::error::Error;
use crate::holders::holding_as;
use crate::pool::Pool;
use crate::session::Session;

/// How a statement is explained.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExplainOptions {
    /// How long the server may take. 1 s by default.
    pub timeout: Duration,
    /// Whether it is run for that, so that the plan has its times. Off by default. Only for what
    /// surely reads and nothing else.
    pub analyze: bool,
}

impl Default for ExplainOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(1),
            analyze: false,
        }
    }
}

impl ExplainOptions {
    // With the schemas of tables: of two tenants both may have one of the same name.
    fn words(&self) -> &'static str {
        if self.analyze {
            "EXPLAIN (FORMAT JSON, VERBOSE, SETTINGS, ANALYZE, BUFFERS)"
        } else {
            "EXPLAIN (FORMAT JSON, VERBOSE, SETTINGS)"
        }
    }

    fn limits(&self) -> String {
        let milliseconds = self.timeout.as_millis().max(1);
        // Whoever waits for a lock lets others wait behind him.
        format!("SET LOCAL statement_timeout = {milliseconds}; SET LOCAL lock_timeout = 100")
    }
}

impl Pool {
    /// The plan of a statement for the values that were bound to it, as JSON, in a transaction
    /// that can only read and is rolled back. `None` if no connection is free for it now, or the
    /// pool has but one: nobody waits for a plan.
    ///
    /// # Errors
    ///
    /// [`Error::Statement`] if the server refuses it, or takes too long for it.
    ///
    /// # Cancel safety
    ///
    /// Dropped, its connection is closed.
    #[track_caller]
    pub fn explain(
        &self,
        statement: &SentStatement,
        settings: Option<&TransactionSettings>,
        options: &ExplainOptions,
    ) -> impl Future<Output = Result<Option<String>, Error>> + Send {
        let location = Location::caller();
        async move {
            if !statement.statement().binds.unresolved().is_empty() {
                return Ok(None);
            }
            let session = holding_as("explaining a slow statement", self.spare_session(location));
            let Some(mut session) = session.await else {
                return Ok(None);
            };
            // What this waits for has limits on the server. A server that says nothing has not.
            let patience = options.timeout + Self::EXPLAIN_PATIENCE;
            let explained = explain(&mut session, statement, settings, options);
            match timeout(patience, Box::pin(explained)).await {
                Ok(Ok(plan)) => Ok(Some(plan)),
                Ok(Err(source)) => Err(Error::Statement {
                    server: session.last_server_error().map(Box::new),
                    source,
                }),
                Err(_) => Err(Error::Statement {
                    source: crate::server_error::late(patience),
                    server: None,
                }),
            }
        }
    }

    /// How much longer than the server this side waits for a plan.
    const EXPLAIN_PATIENCE: Duration = Duration::from_secs(2);
}

async fn explain(
    session: &mut Session,
    statement: &SentStatement,
    settings: Option<&TransactionSettings>,
    options: &ExplainOptions,
) -> QueryResult<String> {
    // The transaction is not one that the session knows of: until it has ended nobody else may
    // have the connection.
    session.condemn();
    let link = Arc::clone(session.link());
    link.batch(&link.beginning("BEGIN READ ONLY", settings))
        .await?;
    link.batch(&options.limits()).await?;
    let plan = link.explain(options.words(), statement.statement()).await;
    link.batch("ROLLBACK").await?;
    session.pardon();
    plan
}
