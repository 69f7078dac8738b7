//! The API over real HTTP, on a real database.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod errors;
mod guest;
mod observation;
mod refused;
mod restaurants;
mod reviews;
mod search;
mod shutdown;
mod support;
