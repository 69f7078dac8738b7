//! What the outcome of a read on a lane means for its caller.

use super::request::WholeRows;
use super::status::BypassReason;
use crate::Error;
use crate::connection::Statement;
use crate::server_error::{ServerError, SqlState};

/// What an outcome means.
pub(super) enum Judgement {
    Answered(WholeRows),
    /// The error is the statement's own: it would have come elsewhere too.
    Refused(tokio_postgres::Error, Box<ServerError>),
    /// A connection of the pool may do better. It is a read: it may run again.
    Bypass(BypassReason),
}

/// Why a lane has not answered a statement.
pub(super) enum Failure {
    /// It has to run on a connection of the pool.
    Bypassed(Statement),
    Failed(Error),
}

/// Why a statement could not be prepared.
pub(super) enum Unprepared {
    Failed(tokio_postgres::Error),
    Bypass(BypassReason),
}

/// Whether an error is the statement's own, or would not have come on a connection of the pool.
pub(super) fn judge_error(error: tokio_postgres::Error) -> Judgement {
    let Some(reply) = ServerError::of(&error) else {
        return Judgement::Bypass(BypassReason::Lost);
    };
    if reply.ends_connection() {
        return Judgement::Bypass(BypassReason::Lost);
    }
    match reply.state().as_str() {
        // It writes: somebody knew less of it than the server does.
        "25006" => Judgement::Bypass(BypassReason::Unfit),
        // The prepared statement is gone, its result has changed its columns, or a type was
        // dropped and made again.
        "26000" | "0A000" | "42704" | "XX000" => Judgement::Bypass(BypassReason::Refused),
        // Nobody sends requests to cancel here: it was the timeout of the lane.
        _ if reply.state() == SqlState::QUERY_CANCELED => Judgement::Bypass(BypassReason::Slow),
        _ => Judgement::Refused(error, Box::new(reply)),
    }
}
