//! A database of its own for every test, a clock that the test moves, and assertions on queries.
//!
//! [`TestDatabase`] clones a migrated template on the server that
//! `LARDER_TEST_DATABASE_URL` or `DATABASE_URL` names, in some tens of milliseconds,
//! and drops the clone when the test ends, also when it panics. So tests run in
//! parallel against a real PostgreSQL and see nothing of each other. Without a
//! server, and with the feature `embedded`, each test gets an embedded database.
//!
//! - [`TestDatabase::create_timed`]: results of reads get old when the test advances a
//!   [`ManualClock`].
//! - [`TestDatabase::observe`], and [`observe`] for any database: how many statements a block sent,
//!   and which of its reads were kept, with assertions that list both when they fail.
//!
//! For tests of what goes wrong: a [`proxy`] on which faults happen, and [`servers`] of a test's own that
//! are stopped, killed and paused.
//!
//! What a test names beyond that is exported here: a test needs this crate and the one it tests.

mod clock;
mod error;
mod observed;
pub mod proxy;
mod recorder;
mod server;
#[cfg(unix)]
pub mod servers;
mod test_database;

pub use crate::clock::stop_clock;
pub use crate::error::{Error, ErrorKind};
pub use crate::observed::{Observed, observe};
pub use crate::test_database::TestDatabase;

pub use diesel_migrations;
pub use larder_database::{
    CacheMode, CacheTrace, Database, DatabaseOptions, ManualClock, ReadOrigin, TracedRead,
    TracedStatement, carry, sql,
};
