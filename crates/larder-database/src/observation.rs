//! What a statement did, from the pool's words into those of the metrics.

use larder_metrics::statements::Recorded;
use larder_metrics::{QueryError, QueryObservation, QueryOptions, QueryRecorder};
use larder_pool::{ConnectError, ConnectErrorCause, EndedStatement, StatementOutcome};

use crate::QuerySettings;

pub(crate) fn options(settings: &QuerySettings) -> QueryOptions {
    QueryOptions {
        slow_threshold: settings.slow_threshold,
        slow_thresholds: settings.slow_thresholds.clone(),
        statements: settings.statements,
        log: settings.log,
        metrics: settings.metrics,
        per_fingerprint: settings.per_fingerprint,
        legacy_names: settings.legacy_names,
    }
}

pub(crate) fn record(
    queries: &QueryRecorder,
    pool: &str,
    statement: &EndedStatement<'_>,
) -> Recorded {
    let state;
    let error = match statement.outcome {
        StatementOutcome::Answered => None,
        StatementOutcome::Refused(error) => {
            state = error.state();
            Some(QueryError::SqlState(state.as_str()))
        }
        StatementOutcome::Abandoned => Some(QueryError::CANCELLED),
        _ => Some(QueryError::Class("connection")),
    };
    let observed = QueryObservation {
        pool,
        operation: statement.profile.kind.operation(),
        collection: statement.profile.collection(),
        fingerprint: statement.profile.fingerprint.as_u64(),
        text: &statement.profile.normalised,
        duration: statement.duration,
        rows: statement.rows,
        error,
    };
    let recorded = queries.record_at(statement.ended, &observed);
    if recorded.first {
        let profile = statement.profile;
        let tables = profile.writes.iter().chain(&profile.reads);
        let mut collections: Vec<String> = tables.map(ToString::to_string).collect();
        collections.sort_unstable();
        collections.dedup();
        queries
            .statements()
            .describe(profile.fingerprint.as_u64(), collections);
    }
    recorded
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
