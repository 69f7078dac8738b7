//! A commit whose answer never came, and asking the server what became of it.

use std::fmt;
use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use tokio::time::{Instant, sleep, timeout};

use crate::server_error::SqlState;
use crate::trouble::{Doubt, ServerIdentity, Trouble};
use crate::{Connection, Error, Pool, Session};

/// A transaction of which nobody knows whether it was committed: the answer to COMMIT, or to a
/// write that commits by itself, did not come, or not in time.
///
/// It is never run again by itself. [`resolve`](Self::resolve) asks the server.
///
/// # Examples
///
/// ```no_run
/// # async fn example(pool: larder_pool::Pool) -> Result<(), Box<dyn std::error::Error>> {
/// use diesel_async::RunQueryDsl;
/// use larder_pool::{CommitOutcome, TransactionError};
///
/// let paid = pool
///     .transaction(async |conn| diesel::sql_query("UPDATE orders SET paid = true").execute(conn).await)
///     .await;
/// if let Err(TransactionError::Pool(error)) = &paid
///     && let Some(unknown) = error.unknown_outcome()
/// {
///     match unknown.resolve(&pool).await? {
///         CommitOutcome::Committed => println!("paid"),
///         CommitOutcome::RolledBack => println!("not paid: it may be done again"),
///         other => println!("{}", other.advice()),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownOutcome {
    cause: String,
    doubt: Doubt,
}

/// What became of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommitOutcome {
    /// It took effect.
    Committed,
    /// Nothing of it took effect, and nothing of it will.
    RolledBack,
    /// The server is still at it.
    InProgress,
    /// It cannot be told any more, for this reason.
    Unknown(String),
}

impl CommitOutcome {
    /// What to do now, as a sentence for logs and people.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Committed => "it took effect: go on as after a commit, and do not run it again",
            Self::RolledBack => "nothing took effect: it may be run again",
            Self::InProgress => "the server is still at it: ask again, and do not run it again yet",
            Self::Unknown(_) => {
                "it cannot be told from the server: read the data before running it again"
            }
        }
    }
}

impl UnknownOutcome {
    /// How long [`resolve`](Self::resolve) waits for a commit that is still in progress.
    pub const PATIENCE: Duration = Duration::from_secs(5);

    pub(crate) fn new(cause: impl fmt::Display, doubt: Doubt) -> Self {
        Self {
            cause: cause.to_string(),
            doubt,
        }
    }

    /// As an error of Diesel's, of which [`Error::statement`] makes this again.
    pub(crate) fn as_diesel(&self) -> DieselError {
        let message = format!(
            "COMMIT was not answered: whether it took effect is not known: {}",
            self.cause
        );
        Trouble::InDoubt(self.doubt.clone()).error(DatabaseErrorKind::ClosedConnection, message)
    }

    /// The id of the transaction (`xid8`), if it had got one that was heard of.
    pub fn transaction_id(&self) -> Option<u64> {
        self.doubt.transaction_id
    }

    /// Why there is no answer: how the connection was lost, or how long it was waited.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// Asks the server what became of the transaction. Waits up to
    /// [`PATIENCE`](Self::PATIENCE) while it is in progress: a COMMIT may land late.
    ///
    /// # Errors
    ///
    /// If the server cannot be asked. It may be asked again.
    ///
    /// # Cancel safety
    ///
    /// Dropped, nothing was changed.
    pub async fn resolve(&self, pool: &Pool) -> Result<CommitOutcome, Error> {
        self.resolve_within(pool, Self::PATIENCE).await
    }

    /// The same, with another patience while the transaction is in progress.
    ///
    /// The answer counts only while the pool leads to the same server in the same history. After
    /// a failover, a restore or a crash another transaction may have the same id; then it is
    /// [`CommitOutcome::Unknown`].
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    ///
    /// # Cancel safety
    ///
    /// As [`resolve`](Self::resolve).
    pub async fn resolve_within(
        &self,
        pool: &Pool,
        patience: Duration,
    ) -> Result<CommitOutcome, Error> {
        let unknown = |reason: &str| Ok(CommitOutcome::Unknown(reason.to_owned()));
        let Some(id) = self.doubt.transaction_id else {
            return unknown("the transaction had no id that was heard of");
        };
        let Some(server) = &self.doubt.server else {
            return unknown("it is not known which server it ran on");
        };
        let mut session = pool.session().await?;
        if let Some(reason) = difference(&mut session, server).await? {
            return Ok(CommitOutcome::Unknown(reason));
        }
        let ends = Instant::now() + patience;
        loop {
            let outcome = status(&mut session, id).await?;
            let left = ends.saturating_duration_since(Instant::now());
            if outcome != CommitOutcome::InProgress || left.is_zero() {
                return Ok(outcome);
            }
            sleep(Self::PAUSE.min(left)).await;
        }
    }

