//! One reading of the server's counters.

use chrono::{DateTime, Utc};
use larder_database::{Connection, Error, sql};
use serde::{Deserialize, Serialize};

use crate::connection::{Unanswered, ask};
use crate::server::Server;

/// A reading of what the server has counted since its statistics were reset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counters {
    /// When it was taken.
    pub at: DateTime<Utc>,
    /// The name of the database.
    pub database: String,
    /// Its number on the server: another database of the same name has another one.
    pub database_oid: i64,
    /// What the database did.
    pub totals: DatabaseCounters,
    /// What statements did, those that took most time; empty without `pg_stat_statements`.
    pub statements: Vec<StatementCounters>,
}

/// What a database did since its statistics were reset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DatabaseCounters {
    /// Blocks found in the server's memory.
    pub hit: i64,
    /// Blocks asked of the system.
    pub read: i64,
    /// Transactions that committed.
    pub committed: i64,
    /// Transactions that rolled back.
    pub rolled_back: i64,
    /// Bytes written to temporary files.
    pub temporary_bytes: i64,
    /// Deadlocks.
    pub deadlocks: i64,
}

/// What a statement did since its statistics were reset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StatementCounters {
    /// Its `queryid`.
    pub id: String,
    /// Its text, with `$1` in place of values, cut off where it is long.
    pub text: String,
    /// How many times it ran.
    pub calls: i64,
    /// How long it took in all, in milliseconds.
    pub total_ms: f64,
    /// How many rows it gave or changed.
    pub rows: i64,
}

/// How many statements a reading has at most.
const MOST_STATEMENTS: i64 = 200;

impl Counters {
    /// Whether it has all statements that had run by then: it was neither cut off, nor is there
    /// nobody to tell of them.
    pub(super) fn has_all_statements(&self) -> bool {
        let known = i64::try_from(self.statements.len()).unwrap_or(i64::MAX);
        (1..MOST_STATEMENTS).contains(&known)
    }
}

const TOTALS: &str = "
    SELECT blks_hit AS hit, blks_read AS read, xact_commit AS committed,
           xact_rollback AS rolled_back, temp_bytes AS temporary_bytes, deadlocks
    FROM pg_catalog.pg_stat_database WHERE datname = pg_catalog.current_database()";

const STATEMENTS: &str = "
    SELECT s.queryid::text AS id, pg_catalog.left(pg_catalog.max(s.query), 500) AS text,
           pg_catalog.sum(s.calls)::int8 AS calls,
           pg_catalog.sum(s.total_exec_time)::float8 AS total_ms,
           pg_catalog.sum(s.rows)::int8 AS rows
    FROM {pg_stat_statements}.pg_stat_statements s
    JOIN pg_catalog.pg_database d ON d.oid = s.dbid
    WHERE d.datname = pg_catalog.current_database() AND s.queryid IS NOT NULL
      AND s.query !~* '^[[:space:]]*(begin|commit|rollback|savepoint|release|set|discard|deallocate)'
    GROUP BY s.queryid
    ORDER BY total_ms DESC LIMIT :most";

/// Reads the counters; `None` if the server refuses.
pub(crate) async fn read(
    connection: &mut Connection,
    server: &Server,
) -> Result<Option<Counters>, Error> {
    let totals = match ask(connection, sql(TOTALS)).await {
        Ok(rows) => rows.into_iter().next(),
        Err(Unanswered::Lost(error)) => return Err(error),
        Err(Unanswered::Refused(_)) => return Ok(None),
    };
    let mut statements = Vec::new();
    if let Some(schema) = server.extensions.get("pg_stat_statements") {
        let text = STATEMENTS.replace("{pg_stat_statements}", schema);
        match ask(connection, sql(text).bind("most", MOST_STATEMENTS)).await {
            Ok(rows) => statements = rows,
            Err(Unanswered::Lost(error)) => return Err(error),
            Err(Unanswered::Refused(_)) => {}
        }
    }
    let statements = statements.into_iter();
    Ok(Some(Counters {
        at: Utc::now(),
        database: server.facts.database.clone(),
        database_oid: server.facts.database_oid,
        totals: totals
            .and_then(|row| serde_json::from_value(row).ok())
            .unwrap_or_default(),
        statements: statements
            .filter_map(|row| serde_json::from_value(row).ok())
            .collect(),
    }))
}
