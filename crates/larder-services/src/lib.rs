//! Typed domain services on Larder: restaurants, reviews, users, analytics.
//!
//! - [`restaurants`], [`users`], [`reviews`]: for each a service that finds and writes them, and
//!   their rows, as they are read and as they are written; [`analytics`]: statistics over them.
//! - [`inputs`]: what a service takes, valid once it exists; [`geography`]: distances and boxes.
//! - [`Service`] is the base that they stand on, and that a service of one's own stands on:
//!   [`macro@operation`] counts what a method does, and cached reads go by the service's name.
//! - [`import`]: restaurants from CSV or from a generator, reviews from CSV or from inspections,
//!   in batches, with a report that accounts for every row.
//! - [`schema`] and [`MIGRATIONS`]: the tables, for Diesel and for PostgreSQL.
//!
//! What a read gives is shared (`Arc`): it is kept for a time, and no longer than until somebody
//! writes what it was read from. Inside a transaction the `load_on` of a read sees what that has
//! written.
//!
//! Ids have a type for each table, so that a user's cannot stand where a restaurant's belongs.
//! Text columns with a closed set of values are enums here.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")
)]

pub mod analytics;
mod cached_calls;
mod changes;
mod closed_set;
mod error;
pub mod geography;
mod ids;
pub mod import;
pub mod inputs;
mod migrations;
mod page;
pub mod restaurants;
pub mod reviews;
#[cfg(test)]
mod scans;
/// The tables as Diesel sees them. Columns that only an index or a query's text needs are left
/// out.
#[expect(
    missing_docs,
    reason = "generated; the rows' types say what the columns mean"
)]
pub mod schema;
mod service;
pub mod users;

pub use cached_calls::CachedCalls;
pub use error::{Error, ErrorKind, InvalidInput, Result};
pub use ids::{RestaurantId, ReviewId, UserId};
pub use larder_macros::{cache_put, cached, invalidates, operation};
pub use larder_metrics::ServiceStatistics;
pub use migrations::MIGRATIONS;
pub use page::Page;
pub use service::{HasService, Service};