    /// Between two questions while the transaction is in progress.
    const PAUSE: Duration = Duration::from_millis(50);
}

impl fmt::Display for UnknownOutcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("learn whether the transaction")?;
        if let Some(id) = self.doubt.transaction_id {
            write!(formatter, " {id}")?;
        }
        write!(
            formatter,
            " was committed: no answer says so ({}); ask the server by `resolve` before doing it again",
            self.cause
        )
    }
}

impl std::error::Error for UnknownOutcome {}

/// Why the ids of the server that is reached now may be others than those of the one where the
/// transaction ran.
async fn difference(
    session: &mut Session,
    before: &ServerIdentity,
) -> Result<Option<String>, Error> {
    const NOW: &str = "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL \
        ELSE pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) END, \
        (extract(epoch FROM stats_reset) * 1000000)::bigint, \
        (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint \
        FROM pg_catalog.pg_stat_bgwriter";
    let now = ask(session, NOW).await?;
    let text = |index: usize| now.get(index).cloned().flatten();
    let microseconds = |index: usize| text(index).and_then(|text| text.parse::<i64>().ok());
    let Some(timeline) = text(0) else {
        return Ok(Some("the pool leads to a standby now".to_owned()));
    };
    if timeline != before.timeline {
        return Ok(Some(format!(
            "the server went over from timeline {} to {timeline}: a failover or a restore may have lost the transaction",
            before.timeline
        )));
    }
    // What the server counts begins anew when it recovers from a crash.
    if microseconds(1).is_none_or(|reset| reset > before.since) {
        return Ok(Some(
            "the server has recovered from a crash since, or its statistics were reset: another transaction may have been given the same id".to_owned(),
        ));
    }
    let system = system(session).await?;
    let is_same = if system.is_empty() || before.system.is_empty() {
        // Who may not read the identifier tells a server by its not having been started since.
        microseconds(2).is_some_and(|started| started <= before.since)
    } else {
        system == before.system
    };
    Ok((!is_same).then(|| "the pool leads to another server now".to_owned()))
}

/// The identifier of the server; empty where the role may not read it.
async fn system(session: &mut Session) -> Result<String, Error> {
    const SYSTEM: &str = "SELECT system_identifier FROM pg_catalog.pg_control_system()";
    match ask(session, SYSTEM).await {
        Ok(row) => Ok(row.into_iter().next().flatten().unwrap_or_default()),
        Err(error) if error.server_error().is_some() => Ok(String::new()),
        Err(error) => Err(error),
    }
}

async fn status(session: &mut Session, id: u64) -> Result<CommitOutcome, Error> {
    /// The id is in the future.
    const INVALID_PARAMETER_VALUE: &str = "22023";
    let asked = ask(
        session,
        &format!("SELECT pg_catalog.pg_xact_status('{id}'::xid8)"),
    )
    .await;
    let state = asked.as_ref().err().and_then(Error::sql_state);
    if state.as_ref().map(SqlState::as_str) == Some(INVALID_PARAMETER_VALUE) {
        return Ok(CommitOutcome::Unknown(
            "the server has not given this id yet: it lost the transaction, or is another one"
                .to_owned(),
        ));
    }
    Ok(match asked?.into_iter().next().flatten().as_deref() {
        Some("committed") => CommitOutcome::Committed,
        Some("aborted") => CommitOutcome::RolledBack,
        Some("in progress") => CommitOutcome::InProgress,
        _ => CommitOutcome::Unknown(
            "the transaction is too old: the server has forgotten it".to_owned(),
        ),
    })
}

/// The first row of a question that nobody observes.
async fn ask(session: &mut Session, sql: &str) -> Result<Vec<Option<String>>, Error> {
    /// For a server that is there and does not answer.
    const ANSWER: Duration = Duration::from_secs(10);
    let connection: &mut Connection = session;
    match timeout(ANSWER, connection.link().question(sql)).await {
        Ok(Ok(row)) => Ok(row),
        Ok(Err(error)) => Err(Error::statement(error, connection.last_server_error())),
        Err(_) => {
            let late = crate::server_error::late(ANSWER);
            Err(Error::statement(late, None))
        }
    }
}
