//! A PostgreSQL inside the program: no server to install, the same SQL.
//!
//! [`EmbeddedDatabase`] runs PostgreSQL 17, compiled to WebAssembly, on a thread of
//! its own and listens on a port of the loopback interface. It serves **one
//! connection at a time**: a second one waits until the first is closed. It knows no
//! TLS, takes no requests to cancel, ignores `statement_timeout`, and has no
//! stop-word files, so full text search needs the `simple` configuration. The
//! extension `pg_trgm` is there.
//!
//! This crate knows nothing of pools and of Diesel: it hands out a URL.

mod error;
mod server;

pub use crate::error::{Error, ErrorKind};
pub use crate::server::{EmbeddedDatabase, EmbeddedOptions};
