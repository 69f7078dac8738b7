//! The integration tests, a module per category, against real servers.
//!
//! Each test has a database of its own, so all of them run in parallel.
//! `cargo xtask test` starts the servers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod apart;
mod as_of;
mod caching;
mod connection;
mod connector;
mod deadline;
mod diesel_features;
mod embedded;
mod error;
mod faults;
mod fleet;
mod gate;
mod global;
mod health;
mod initialisation;
mod lanes;
mod log;
mod logged_writes;
mod metrics;
mod monitoring;
mod observer;
mod operations;
mod outdated_statements;
mod own_database;
mod poolers;
mod portable_rows;
mod query;
mod savepoint;
mod scoped;
mod services;
mod session;
mod statements;
mod support;
mod tls;
mod transaction;
mod user_defined_types;
mod watched;
