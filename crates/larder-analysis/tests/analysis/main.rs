//! What an analysis finds in databases on a real server, with `pg_stat_statements` and `hypopg`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod catalog;
mod clean;
mod others;
mod planted;
mod proposals;
mod rights;
mod shop;
