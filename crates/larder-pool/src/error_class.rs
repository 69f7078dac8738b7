//! The classes of errors: what a program may do about an error, as one table over SQLSTATE.

use crate::server_error::SqlState;

/// What a program may do about an error. [`kind`](crate::Error::kind) says what went wrong.
///
/// # Examples
///
/// ```
/// use larder_pool::{ErrorClass, SqlState};
///
/// assert_eq!(SqlState::DEADLOCK_DETECTED.error_class(), ErrorClass::Retryable);
/// assert_eq!(SqlState::UNIQUE_VIOLATION.error_class(), ErrorClass::Constraint);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// Nothing took effect, and the same work may succeed if it is done again: a serialization
    /// failure, a deadlock, a lock that was not free, a server that only reads by now.
    Retryable,
    /// The connection was lost or could not be made, and nothing took effect.
    Connection,
    /// The data does not allow it: doing it again fails again.
    Constraint,
    /// A limit of time was reached, or somebody cancelled the statement.
    Timeout,
    /// It may have taken effect or not. Doing it again could do it twice.
    OutcomeUnknown,
    /// The caller asked for what cannot be done: a wrong statement, missing rights, a wrong
    /// setting. And everything that none of the others says.
    Caller,
}

impl ErrorClass {
    /// The class as a word for logs and series, such as `outcome_unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retryable => "retryable",
            Self::Connection => "connection",
            Self::Constraint => "constraint",
            Self::Timeout => "timeout",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Caller => "caller",
        }
    }
}

/// The classes of single codes. A code stands before its whole class.
const OF_CODES: &[(&str, ErrorClass)] = &[
    ("08007", ErrorClass::OutcomeUnknown), // transaction resolution unknown
    ("08P01", ErrorClass::Caller),         // protocol violation
    ("25006", ErrorClass::Retryable),      // read-only: the statement did not run
    ("25P03", ErrorClass::Timeout),        // idle in a transaction for too long
    ("25P04", ErrorClass::Timeout),        // transaction timeout
    ("26000", ErrorClass::Retryable),      // the prepared statement is missing: it did not run
    ("40001", ErrorClass::Retryable),      // serialization failure
    ("40002", ErrorClass::Constraint),     // transaction integrity constraint violation
    ("40003", ErrorClass::OutcomeUnknown), // statement completion unknown
    ("40P01", ErrorClass::Retryable),      // deadlock
    ("42P05", ErrorClass::Retryable),      // the prepared statement is there twice: it did not run
    ("53300", ErrorClass::Connection),     // too many connections
    ("55P03", ErrorClass::Retryable),      // lock not available
    ("57014", ErrorClass::Timeout),        // cancelled, by statement_timeout too
    ("57P01", ErrorClass::Connection),     // shut down, or terminated by an administrator
    ("57P02", ErrorClass::Connection),     // crash shutdown
    ("57P03", ErrorClass::Connection),     // cannot connect now
    ("57P05", ErrorClass::Connection),     // idle for too long, outside of a transaction only
];

/// The classes of whole classes of codes, by their first two characters.
const OF_CLASSES: &[(&str, ErrorClass)] = &[
    ("08", ErrorClass::Connection),
    ("23", ErrorClass::Constraint),
    ("40", ErrorClass::Retryable),
];

/// What a program may do about an error with this code.
pub(crate) fn class_of(state: SqlState) -> ErrorClass {
    let find = |table: &[(&str, ErrorClass)], code: &str| {
        let found = table.iter().find(|(known, _)| *known == code);
        found.map(|(_, class)| *class)
    };
    find(OF_CODES, state.as_str())
        .or_else(|| find(OF_CLASSES, state.class()))
        .unwrap_or(ErrorClass::Caller)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn codes_have_the_class_that_says_what_may_be_done() {
        use ErrorClass::{Caller, Connection, Constraint, OutcomeUnknown, Retryable, Timeout};
        for (code, class) in [
            ("40001", Retryable),
            ("40P01", Retryable),
            ("55P03", Retryable),
            ("25006", Retryable),
            ("08006", Connection),
            ("08003", Connection),
            ("57P01", Connection),
            ("57P02", Connection),
            ("57P03", Connection),
            ("57P05", Connection),
            ("53300", Connection),
            ("08007", OutcomeUnknown),
            ("40003", OutcomeUnknown),
            ("23505", Constraint),
            ("23P01", Constraint),
            ("40002", Constraint),
            ("57014", Timeout),
            ("25P03", Timeout),
            ("25P02", Caller),
            ("08P01", Caller),
            ("28P01", Caller),
            ("42601", Caller),
            ("22012", Caller),
            ("XX000", Caller),
        ] {
            let state = SqlState::new(code).unwrap();
            assert_eq!(class_of(state), class, "{code}");
        }
    }
}
