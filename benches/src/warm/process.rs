//! The process that is killed and started again: this program, with another command.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use larder_cache::l2::{RedisOptions, RedisServer};
use larder_database::{Database, DatabaseOptions};
use serde::{Deserialize, Serialize};

use super::load::{self, CLIENTS};
use crate::error::{Error, Result};

/// What the process is told, as JSON in this variable: not on its command line, where others could
/// read the passwords.
pub(super) const TOLD: &str = "LARDER_BENCH_WARM_PROCESS";

/// What the process is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) database: String,
    pub(super) redis: Option<String>,
    pub(super) namespace: String,
    pub(super) warm: bool,
    /// How long it works.
    pub(super) seconds: f64,
}

/// What it has done by then.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Did {
    pub(super) reads: u64,
    pub(super) writes: u64,
    pub(super) failed: u64,
    /// Reads that became a query of the database.
    pub(super) queries: u64,
    pub(super) from_redis: u64,
    pub(super) from_reserve: u64,
}

/// Reads and writes for so long as it was told, from the moment it is started, and says what it has done.
/// Then it waits to be killed.
pub(crate) async fn process() -> Result<()> {
    let began = Instant::now();
    let told = std::env::var(TOLD).map_err(|_| Error::NoServer(TOLD))?;
    let told: Told = serde_json::from_str(&told).map_err(bad)?;
    let db = open(&told).await?;
    let done = load::run(&db, began + Duration::from_secs_f64(told.seconds)).await?;
    let cache = db.cache_statistics();
    let tier = db.second_tier_statistics();
    let from_reserve = tier.map_or(0, |tier| tier.from_reserve);
    let did = Did {
        reads: done.reads.load(Ordering::Relaxed),
        writes: done.writes.load(Ordering::Relaxed),
        failed: done.failed.load(Ordering::Relaxed),
        queries: cache.loads - cache.fetched + cache.bypassed,
        from_redis: cache.fetched - from_reserve,
        from_reserve,
    };
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::to_string(&did).map_err(bad)?)?;
    out.flush()?;
    std::future::pending().await
}

fn bad(error: serde_json::Error) -> Error {
    Error::Process(error.to_string())
}

async fn open(told: &Told) -> Result<Database> {
    let mut options = DatabaseOptions::from_url(&told.database)?;
    options.pool.size = CLIENTS as usize + 2;
    options.pool.name = "warm".to_owned();
    options.connect = options.connect.application_name(super::APPLICATION);
    options.cache.max_entries = 2 * load::KEYS as usize;
    options.cache.max_staleness = super::MAX_STALENESS;
    options.cache.namespace.clone_from(&told.namespace);
    options.cache.warm = told.warm;
    options.redis = told.redis.as_ref().map(|url| {
        RedisOptions::new(RedisServer::Single {
            url: url.as_str().into(),
        })
    });
    Ok(Database::open(options).await?)
}
