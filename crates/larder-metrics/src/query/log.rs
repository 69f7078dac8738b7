//! The events for statements. They carry the normalised text, never a value.

use std::time::Duration;

use super::QueryObservation;

/// The event for a slow statement.
pub(super) fn slow(query: &QueryObservation<'_>) {
    tracing::warn!(
        target: "larder::slow",
        pool = query.pool,
        fingerprint = %format_args!("{:016x}", query.fingerprint),
        statement = query.text,
        duration_ms = milliseconds(query.duration),
        rows = query.rows,
        error = query.error.as_ref().map(|error| error.as_str()),
        "slow statement"
    );
}

/// The event for any statement, where each is logged.
pub(super) fn every(query: &QueryObservation<'_>) {
    tracing::debug!(
        target: "larder::query",
        pool = query.pool,
        fingerprint = %format_args!("{:016x}", query.fingerprint),
        statement = query.text,
        duration_ms = milliseconds(query.duration),
        rows = query.rows,
        error = query.error.as_ref().map(|error| error.as_str()),
        "statement"
    );
}

/// Milliseconds, to the microsecond.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}
