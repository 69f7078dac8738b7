//! The pages as a client sees them, over a real database: who is let in, what is answered, and that
//! nothing of it costs a query.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

mod actions;
mod assets;
mod live;
mod overview;
mod probes;
mod security;
