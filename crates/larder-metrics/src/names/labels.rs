//! What the values of labels are, and how many of them there may be.

use crate::labels::{
    CHECKS, COLLECTIONS, FINGERPRINTS, OPERATIONS, SERVICES, SINKS, SQLSTATES, WORK,
};

/// A label: what its values are, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LabelDefinition {
    /// Its name.
    pub name: &'static str,
    /// What its values are, in words.
    pub values: &'static str,
    /// The most values in a process, `other` not counted; `None` where there are few anyway: words
    /// of Larder's own, or one for each instance.
    pub most: Option<usize>,
}

/// All labels there are.
pub const LABELS: &[LabelDefinition] = &[
    fixed("db_system_name", "`postgresql`"),
    fixed(
        "db_operation_name",
        "the first word of the statement: `SELECT`, `INSERT`, `UPDATE`, `DELETE`, `MERGE`, `COPY`, `CALL`, `BATCH` or `OTHER`",
    ),
    bounded(
        "db_collection_name",
        "the table that the statement is about, as the statement names it; empty where it is about several or none",
        COLLECTIONS,
    ),
    bounded(
        "db_response_status_code",
        "the SQLSTATE of the failure",
        SQLSTATES,
    ),
    fixed(
        "error_type",
        "the SQLSTATE of the failure, or `cancelled` or `connection`; empty for success",
    ),
    fixed("pool", "the name of the instance's pool"),
    fixed(
        "database",
        "the name of the instance, the same as that of its pool",
    ),
    bounded(
        "fingerprint",
        "the hash of the statement without its values, as the slow query log has it",
        FINGERPRINTS,
    ),
    fixed("state", "`idle` or `used`"),
    fixed("cause", "why, as a word"),
    fixed("reason", "why, as a word"),
    fixed("refusal", "why not, as a word"),
    bounded(
        "name",
        "the name that the program gave to what is retried",
        WORK,
    ),
    fixed("tier", "`l1`, the cache of the process, or `l2`, Redis"),
    fixed("outcome", "how it ended, as a word"),
    fixed("direction", "`sent` or `received`"),
    bounded(
        "service",
        "the name that the program gave to the service",
        SERVICES,
    ),
    bounded("operation", "the method of the service", OPERATIONS),
    bounded("check", "the name of the health check", CHECKS),
    fixed(
        "status",
        "a status of health, or `success`, `error` or `cancelled` of a statement",
    ),
    bounded("sink", "the name of what alerts are sent to", SINKS),
    fixed("version", "the version of Larder"),
    fixed(
        "query_type",
        "`select`, `insert`, `update`, `delete` or `other`",
    ),
    fixed("cache_type", "`query`"),
];

const fn fixed(name: &'static str, values: &'static str) -> LabelDefinition {
    LabelDefinition {
        name,
        values,
        most: None,
    }
}

const fn bounded(name: &'static str, values: &'static str, most: usize) -> LabelDefinition {
    LabelDefinition {
        name,
        values,
        most: Some(most),
    }
}
