//! The log of invalidations: a table in the database that says what each transaction touched, so
//! that other processes drop the results that are no longer right.
//!
//! Three parts: `schema.sql`, the objects of the schema `larder`; [`install`], which makes them;
//! and [`status`], which says whether they are there and what the role may do with them.
//!
//! # What it costs
//!
//! A transaction that writes leaves one row, which is sent with its COMMIT. With 16 clients, each
//! committing one UPDATE at a time, that took 1.50 times as long as without it, and `pg_notify` in
//! the same place 4.48 times: it lets transactions commit one at a time. With one client it was
//! 1.18 and 0.94 times. Medians of one run on two busy cores with `fsync = on`, by
//! `cargo xtask bench log --quick`, with a plain INSERT in place of `larder.note`; more in
//! `benches/README.md`.

mod install;
mod status;

pub(crate) use self::install::ensure;
pub use self::status::{LogStatus, MissingRight};
