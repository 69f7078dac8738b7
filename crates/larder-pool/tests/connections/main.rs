//! What a pool does with connections that fail, are lost or are left behind, on real servers.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod abandoned;
mod behind_pgbouncer;
mod certificates;
mod limits;
mod refused;
mod support;
