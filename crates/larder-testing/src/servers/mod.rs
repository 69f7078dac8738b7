//! Servers of a test's own, to be stopped, killed, paused and started again.
//!
//! [`PostgresServer`] and [`RedisServer`] start from an empty state on a free port of this machine
//! and are gone, with what they stored, when they are dropped. Where the test runs as root, they run
//! as another user. Most tests do not need one: a [`TestDatabase`](crate::TestDatabase) is a database
//! on a server that all share. A server that others use must not be stopped.
//!
//! - `postgres`, `redis`: the servers.
//! - `template`: the data directory that each PostgreSQL starts with a copy of.
//! - `home`: where their files are, also those of runs that were killed.
//! - `process`: a program that runs, and its children.
//! - `account`, `programs`: who runs it, and where it is.

mod account;
mod home;
mod postgres;
mod process;
mod programs;
mod redis;
mod template;

#[cfg(test)]
mod tests;

pub use self::postgres::{PostgresOptions, PostgresServer, StopMode, TlsFiles};
pub use self::redis::RedisServer;
