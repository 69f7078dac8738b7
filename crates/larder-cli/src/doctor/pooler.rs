//! What stands between us and the server: as it is told, and as it is seen.
//!
//! A pooler in transaction mode lends a server's connection for a transaction. So two statements of
//! one session run on two connections of the server, if somebody else takes the first one meanwhile.

use std::time::Duration;

use larder_database::{Database, Error, sql};
use larder_pool::PoolerMode;
use tokio::time::timeout;

use super::check::{Outcome, Verdict};
use super::server::unanswered;

const PROCESS: &str = "SELECT pg_catalog.pg_backend_pid()";

/// How long a second statement may wait: behind a pooler with a single connection of the server, it
/// waits until the transaction beside it has ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a prepared statement meets on a connection that did not prepare it, or on one where
/// somebody else did under the same name.
const FOREIGN_STATEMENT: [&str; 2] = ["26000", "42P05"];

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Statements of one session run on one connection of the server.
    Session,
    /// They do not.
    Transaction,
}

/// Looks for a pooler in transaction mode, and compares with what is told.
pub(super) async fn check(database: &Database, told: PoolerMode) -> Outcome<Seen> {
    let seen = match look(database).await {
        Ok(seen) => seen,
        Err(error) => return Outcome::missing(unanswered(error)),
    };
    let verdict = match (told, seen) {
        (PoolerMode::Transaction, Seen::Transaction) => {
            Verdict::ok("transaction mode, as it is told")
        }
        (PoolerMode::Transaction, Seen::Session) => Verdict::warning(
            "told is transaction mode, and a session keeps its connection of the server",
            "set database.pooler to none (or session): lanes and prepared statements come with \
             that",
        ),
        (_, Seen::Transaction) => Verdict::failure(
            "a pooler in transaction mode: statements of one session run on several connections \
             of the server, and settings and prepared statements get lost",
            "set database.pooler to transaction, or connect to the server itself",
        ),
        (PoolerMode::Session, Seen::Session) => Verdict::ok("session mode, as it is told"),
        (_, Seen::Session) => Verdict::ok("none in transaction mode"),
    };
    Outcome::found(vec![verdict], seen)
}

async fn look(database: &Database) -> Result<Seen, Error> {
    let mut session = database.session().await?;
    let before: i32 = sql(PROCESS).fetch_scalar_on(&mut session).await?;
    let after = database
        .transaction(async |conn| {
            // Whoever came back last is lent next, so this takes the one of before.
            let _: i32 = sql(PROCESS).fetch_scalar_on(conn).await?;
            let again = sql(PROCESS).fetch_scalar_on::<i32>(&mut session);
            Ok::<_, Error>(timeout(PATIENCE, again).await)
        })
        .await;
    Ok(match after {
        Ok(Ok(Ok(after))) if after == before => Seen::Session,
        Ok(Ok(Ok(_)) | Err(_)) => Seen::Transaction,
        Ok(Ok(Err(error))) | Err(error) if is_foreign_statement(&error) => Seen::Transaction,
        Ok(Ok(Err(error))) | Err(error) => return Err(error),
    })
}

fn is_foreign_statement(error: &Error) -> bool {
    let state = error.sql_state();
    state.is_some_and(|state| FOREIGN_STATEMENT.contains(&state.as_str()))
}
