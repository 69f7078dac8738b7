//! What the cache promises, seen from outside. Nothing here sleeps: loads wait at gates that
//! the test opens, and time is advanced by hand.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod basis;
mod bounds;
mod doubt;
mod flights;
mod invalidation;
mod keys;
mod model;
mod rows;
mod running;
mod serving;
mod stale;
mod statistics;
mod support;
mod threads;
mod writers;
