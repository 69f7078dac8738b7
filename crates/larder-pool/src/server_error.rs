//! What the server says when it refuses a statement.

use std::fmt;
use std::time::Duration;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use larder_sql::Fingerprint;
use tokio_postgres::error::{DbError, ErrorPosition, Severity, SqlState as Code};

use crate::error_class::{self, ErrorClass};
use crate::pooler_reply;
use crate::trouble::Trouble;

/// The five characters by which PostgreSQL names an error (its manual, appendix A).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// A statement in a transaction that has already failed.
    pub const IN_FAILED_TRANSACTION: Self = Self(*b"25P02");
    /// The statement was cancelled, by a deadline or by request.
    pub const QUERY_CANCELED: Self = Self(*b"57014");
    /// A unique constraint was violated.
    pub const UNIQUE_VIOLATION: Self = Self(*b"23505");
    /// An exclusion constraint was violated.
    pub const EXCLUSION_VIOLATION: Self = Self(*b"23P01");
    /// The transaction cannot be put in an order with others that ran at the same time.
    pub const SERIALIZATION_FAILURE: Self = Self(*b"40001");
    /// Transactions waited for each other, and this one was chosen to end it.
    pub const DEADLOCK_DETECTED: Self = Self(*b"40P01");
    /// A lock was not free, and the statement did not want to wait, or not for longer.
    pub const LOCK_NOT_AVAILABLE: Self = Self(*b"55P03");
    /// A write where nothing may be written: the transaction only reads, or the server is a standby.
    pub const READ_ONLY_TRANSACTION: Self = Self(*b"25006");
    /// An administrator, or the server that shuts down, has ended the connection.
    pub const ADMIN_SHUTDOWN: Self = Self(*b"57P01");

    /// The code of a text of five ASCII characters.
    pub fn new(code: &str) -> Option<Self> {
        let bytes: [u8; 5] = code.as_bytes().try_into().ok()?;
        bytes.is_ascii().then_some(Self(bytes))
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in.
        std::str::from_utf8(&self.0).unwrap_or("?????")
    }

    /// The first two characters: the class of the error, such as `08` for connections.
    pub fn class(&self) -> &str {
        &self.as_str()[..2]
    }

    /// What a program may do about an error with this code.
    pub fn error_class(&self) -> ErrorClass {
        error_class::class_of(*self)
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An error as the server reported it, whole: Diesel keeps only a part of it.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerError {
    state: SqlState,
    severity: String,
    ends_connection: bool,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    schema: Option<String>,
    table: Option<String>,
    column: Option<String>,
    constraint: Option<String>,
    position: Option<i32>,
    fingerprint: Option<Fingerprint>,
    note: Option<String>,
}

impl ServerError {
    /// The server's part of an error, if it has one.
    pub(crate) fn of(error: &tokio_postgres::Error) -> Option<Self> {
        error.as_db_error().and_then(Self::of_reply)
    }

    fn of_reply(reply: &DbError) -> Option<Self> {
        let position = reply.position().and_then(|position| match position {
            ErrorPosition::Original(position) | ErrorPosition::Internal { position, .. } => {
                i32::try_from(*position).ok()
            }
        });
        Some(Self {
            state: SqlState::new(reply.code().code())?,
            severity: reply.severity().to_owned(),
            ends_connection: match reply.parsed_severity() {
                Some(severity) => matches!(severity, Severity::Fatal | Severity::Panic),
                // PgBouncer leaves out the field that is in no language, and writes English.
                None => matches!(reply.severity(), "FATAL" | "PANIC"),
            },
            message: reply.message().to_owned(),
            detail: reply.detail().map(str::to_owned),
            hint: reply.hint().map(str::to_owned),
            schema: reply.schema().map(str::to_owned),
            table: reply.table().map(str::to_owned),
            column: reply.column().map(str::to_owned),
            constraint: reply.constraint().map(str::to_owned),
            position,
            fingerprint: None,
            note: None,
        })
    }

    /// The code that names the error.
    pub fn state(&self) -> SqlState {
        self.state
    }

    /// `ERROR`, `FATAL` or `PANIC`, in the language of the server.
    pub fn severity(&self) -> &str {
        &self.severity
    }

    /// Whether the server closes the connection with this error (FATAL, PANIC).
    pub fn ends_connection(&self) -> bool {
        self.ends_connection
    }

    /// The sentence of the server. It may contain values of the statement.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the server adds to its message. It may contain values of the row.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// What the server suggests.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The schema of the object that the error is about.
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The table that the error is about.
    pub fn table(&self) -> Option<&str> {
        self.table.as_deref()
    }

    /// The column that the error is about.
    pub fn column(&self) -> Option<&str> {
        self.column.as_deref()
    }

    /// The constraint that was violated.
    pub fn constraint(&self) -> Option<&str> {
        self.constraint.as_deref()
    }

    /// What to do where this is how a pooler in transaction mode shows that nobody told of it.
    pub(crate) fn pooler_advice(&self) -> Option<&'static str> {
        const ADVICE: &str = "this looks like a pooler in transaction mode, which keeps no \
            prepared statements and takes no startup options: set database.pooler = transaction";
        let is_missing_statement = matches!(self.state.as_str(), "26000" | "42P05");
        // A pooler's own words, which are in English everywhere.
        let is_refused_option = self.state.as_str() == "08P01"
            && self.message.starts_with("unsupported startup parameter");
        (is_missing_statement || is_refused_option).then_some(ADVICE)
    }

    /// The same error with that said.
    pub(crate) fn with_pooler_advice(mut self) -> Self {
        if let Some(advice) = self.pooler_advice() {
            self.message = format!("{}: {advice}", self.message);
        }
        self
    }

    /// What a program may do about it. A protocol violation (08P01) with which the connection
    /// ends is how PgBouncer tells that it has lost the server or has none, and counts as a lost
    /// connection.
    pub fn class(&self) -> ErrorClass {
        if self.ends_connection && pooler_reply::is_of_pooler(self.state) {
            return pooler_reply::class_of(&self.message);
        }
        self.state.error_class()
    }

    /// Which statement it was that failed: the fingerprint under which statistics and logs
    /// have it. `None` where it was none of a user's, such as COMMIT.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint
    }

    /// What Larder has to add: that a deadline was the reason, or why it did not try again.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Whether what was to be committed may have been: by the codes with which the server itself
    /// says that it does not know (40003 statement completion unknown, 08007 transaction
    /// resolution unknown), and those with which it hangs up, or a pooler says that the server
    /// did (class 08, and 57P01 to 57P03), perhaps after it has committed. Not by 08P01, unless the
    /// connection ends with it: so the server refuses values that it cannot read, and runs nothing.
    pub(crate) fn leaves_outcome_open(&self) -> bool {
        self.ends_connection
            || match self.state.as_str() {
                "08P01" => false,
                "40003" | "57P01" | "57P02" | "57P03" => true,
                _ => self.state.class() == "08",
            }
    }

    /// It was this statement that failed, unless it is known already.
    pub(crate) fn blame(&mut self, fingerprint: Fingerprint) {
        self.fingerprint.get_or_insert(fingerprint);
    }

    /// Adds something in Larder's own words.
    pub(crate) fn add_note(&mut self, note: &str) {
        match &mut self.note {
            Some(known) => {
                known.push_str("; ");
                known.push_str(note);
            }
            None => self.note = Some(note.to_owned()),
        }
    }

    /// Whether it is `diesel` that reports this very error.
    pub(crate) fn is_reported_by(&self, error: &DieselError) -> bool {
        matches!(error, DieselError::DatabaseError(_, information)
            if information.message() == self.message)
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (SQLSTATE {}", self.message, self.state)?;
        if let Some(constraint) = &self.constraint {
            write!(formatter, ", constraint {constraint}")?;
        }
        if let Some(fingerprint) = self.fingerprint {
            write!(formatter, ", statement {fingerprint}")?;
        }
        formatter.write_str(")")?;
        match &self.note {
            Some(note) => write!(formatter, "; {note}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the detail: it quotes the values of rows.
        formatter
            .debug_struct("ServerError")
            .field("state", &self.state)
            .field("severity", &self.severity)
            .field("message", &self.message)
            .field("table", &self.table)
            .field("constraint", &self.constraint)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for ServerError {}

impl DatabaseErrorInformation for ServerError {
    fn message(&self) -> &str {
        &self.message
    }

    fn details(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    fn table_name(&self) -> Option<&str> {
        self.table.as_deref()
    }

    fn column_name(&self) -> Option<&str> {
        self.column.as_deref()
    }

    fn constraint_name(&self) -> Option<&str> {
        self.constraint.as_deref()
    }

    fn statement_position(&self) -> Option<i32> {
        self.position
    }
}

/// The error that Diesel's callers see. `lost` says why the connection is gone, where that is
/// known, and `reply` is what the server said, perhaps before anybody asked.
pub(crate) fn to_diesel(
    error: &tokio_postgres::Error,
    lost: Option<&str>,
    reply: Option<&ServerError>,
) -> DieselError {
    match reply {
        Some(reply) => {
            let kind = match error.code() {
                Some(code) => kind_of(Some(code)),
                None => DatabaseErrorKind::ClosedConnection,
            };
            DieselError::DatabaseError(kind, Box::new(reply.clone()))
        }
        None if error.is_closed() => DieselError::DatabaseError(
            DatabaseErrorKind::ClosedConnection,
            Box::new(match lost {
                Some(cause) => format!("the connection is closed: {cause}"),
                None => "the connection is closed".to_owned(),
            }),
        ),
        None => DieselError::DatabaseError(
            DatabaseErrorKind::UnableToSendCommand,
            Box::new(with_causes(error)),
        ),
    }
}

/// The error of an answer that did not come within a limit of this side.
pub(crate) fn late(limit: Duration) -> DieselError {
    let kind = DatabaseErrorKind::Unknown;
    Trouble::Late.error(
        kind,
        format!("the database has not answered within {limit:?}"),
    )
}

/// The same, for the deadline of the request.
pub(crate) fn too_late(limit: Duration) -> DieselError {
    let kind = DatabaseErrorKind::Unknown;
    let message = format!(
        "the database has not answered before the deadline of the request, {limit:?} in all"
    );
    Trouble::Late.error(kind, message)
}

/// The error of a transaction whose deadline had passed when it was to be committed.
pub(crate) fn too_late_to_commit(limit: Duration) -> DieselError {
    let message = format!(
        "nothing was committed: the deadline of the request, {limit:?} in all, had passed before COMMIT"
    );
    Trouble::Late.error(DatabaseErrorKind::Unknown, message)
}

/// The code behind a kind of Diesel's, for errors of which nothing else is left.
pub(crate) fn state_of(kind: &DatabaseErrorKind) -> Option<SqlState> {
    let code = match kind {
        DatabaseErrorKind::UniqueViolation => Code::UNIQUE_VIOLATION,
        DatabaseErrorKind::ForeignKeyViolation => Code::FOREIGN_KEY_VIOLATION,
        DatabaseErrorKind::RestrictViolation => Code::RESTRICT_VIOLATION,
        DatabaseErrorKind::ExclusionViolation => Code::EXCLUSION_VIOLATION,
        DatabaseErrorKind::NotNullViolation => Code::NOT_NULL_VIOLATION,
        DatabaseErrorKind::CheckViolation => Code::CHECK_VIOLATION,
        DatabaseErrorKind::SerializationFailure => Code::T_R_SERIALIZATION_FAILURE,
        DatabaseErrorKind::ReadOnlyTransaction => Code::READ_ONLY_SQL_TRANSACTION,
        _ => return None,
    };
    SqlState::new(code.code())
}

pub(crate) fn kind_of(code: Option<&Code>) -> DatabaseErrorKind {
    match code {
        Some(&Code::UNIQUE_VIOLATION) => DatabaseErrorKind::UniqueViolation,
        Some(&Code::FOREIGN_KEY_VIOLATION) => DatabaseErrorKind::ForeignKeyViolation,
        Some(&Code::RESTRICT_VIOLATION) => DatabaseErrorKind::RestrictViolation,
        Some(&Code::EXCLUSION_VIOLATION) => DatabaseErrorKind::ExclusionViolation,
        Some(&Code::NOT_NULL_VIOLATION) => DatabaseErrorKind::NotNullViolation,
        Some(&Code::CHECK_VIOLATION) => DatabaseErrorKind::CheckViolation,
        Some(&Code::T_R_SERIALIZATION_FAILURE) => DatabaseErrorKind::SerializationFailure,
        Some(&Code::READ_ONLY_SQL_TRANSACTION) => DatabaseErrorKind::ReadOnlyTransaction,
        _ => DatabaseErrorKind::Unknown,
    }
}

/// The error and what caused it, on one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
