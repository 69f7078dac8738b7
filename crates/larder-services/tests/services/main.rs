//! The services on a real database, a module per subject.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod analytics;
mod by_id;
mod cached;
mod counted;
mod create;
mod directory;
mod fresh;
mod import;
mod import_faults;
mod import_reviews;
mod nearby;
mod own_service;
mod reviews;
mod reviews_write;
mod search;
mod support;
mod update;
mod users;
