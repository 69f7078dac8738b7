//! What is known of statements by their text, on a real server: a module per subject.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod explained;
mod pooled;
mod repeated;
mod summaries;
mod support;
