//! The servers of a run: a database in a PostgreSQL that `cargo xtask chaos` has started, and a
//! Redis of the run's own.

mod postgres;
mod redis;

pub(crate) use postgres::Postgres;
pub(crate) use redis::Redis;

use std::path::PathBuf;

use crate::error::{Error, Result};

/// Where PostgreSQL is.
const DATABASE: &str = "LARDER_CHAOS_DATABASE_URL";
/// The program of Redis.
const REDIS: &str = "LARDER_CHAOS_REDIS_SERVER";
/// Where files go that nobody needs afterwards.
const DIRECTORY: &str = "LARDER_CHAOS_DIRECTORY";

/// What `cargo xtask chaos` provides.
#[derive(Debug, Clone)]
pub(crate) struct Provided {
    pub(crate) database: String,
    pub(crate) redis_program: PathBuf,
    pub(crate) directory: PathBuf,
}

impl Provided {
    /// Reads it from the environment.
    pub(crate) fn from_environment() -> Result<Self> {
        let variable = |name: &str| {
            std::env::var(name).map_err(|_| {
                Error::step(
                    "find the servers",
                    format!("{name} is not set; start this program by cargo xtask chaos"),
                )
            })
        };
        Ok(Self {
            database: variable(DATABASE)?,
            redis_program: variable(REDIS)?.into(),
            directory: variable(DIRECTORY)?.into(),
        })
    }
}
