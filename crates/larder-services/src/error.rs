//! What can go wrong in a service, and of which kind it is.

use std::convert::Infallible;
use std::fmt;
use std::ops::RangeInclusive;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use larder_pool::{ErrorClass, RetryableError, SqlState};

use crate::import::CsvError;

/// The result of a service's operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation of a service failed.
///
/// Its text is a fragment that reads after "failed to", for example
/// "find restaurant 7: there is none".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value breaks a rule; nothing was sent to the database.
    #[error(transparent)]
    InvalidInput(#[from] InvalidInput),

    /// What was asked for by its key does not exist.
    #[error("find {what} {key}: there is none")]
    NotFound {
        /// What was looked for, for example "restaurant".
        what: &'static str,
        /// The key that it was looked for by.
        key: String,
    },

    /// Another row has a value already that may occur only once.
    #[error("write the {field}: another row has it already (constraint {constraint})")]
    Conflict {
        /// The field whose value is taken, for example "email".
        field: String,
        /// The constraint that says so, for example `users_email_key`.
        constraint: String,
    },

    /// A CSV file cannot be read on. Rows that break a rule are no error: they are reported as
    /// rejected.
    #[error(transparent)]
    Csv(#[from] CsvError),

    /// The database could not be reached, or refused.
    #[error(transparent)]
    Database(larder_database::Error),

    /// A batch of an import could not be written. Nothing of it is in the database; the batches
    /// before it are.
    #[error("write the {what} of lines {} to {}: {source}", .lines.start(), .lines.end())]
    ImportBatch {
        /// What was imported: "restaurants" or "reviews".
        what: &'static str,
        /// The lines of the file that the batch came from.
        lines: RangeInclusive<u64>,
        /// Why.
        source: larder_database::Error,
    },
}

impl Error {
    /// Says that there is no `what` with a key.
    pub(crate) fn not_found(what: &'static str, key: impl fmt::Display) -> Self {
        Self::NotFound {
            what,
            key: key.to_string(),
        }
    }

    /// The kind of the failure, to decide by.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidInput(_) => ErrorKind::InvalidInput,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Conflict { .. } => ErrorKind::Conflict,
            Self::Csv(_) => ErrorKind::Csv,
            Self::Database(_) | Self::ImportBatch { .. } => ErrorKind::Database,
        }
    }

    /// What a program may do about it.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Database(error) | Self::ImportBatch { source: error, .. } => error.class(),
            Self::Conflict { .. } => ErrorClass::Constraint,
            Self::InvalidInput(_) | Self::NotFound { .. } | Self::Csv(_) => ErrorClass::Caller,
        }
    }

    /// The error of the database, where it was one.
    #[must_use]
    pub fn database_error(&self) -> Option<&larder_database::Error> {
        match self {
            Self::Database(error) | Self::ImportBatch { source: error, .. } => Some(error),
            _ => None,
        }
    }
}

impl RetryableError for Error {
    fn pool_error(&self) -> Option<&larder_pool::Error> {
        self.database_error()?.pool_error()
    }
}

impl From<larder_database::Error> for Error {
    /// A violated unique constraint becomes [`Error::Conflict`].
    fn from(error: larder_database::Error) -> Self {
        let reply = error.server_error();
        match reply.filter(|reply| reply.state() == SqlState::UNIQUE_VIOLATION) {
            Some(reply) => conflict(reply.table(), reply.constraint()),
            None => Self::Database(error),
        }
    }
}

impl From<DieselError> for Error {
    /// The same. Only the connection knows the SQLSTATE of other errors, so it is missing here:
    /// a closure that returns Diesel's error to `transaction` keeps it.
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, reply) => {
                conflict(reply.table_name(), reply.constraint_name())
            }
            _ => Self::Database(error.into()),
        }
    }
}

impl From<Infallible> for Error {
    /// What is valid already is converted without a check.
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The migrations name a unique constraint as PostgreSQL does: table, column, `key`.
fn conflict(table: Option<&str>, constraint: Option<&str>) -> Error {
    let constraint = constraint.unwrap_or_default();
    let field = constraint
        .strip_prefix(table.unwrap_or_default())
        .and_then(|rest| rest.strip_prefix('_')?.strip_suffix("_key"))
        .unwrap_or(constraint);
    Error::Conflict {
        field: field.to_owned(),
        constraint: constraint.to_owned(),
    }
}

/// The kinds of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A value breaks a rule: the caller has to change it.
    InvalidInput,
    /// There is no such row.
    NotFound,
    /// A value that may occur only once is taken.
    Conflict,
    /// A CSV file cannot be read on.
    Csv,
    /// The database could not be reached, or refused.
    Database,
}

/// A value that breaks a rule: which input, the value, and the rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("accept {input} {value:?}: {rule}")]
pub struct InvalidInput {
    input: &'static str,
    value: String,
    rule: String,
}

impl InvalidInput {
    /// Says that `input` was given `value`, which breaks `rule` ("it must be ...").
    /// Of a long value only the beginning is kept.
    pub(crate) fn new(
        input: &'static str,
        value: impl fmt::Display,
        rule: impl Into<String>,
    ) -> Self {
        Self {
            input,
            value: shortened(&value.to_string()),
            rule: rule.into(),
        }
    }

    /// The name of the input, for example "latitude".
    #[must_use]
    pub fn input(&self) -> &'static str {
        self.input
    }

    /// The value that was given, shortened to 200 characters.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What would be right, for example "must be a number from -90 to 90".
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }
}

/// The most characters of a bad value that are kept.
const VALUE_CHARS: usize = 200;

/// The first characters of a bad value, with an ellipsis where it went on.
pub(crate) fn shortened(value: &str) -> String {
    match value.char_indices().nth(VALUE_CHARS) {
        None => value.to_owned(),
        Some((end, _)) => format!("{}…", &value[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_read_after_failed_to() {
        let error = Error::from(InvalidInput::new("latitude", 91, "must be from -90 to 90"));
        assert_eq!(
            error.to_string(),
            "accept latitude \"91\": must be from -90 to 90"
        );
        assert_eq!(error.kind(), ErrorKind::InvalidInput);

        let error = Error::not_found("restaurant", 7);
        assert_eq!(error.to_string(), "find restaurant 7: there is none");
        assert_eq!(error.kind(), ErrorKind::NotFound);

        let error = Error::Conflict {
            field: "email".into(),
            constraint: "users_email_key".into(),
        };
        assert!(error.to_string().contains("users_email_key"));
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }

    #[test]
    fn a_conflict_names_the_field_by_the_constraint() {
        for (table, constraint, expected) in [
            (Some("users"), "users_email_key", "email"),
            (
                Some("restaurants"),
                "restaurants_source_id_key",
                "source_id",
            ),
            (Some("users"), "users_pkey", "users_pkey"),
            (None, "one_per_day", "one_per_day"),
        ] {
            match conflict(table, Some(constraint)) {
                Error::Conflict { field, .. } => assert_eq!(field, expected),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_long_value_is_shortened_between_characters() {
        let error = InvalidInput::new("name", "é".repeat(500), "too long");
        assert_eq!(error.value().chars().count(), VALUE_CHARS + 1);
        assert!(error.value().ends_with('…'));
    }
}
