//! What a pooler means by the errors that it makes itself.
//!
//! PgBouncer, up to versions that are still common, gives all of them the code of a protocol
//! violation (08P01) and hangs up: a server that was lost, its own limits, a wrong password. Only
//! the words tell them apart, which are in English everywhere. PostgreSQL itself sends this code
//! with FATAL where the two sides no longer understand each other, and the connection is lost too.

use crate::connect_error::ConnectErrorCause;
use crate::error_class::ErrorClass;
use crate::server_error::SqlState;

/// The code of all of them.
const PROTOCOL_VIOLATION: &str = "08P01";

/// Whether an error that ends its connection may be one of a pooler's own.
pub(crate) fn is_of_pooler(state: SqlState) -> bool {
    state.as_str() == PROTOCOL_VIOLATION
}

/// What may be done about one of them on a connection that was in use.
pub(crate) fn class_of(message: &str) -> ErrorClass {
    match message {
        // `query_timeout` and `idle_transaction_timeout` of PgBouncer.
        "query timeout" | "idle transaction timeout" => ErrorClass::Timeout,
        _ => ErrorClass::Connection,
    }
}

/// Why nobody was let in, where one of them says so.
pub(crate) fn cause_of(message: &str) -> ConnectErrorCause {
    const CAUSES: &[(&str, ConnectErrorCause)] = &[
        (
            "password authentication failed",
            ConnectErrorCause::Authentication,
        ),
        (
            "SASL authentication failed",
            ConnectErrorCause::Authentication,
        ),
        ("no such user", ConnectErrorCause::Authentication),
        ("no such database", ConnectErrorCause::UnknownDatabase),
        (
            "no more connections allowed",
            ConnectErrorCause::TooManyConnections,
        ),
        // It has no server for us.
        ("query_wait_timeout", ConnectErrorCause::NotReady),
        ("server conn crashed", ConnectErrorCause::NotReady),
        ("server login has been failing", ConnectErrorCause::NotReady),
        (
            "pgbouncer cannot connect to server",
            ConnectErrorCause::NotReady,
        ),
        ("client_login_timeout", ConnectErrorCause::NotReady),
        ("database removed", ConnectErrorCause::NotReady),
    ];
    let cause = CAUSES.iter().find(|(words, _)| message.starts_with(words));
    match cause {
        Some((_, cause)) => *cause,
        // What it passes on of a server that it logs in to, in the server's language.
        None if message.starts_with("database \"") && message.ends_with("does not exist") => {
            ConnectErrorCause::UnknownDatabase
        }
        None => ConnectErrorCause::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_pgbouncer_tell_why_nobody_was_let_in() {
        for (message, cause) in [
            (
                "password authentication failed",
                ConnectErrorCause::Authentication,
            ),
            (
                "password authentication failed for user \"app\"",
                ConnectErrorCause::Authentication,
            ),
            ("no such database: shop", ConnectErrorCause::UnknownDatabase),
            (
                "database \"shop\" does not exist",
                ConnectErrorCause::UnknownDatabase,
            ),
            (
                "no more connections allowed (max_client_conn)",
                ConnectErrorCause::TooManyConnections,
            ),
            ("query_wait_timeout", ConnectErrorCause::NotReady),
            ("server conn crashed?", ConnectErrorCause::NotReady),
            (
                "server login has been failing, try again later (server_login_retry)",
                ConnectErrorCause::NotReady,
            ),
            (
                "unsupported startup parameter: options",
                ConnectErrorCause::Other,
            ),
        ] {
            assert_eq!(cause_of(message), cause, "{message}");
        }
    }
}
