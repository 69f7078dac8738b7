//! The document that the catalog query gives.

use serde::Deserialize;

/// What the catalog holds, as [`CATALOG_QUERY`](super::CATALOG_QUERY) gives it.
///
/// It is read from JSON by `serde`; a document that lacks a part is refused. What the parts hold
/// is a matter between the query and [`Catalog::new`](super::Catalog::new).
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(Default))]
#[non_exhaustive]
pub struct CatalogSnapshot {
    /// `current_schemas(true)`.
    pub(super) search_path: Vec<Box<str>>,
    /// Tables, views, sequences: all that a statement can name in the place of a table.
    pub(super) relations: Vec<Relation>,
    pub(super) row_keys: Vec<RowKey>,
    /// Whether a user made an operator `=` between types of PostgreSQL's own.
    pub(super) own_equality: bool,
    /// Names of the users' aggregates.
    pub(super) aggregates: Vec<Box<str>>,
    /// Child and parent, by inheritance and by partitioning.
    pub(super) inheritance: Vec<(u32, u32)>,
    /// View and relation that it reads.
    pub(super) view_relations: Vec<(u32, u32)>,
    /// View and user's function that it calls.
    pub(super) view_functions: Vec<(u32, u32)>,
    pub(super) foreign_keys: Vec<ForeignKey>,
    pub(super) triggers: Vec<Trigger>,
    /// Those that REFRESH sets off.
    pub(super) event_triggers: Vec<EventTrigger>,
    pub(super) rules: Vec<Rule>,
    /// Functions that are called when rows are written or read, by what the text does not show.
    pub(super) expressions: Vec<Expression>,
    /// What decides which rows are seen where row-level security holds.
    pub(super) policies: Vec<Policy>,
    /// All functions but PostgreSQL's own.
    pub(super) functions: Vec<Function>,
    pub(super) operators: Vec<Operator>,
    /// Functions of the user's casts that no text shows, as far as they are not IMMUTABLE.
    pub(super) casts: Vec<u32>,
    pub(super) mentions: Vec<Mention>,
    pub(super) system_functions: SystemFunctions,
}

/// A row of `pg_class`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(Default))]
pub(super) struct Relation {
    pub(super) oid: u32,
    pub(super) schema: Box<str>,
    pub(super) name: Box<str>,
    /// `relkind`.
    pub(super) kind: char,
    pub(super) temporary: bool,
    /// Whether it has row-level security at all.
    pub(super) row_security: bool,
    /// Whether row-level security holds for the user of the snapshot.
    pub(super) row_security_active: bool,
    /// Of a view: how it can be written without triggers, as bits `1 << CmdType`.
    pub(super) updatable: u32,
    /// Of a view: its query.
    pub(super) definition: Option<Box<str>>,
}

/// The primary key of a table, if it is one column and is checked at once.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RowKey {
    pub(super) table: u32,
    pub(super) column: Box<str>,
    /// `atttypid`.
    #[serde(rename = "type")]
    pub(super) type_oid: u32,
    /// Whether its collation takes texts for one only if their bytes are.
    pub(super) deterministic: bool,
    /// Whether no other unique index is of this column alone.
    pub(super) sole: bool,
}

/// A foreign key.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct ForeignKey {
    /// The table that refers.
    pub(super) from: u32,
    /// The table that is referred to.
    pub(super) to: u32,
    /// `confupdtype`.
    pub(super) on_update: char,
    /// `confdeltype`.
    pub(super) on_delete: char,
}

/// A trigger of the user's that is not disabled.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Trigger {
    pub(super) table: u32,
    pub(super) name: Box<str>,
    pub(super) function: u32,
    /// `tgtype`.
    pub(super) events: u32,
}

/// An event trigger that is not disabled.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct EventTrigger {
    pub(super) name: Box<str>,
    pub(super) function: u32,
}

/// A rule other than that of a view.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Rule {
    pub(super) table: u32,
    pub(super) name: Box<str>,
    /// `ev_type`.
    pub(super) event: char,
}

/// A function that is called by a default, a constraint, a generated column or a policy.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Expression {
    pub(super) table: u32,
    pub(super) function: u32,
    /// Whether it is called when rows are read, too.
    pub(super) on_read: bool,
}

/// A policy of row-level security that is asked when rows are read.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Policy {
    pub(super) table: u32,
    pub(super) name: Box<str>,
    /// Which rows it shows, in SQL; `None` for all.
    pub(super) condition: Option<Box<str>>,
    /// What its condition reads beside its own table.
    pub(super) relations: Vec<u32>,
    /// The user's functions that it calls.
    pub(super) functions: Vec<u32>,
}

/// A row of `pg_proc`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(Default))]
pub(super) struct Function {
    pub(super) oid: u32,
    pub(super) schema: Box<str>,
    pub(super) name: Box<str>,
    /// `provolatile`; of an aggregate, the worst of its support functions.
    pub(super) volatility: char,
    pub(super) extension: Option<Box<str>>,
    /// The defaults of its arguments, if it is no extension's and has any.
    pub(super) defaults: Option<Box<str>>,
}

/// An operator of the user's whose function is not IMMUTABLE.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Operator {
    pub(super) name: Box<str>,
    pub(super) function: u32,
    /// Whether an index or a sort may use it, so that no text shows it.
    pub(super) implicit: bool,
}

/// A name that may be the call of a function that is not IMMUTABLE without looking like one: that
/// of the function itself, written like a column, or of a type that calls it when a value becomes
/// one of it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Mention {
    pub(super) name: Box<str>,
    pub(super) function: u32,
    /// Whether it is the name of a type, and means nothing where no type can stand.
    pub(super) as_type: bool,
}

/// Names of the functions of `pg_catalog`, with spaces between them. A name stands under the
/// worst volatility of all functions that have it.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(Default))]
pub(super) struct SystemFunctions {
    pub(super) immutable: Box<str>,
    pub(super) stable: Box<str>,
    pub(super) volatile: Box<str>,
}

/// A document for the examples of this documentation.
#[doc(hidden)]
pub const EXAMPLE_DOCUMENT: &str = include_str!("example.json");
