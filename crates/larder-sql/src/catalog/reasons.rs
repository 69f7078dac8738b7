//! Why a result cannot be cached, and why a write counts as one of everything.

use crate::{QualifiedName, StatementKind, UnknownReason};

/// Why the result of a statement cannot be cached, and what to do about it.
///
/// The display text is a fragment that reads after "not cached: ". It holds names of the
/// statement, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Uncacheable {
    /// It is not known what the statement does.
    #[error("not known what the statement does: {0}")]
    Unknown(UnknownReason),

    /// It is another statement than a query.
    #[error("a statement of kind {0} and not a query")]
    NotAQuery(StatementKind),

    /// It is a query that changes rows or definitions.
    #[error("the query writes")]
    Writes,

    /// It locks rows.
    #[error(
        "the query locks rows (FOR UPDATE and its like): leave the lock out, or run it without the cache"
    )]
    LocksRows,

    /// A table that the catalog does not have. The catalog may be older than the table.
    #[error(
        "the catalog has no table {0}: if it is new, it is found when the catalog is read again"
    )]
    UnknownTable(QualifiedName),

    /// A function that the catalog does not have. The catalog may be older than the function.
    #[error(
        "the catalog has no function {0}: if it is new, it is found when the catalog is read again"
    )]
    UnknownFunction(QualifiedName),

    /// A table or view of the system, which changes without statements.
    #[error(
        "{0} belongs to the system and changes unseen: declare it with cacheable_table to cache it for its time to live"
    )]
    SystemTable(QualifiedName),

    /// A foreign table, which changes on another server; or one with such a partition.
    #[error(
        "{0} is a foreign table and changes unseen: declare it with cacheable_table to cache it for its time to live"
    )]
    ForeignTable(QualifiedName),

    /// A temporary table, which only one session has.
    #[error("{0} is a temporary table, which every session has for itself")]
    TemporaryTable(QualifiedName),

    /// A sequence, which changes outside of transactions.
    #[error(
        "{0} is a sequence and changes unseen: declare it with cacheable_table to cache it for its time to live"
    )]
    Sequence(QualifiedName),

    /// Row-level security decides which rows the user sees.
    #[error(
        "row-level security decides which rows of {0} are seen: read it in a scope that names the tenant, the role or the settings that its policies use"
    )]
    RowSecurity(QualifiedName),

    /// A policy of row-level security reads a setting that the scope does not set.
    #[error(
        "the policy {policy} of {table} reads the setting {setting}, which the scope of the read does not set: set it there, so that results under one value are not those of another"
    )]
    PolicySetting {
        /// The table.
        table: QualifiedName,
        /// The policy.
        policy: Box<str>,
        /// The setting.
        setting: Box<str>,
    },

    /// It is not known what the condition of a policy does.
    #[error(
        "the policy {policy} of {table} is not understood ({reason}): read it without the cache, or write the policy so that it names its settings and tables"
    )]
    Policy {
        /// The table.
        table: QualifiedName,
        /// The policy.
        policy: Box<str>,
        /// Why it is not understood.
        reason: Box<str>,
    },

    /// It is not known what the query of a view does.
    #[error("the query of the view {view} is not understood ({reason}): query its tables directly")]
    View {
        /// The view.
        view: QualifiedName,
        /// Why it is not understood.
        reason: Box<str>,
    },

    /// A STABLE function of the user's, which may read tables.
    #[error(
        "the function {0} is STABLE and may read tables: declare them with function_reads, or make it IMMUTABLE if it reads none"
    )]
    FunctionReads(QualifiedName),

    /// A VOLATILE function, or one that is declared to write.
    #[error(
        "the function {0} may write: declare what it reads with function_reads if it does not, or make it STABLE or IMMUTABLE"
    )]
    FunctionWrites(QualifiedName),

    /// A function of PostgreSQL's whose result depends on more than arguments and tables.
    #[error(
        "the result of the function {0} depends on the state of the server or the session: bind the value that it would give instead"
    )]
    ServerState(QualifiedName),

    /// A function of PostgreSQL's that does something each time.
    #[error(
        "the function {0} does something each time that it is called: run it without the cache"
    )]
    SideEffect(QualifiedName),

    /// An operator, a cast or a domain whose function is not IMMUTABLE, so that any statement
    /// may call it unseen.
    #[error(
        "the function {0} stands behind an operator, a cast or a domain and is not IMMUTABLE, so any statement may call it: make it IMMUTABLE, or declare it with function_reads"
    )]
    Unseen(QualifiedName),

    /// It gives something else at each moment.
    #[error("{} may give something else each time: bind a value instead, or allow it with allow_volatile()", list(.0))]
    Volatile(Box<[QualifiedName]>),
}

fn list(names: &[QualifiedName]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// Why a statement counts as writing everything, and what to do about it.
///
/// The display text is a fragment that reads after "counts as writing everything: ". It holds
/// names of the statement, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EverythingReason {
    /// It is not known what the statement does.
    #[error("not known what it does: {0}")]
    Unknown(UnknownReason),

    /// It changes definitions.
    #[error("it changes definitions")]
    SchemaChange,

    /// A table that the catalog does not have. The catalog may be older than the table.
    #[error("the catalog has no table {0}")]
    UnknownTable(QualifiedName),

    /// A function that the catalog does not have. The catalog may be older than the function.
    #[error("the catalog has no function {0}")]
    UnknownFunction(QualifiedName),

    /// It calls a function that may write.
    #[error(
        "the function {0} may write: declare what it writes with function_writes, or make it STABLE or IMMUTABLE"
    )]
    Function(QualifiedName),

    /// An operator, a cast or a domain whose function may write.
    #[error(
        "the function {0} stands behind an operator, a cast or a domain and may write: make it IMMUTABLE, or declare it with function_writes"
    )]
    Unseen(QualifiedName),

    /// A default, a constraint or a policy of a table calls a function that may write.
    #[error(
        "a default, a constraint or a policy of {table} calls the function {function}, which may write: declare what it writes with function_writes"
    )]
    Expression {
        /// The table.
        table: QualifiedName,
        /// The function.
        function: QualifiedName,
    },

    /// A table has a trigger.
    #[error(
        "the table {table} has the trigger {trigger}: declare what it writes with triggers_write, or its function with function_writes"
    )]
    Trigger {
        /// The table.
        table: QualifiedName,
        /// The trigger.
        trigger: Box<str>,
    },

    /// The command sets off an event trigger.
    #[error(
        "the event trigger {0} may write: declare what its function writes with function_writes"
    )]
    EventTrigger(Box<str>),

    /// A table or view has a rule.
    #[error("{table} has the rule {rule}: declare what it writes with triggers_write")]
    Rule {
        /// The table or view.
        table: QualifiedName,
        /// The rule.
        rule: Box<str>,
    },

    /// A view that PostgreSQL does not update by itself.
    #[error(
        "the view {0} is not updatable by itself: declare what is written in its place with triggers_write"
    )]
    View(QualifiedName),

    /// A foreign table, which may be any table of another server, or of this one.
    #[error(
        "{0} is a foreign table: declare it with cacheable_table if nothing but itself changes with it"
    )]
    ForeignTable(QualifiedName),

    /// A table of the system.
    #[error("{0} belongs to the system")]
    SystemTable(QualifiedName),
}
