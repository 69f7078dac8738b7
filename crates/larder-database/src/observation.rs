//! What a statement did, from the pool's words into those of the metrics.

use larder_metrics::{QueryError, QueryObservation, QueryOptions, QueryRecorder};
use larder_pool::{ConnectError, ConnectErrorCause, EndedStatement, StatementOutcome};
use larder_sql::{StatementKind, StatementProfile};

use crate::QuerySettings;

pub(crate) fn options(settings: &QuerySettings) -> QueryOptions {
    QueryOptions {
        slow_threshold: settings.slow_threshold,
        log: settings.log,
        metrics: settings.metrics,
        per_fingerprint: settings.per_fingerprint,
        legacy_names: settings.legacy_names,
    }
}

pub(crate) fn record(queries: &QueryRecorder, pool: &str, statement: &EndedStatement<'_>) {
    let state;
    let error = match statement.outcome {
        StatementOutcome::Answered => None,
        StatementOutcome::Refused(error) => {
            state = error.state();
            Some(QueryError::SqlState(state.as_str()))
        }
        StatementOutcome::Abandoned => Some(QueryError::Class("cancelled")),
        _ => Some(QueryError::Class("connection")),
    };
    queries.record(&QueryObservation {
        pool,
        operation: operation(statement.profile.kind),
        collection: collection(statement.profile),
        fingerprint: statement.profile.fingerprint.as_u64(),
        text: &statement.profile.normalised,
        duration: statement.duration,
        rows: statement.rows,
        error,
    });
}

/// Why a connection could not be made, as a word.
pub(crate) fn cause(error: &ConnectError) -> &'static str {
    match error.cause() {
        ConnectErrorCause::UnknownHost => "unknown_host",
        ConnectErrorCause::Unreachable => "unreachable",
        ConnectErrorCause::Refused => "refused",
        ConnectErrorCause::TimedOut => "timeout",
        ConnectErrorCause::Tls => "tls",
        ConnectErrorCause::Password => "password",
        ConnectErrorCause::WrongServer => "wrong_server",
        ConnectErrorCause::Authentication => "authentication",
        ConnectErrorCause::UnknownDatabase => "unknown_database",
        ConnectErrorCause::TooManyConnections => "too_many_connections",
        ConnectErrorCause::NotReady => "not_ready",
        _ => "other",
    }
}

/// The operation as OpenTelemetry names it: the first word of the statement.
fn operation(kind: StatementKind) -> &'static str {
    match kind {
        StatementKind::Select => "SELECT",
        StatementKind::Insert => "INSERT",
        StatementKind::Update => "UPDATE",
        StatementKind::Delete => "DELETE",
        StatementKind::Merge => "MERGE",
        StatementKind::Copy => "COPY",
        StatementKind::Call => "CALL",
        StatementKind::Batch => "BATCH",
        _ => "OTHER",
    }
}

/// The table that a statement is about, where it is about one.
fn collection(profile: &StatementProfile) -> Option<&str> {
    match (&*profile.writes, &*profile.reads) {
        ([table], _) | ([], [table]) => Some(table.name()),
        _ => None,
    }
}
