//! The log of invalidations: a table in the database that says what each transaction touched, so
//! that other processes drop the results that are no longer right.
//!
//! Three parts: `schema.sql`, the objects of the schema `larder`; [`install`], which makes them;
//! and [`status`], which says whether they are there and what the role may do with them.

mod install;
mod status;

pub(crate) use self::install::ensure;
pub use self::status::{LogStatus, MissingRight};
