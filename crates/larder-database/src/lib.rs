//! One database for a service.
//!
//! [`Database`] is what a service holds: it lends sessions, runs transactions, runs
//! raw SQL with named parameters and applies migrations. It joins the pool with
//! whatever else stands between a caller and the server, so that callers see one thing.
//!
//! This crate knows nothing of domain services.

mod closure_error;
mod database;
mod error;
mod migrations;
mod options;
mod sql;
mod transaction;

pub use crate::closure_error::ClosureError;
pub use crate::database::Database;
pub use crate::error::{Error, ErrorKind};
pub use crate::migrations::MigrationReport;
pub use crate::options::DatabaseOptions;
pub use crate::sql::{BoundSql, Sql, SqlValue, sql};
pub use crate::transaction::TransactionBuilder;
