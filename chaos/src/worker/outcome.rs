//! What an error says about a write: that it had no effect, or that this is not known.

use larder::database::{Error, ErrorKind};
use larder::pool::ErrorKind as PoolErrorKind;

/// Whether a transaction that failed like this may have taken effect all the same.
pub(super) fn transaction_may_have_committed(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Pool(PoolErrorKind::CommitOutcomeUnknown)
    )
}

/// Whether a statement outside of a transaction that failed like this may have taken effect:
/// where the connection was lost, nobody knows.
pub(super) fn statement_may_have_committed(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Pool(
            PoolErrorKind::Options
            | PoolErrorKind::Connect
            | PoolErrorKind::AcquireTimeout
            | PoolErrorKind::ShutDown
            | PoolErrorKind::CommitRefused
            | PoolErrorKind::Lost,
        ) => false,
        ErrorKind::Pool(PoolErrorKind::Statement) => match error.sql_state() {
            // 57P01: the backend may have been told to end after it had committed.
            Some(state) => state.as_str().starts_with("57P") || state.as_str().starts_with("08"),
            None => true,
        },
        ErrorKind::Pool(_) => true,
        _ => false,
    }
}
