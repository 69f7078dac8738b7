//! The process that is killed and started again: this program, with another command.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use larder_cache::l2::{RedisOptions, RedisServer};
use larder_database::{Database, DatabaseOptions, SecondTierStatistics};
use serde::{Deserialize, Serialize};

use super::load::{self, CLIENTS, Done};
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
    /// Whether it reads everything once before it works, and says so.
    pub(super) reads_all: bool,
    /// How long it works.
    pub(super) seconds: f64,
}

/// What it has done by then.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Did {
    pub(super) reads: u64,
    pub(super) writes: u64,
    pub(super) failed: u64,
    /// Reads that became a query of the database.
    pub(super) queries: u64,
    pub(super) from_redis: u64,
    pub(super) from_reserve: u64,
    /// Queries that had to be, because a write had made wrong what was kept.
    pub(super) due_to_writes: u64,
    /// Queries for dishes, lists and counts that the process had not read before.
    pub(super) loaded_first: [u64; 3],
    /// The same for what it had read before.
    pub(super) loaded_again: [u64; 3],
    pub(super) bypassed: u64,
    /// What Redis had not, and what of it was not believed.
    pub(super) missing: u64,
    pub(super) invalidated: u64,
    pub(super) beyond_horizon: u64,
    pub(super) unavailable: u64,
    /// Microseconds, of each read in the first second.
    pub(super) early: Vec<u32>,
}

impl Did {
    /// What became a query, for whoever looks for a reason.
    pub(super) fn by_class(&self) -> String {
        let of = |[dishes, lists, visits]: [u64; 3]| {
            format!("{dishes} dishes, {lists} lists, {visits} numbers of visits")
        };
        format!(
            "{} writes; read for the first time: {}; again: {}; {} past the cache; Redis lacked {}, \
             {} were wrong, {} of unknown age, {} not answered",
            self.writes,
            of(self.loaded_first),
            of(self.loaded_again),
            self.bypassed,
            self.missing,
            self.invalidated,
            self.beyond_horizon,
            self.unavailable
        )
    }
}

/// Reads and writes for so long as it was told, from the moment it is started or has read all, and
/// says what it has done. Then it waits to be killed.
pub(crate) async fn process() -> Result<()> {
    let mut began = Instant::now();
    let told = std::env::var(TOLD).map_err(|_| Error::NoServer(TOLD))?;
    let told: Told = serde_json::from_str(&told).map_err(bad)?;
    let db = open(&told).await?;
    if told.reads_all {
        load::read_all(&db).await?;
        say(&Did::default())?;
        began = Instant::now();
    }
    let done = load::run(&db, began + Duration::from_secs_f64(told.seconds)).await?;
    say(&did(&db, &done))?;
    std::future::pending().await
}

fn did(db: &Database, done: &Done) -> Did {
    let read = |counters: &[AtomicU64; 3]| {
        counters
            .each_ref()
            .map(|counter| counter.load(Ordering::Relaxed))
    };
    let cache = db.cache_statistics();
    let tier = db.second_tier_statistics();
    let of_tier = |count: fn(&SecondTierStatistics) -> u64| tier.as_ref().map_or(0, count);
    let from_reserve = of_tier(|tier| tier.from_reserve);
    let (loaded_first, loaded_again) = (read(&done.loaded_first), read(&done.loaded_again));
    // What Redis has is made wrong by the same writes.
    let due_to_writes = match &tier {
        Some(tier) => tier.invalidated,
        None => loaded_again.iter().sum(),
    };
    Did {
        reads: done.reads.load(Ordering::Relaxed),
        writes: done.writes.load(Ordering::Relaxed),
        failed: done.failed.load(Ordering::Relaxed),
        queries: cache.loads - cache.fetched,
        from_redis: cache.fetched - from_reserve,
        from_reserve,
        due_to_writes,
        loaded_first,
        loaded_again,
        bypassed: cache.bypassed,
        missing: of_tier(|tier| tier.misses),
        invalidated: of_tier(|tier| tier.invalidated),
        beyond_horizon: of_tier(|tier| tier.beyond_horizon),
        unavailable: of_tier(|tier| tier.unavailable),
        early: done.early(),
    }
}

fn say(did: &Did) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::to_string(did).map_err(bad)?)?;
    Ok(out.flush()?)
}

fn bad(error: serde_json::Error) -> Error {
    Error::Process(error.to_string())
}

async fn open(told: &Told) -> Result<Database> {
    let mut options = DatabaseOptions::from_url(&told.database)?;
    options.pool.size = CLIENTS as usize + 2;
    options.pool.name = "warm".to_owned();
    options.connect = options.connect.application_name(super::APPLICATION);
    // All that is read has room. The number of keys that are listed is the default.
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
