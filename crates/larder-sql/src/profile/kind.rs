//! The kinds of statements.

use std::fmt;

/// What kind of statement it is, by its command.
///
/// The display text is the name of the kind in lower case, as for a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatementKind {
    /// No statement at all.
    Empty,
    /// SELECT, VALUES or TABLE.
    Select,
    /// INSERT.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
    /// MERGE.
    Merge,
    /// COPY.
    Copy,
    /// TRUNCATE.
    Truncate,
    /// REFRESH MATERIALIZED VIEW.
    Refresh,
    /// CREATE TABLE .. AS.
    CreateTableAs,
    /// Any other change of definitions: CREATE, ALTER, DROP, GRANT, COMMENT.
    Ddl,
    /// EXPLAIN.
    Explain,
    /// CALL.
    Call,
    /// DO.
    Do,
    /// PREPARE.
    Prepare,
    /// EXECUTE.
    Execute,
    /// DECLARE, FETCH, MOVE and CLOSE of a cursor.
    Cursor,
    /// SET and RESET, DISCARD.
    Set,
    /// SHOW.
    Show,
    /// LISTEN and UNLISTEN.
    Listen,
    /// NOTIFY.
    Notify,
    /// LOCK.
    Lock,
    /// VACUUM, ANALYZE, REINDEX, CLUSTER, CHECKPOINT.
    Maintenance,
    /// BEGIN, COMMIT, ROLLBACK, savepoints, two-phase commit.
    Transaction,
    /// Several statements in one text.
    Batch,
    /// Anything else.
    Other,
}

impl StatementKind {
    /// The name of the kind in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Merge => "merge",
            Self::Copy => "copy",
            Self::Truncate => "truncate",
            Self::Refresh => "refresh",
            Self::CreateTableAs => "create_table_as",
            Self::Ddl => "ddl",
            Self::Explain => "explain",
            Self::Call => "call",
            Self::Do => "do",
            Self::Prepare => "prepare",
            Self::Execute => "execute",
            Self::Cursor => "cursor",
            Self::Set => "set",
            Self::Show => "show",
            Self::Listen => "listen",
            Self::Notify => "notify",
            Self::Lock => "lock",
            Self::Maintenance => "maintenance",
            Self::Transaction => "transaction",
            Self::Batch => "batch",
            Self::Other => "other",
        }
    }
}

impl StatementKind {
    /// The command as OpenTelemetry names operations, in capital letters: `SELECT`, `INSERT`,
    /// `UPDATE`, `DELETE`, `MERGE`, `COPY`, `CALL`, `BATCH`, and `OTHER` for the rest.
    #[must_use]
    pub fn operation(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Merge => "MERGE",
            Self::Copy => "COPY",
            Self::Call => "CALL",
            Self::Batch => "BATCH",
            _ => "OTHER",
        }
    }
}

impl fmt::Display for StatementKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
