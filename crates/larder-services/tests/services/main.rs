//! The services on a real database, a module per subject.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod by_id;
mod create;
mod import;
mod import_faults;
mod nearby;
mod search;
mod support;
