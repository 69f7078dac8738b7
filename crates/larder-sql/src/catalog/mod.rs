//! What PostgreSQL's catalog adds to the text of a statement.
//!
//! [`classify`](crate::classify) reads names from a text. Which tables they are, and what
//! else a statement touches, only the catalog knows: views, partitions, foreign keys, triggers,
//! rules, and what functions do. A [`Catalog`] is a picture of that, taken by one query
//! ([`CATALOG_QUERY`]), and answers four questions without a server:
//!
//! - [`Catalog::reads`]: which tables decide the result, and may the result be cached at all?
//! - [`Catalog::writes`]: whose readers have to be told when the statement commits?
//! - [`Catalog::row_read`] and [`Catalog::row_write`]: is it about rows of one table that are known
//!   by their keys, so that other rows do not matter?
//! - [`Catalog::may_change_schema`]: does the picture have to be taken again?
//!
//! ```
//! use larder_sql::catalog::{Catalog, CatalogSnapshot, Declarations, WriteSet};
//! use larder_sql::classify;
//!
//! // What CATALOG_QUERY gives, as JSON.
//! # let document = larder_sql::catalog::EXAMPLE_DOCUMENT;
//! let snapshot: CatalogSnapshot = serde_json::from_str(document)?;
//! let catalog = Catalog::new(snapshot, &Declarations::new());
//!
//! let read = catalog.reads(&classify("select * from open_restaurants"))?;
//! let write = catalog.writes(&classify("update restaurants set name = $1 where id = $2"));
//! // The view reads its base table, so both speak of the same one.
//! assert_eq!(write, WriteSet::Tables(read.tables));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The rule
//!
//! What is not certain is never cached, and counts as writing everything. A user who knows better
//! says so in [`Declarations`].
//!
//! # What is taken on trust
//!
//! - Functions do what their volatility says: an IMMUTABLE one depends on its arguments alone, a
//!   STABLE one writes nothing.
//! - The settings in [`RESULT_SETTINGS`] are part of what tells two results apart; a function
//!   that depends on another setting is not cached.
//! - Statements run under the search path and the role that the snapshot was taken under;
//!   [`StatementProfile::session_effect`](crate::StatementProfile::session_effect) says which
//!   statements change that.

mod builtin_functions;
mod closure;
mod declarations;
mod functions;
mod keys;
mod log;
mod names;
mod policies;
mod query;
mod reads;
mod reasons;
mod rows;
mod snapshot;
mod tables;
mod views;
mod words;
mod writes;

#[cfg(test)]
mod tests;

pub use builtin_functions::RESULT_SETTINGS;
pub use declarations::Declarations;
pub use keys::KeyKind;
pub use names::TableId;
pub use policies::ReadScope;
pub use query::{CATALOG_QUERY, DIGEST_QUERY};
pub use reads::ReadSet;
pub use reasons::{EverythingReason, Uncacheable};
pub use rows::{RowAccess, RowWrite};
pub use snapshot::CatalogSnapshot;
#[doc(hidden)]
pub use snapshot::EXAMPLE_DOCUMENT;
pub use tables::Catalog;
pub use writes::WriteSet;
