//! A database of its own for every test.
//!
//! [`TestDatabase`] clones a migrated template on the server that
//! `LARDER_TEST_DATABASE_URL` or `DATABASE_URL` names, in some tens of milliseconds,
//! and drops the clone when the test ends, also when it panics. So tests run in
//! parallel against a real PostgreSQL and see nothing of each other. Without a
//! server, and with the feature `embedded`, each test gets an embedded database.

mod error;
mod recorder;
mod server;
mod test_database;

pub use crate::error::{Error, ErrorKind};
pub use crate::test_database::TestDatabase;
