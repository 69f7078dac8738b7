//! What an instance did since its start, in numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use larder_database::{
    CacheAdvice, CacheMode, CacheStatistics, ConnectionStatistics, Database, FollowerStatistics,
    HotTable, QueryStatistics, RedisStatistics, SecondTierStatistics, ServiceStatistics,
    ShadowStatistics, WarmingProgress,
};
use larder_health::HealthReport;
use serde::Serialize;

/// What an instance did since its start; made by [`Larder::statistics`](crate::Larder::statistics).
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Statistics {
    /// Statements: all that were sent, and reads that were answered by the cache.
    pub queries: QueryStatistics,
    /// Connections made, failed and waited for.
    pub connections: ConnectionStatistics,
    /// The pool as it is now.
    pub pool: PoolStatistics,
    /// The cache.
    pub cache: CacheTiers,
    /// What the last check of health found; `unknown` before the first.
    pub health: HealthReport,
    /// What each service did, by its name.
    pub services: BTreeMap<String, ServiceStatistics>,
    /// Seconds since the start.
    pub uptime: f64,
}

/// The pool as it is now.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct PoolStatistics {
    /// Connections that are kept open.
    pub size: usize,
    /// Open connections that nobody uses.
    pub idle: usize,
    /// Connections in use.
    pub used: usize,
    /// How many of these are beyond `size`.
    pub overflow: usize,
    /// Callers waiting for a connection.
    pub waiting: usize,
    /// Connections thrown away because they could not be used again.
    pub invalidated: u64,
}

/// The cache and its tiers.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CacheTiers {
    /// The cache of the process.
    #[serde(flatten)]
    pub process: CacheStatistics,
    /// Who else may write to the database, as far as this instance heeds them.
    pub mode: CacheMode,
    /// Whether results are shared with other processes now: there is a Redis, and it answers.
    pub l2_available: bool,
    /// What became of reads from the second tier; `None` where there is no Redis.
    pub second_tier: Option<SecondTierStatistics>,
    /// What the connections to Redis did; `None` where there is none.
    pub redis: Option<RedisStatistics>,
    /// The follower of the log of invalidations; `None` in mode `local`.
    pub follower: Option<FollowerStatistics>,
    /// What became of hits that were verified (`cache.shadow`).
    pub shadow: ShadowStatistics,
    /// Tables that are written too often for what is read from them to be kept.
    pub hot_tables: Vec<HotTable>,
    /// What caching is switched off for: `everything`, `service:menus`, `tag:menu:7`,
    /// `table:16384`.
    pub switched_off: Vec<String>,
    /// What to do about results that could be kept better: the twenty pieces of advice that would
    /// save most. [`Larder::cache_advice`](crate::Larder::cache_advice) gives them all.
    pub advice: Vec<CacheAdvice>,
    /// How far filling the cache of this process has come.
    pub warming: WarmingProgress,
}

impl CacheTiers {
    fn of(database: &Database) -> Self {
        const MOST: usize = 20;
        let mut advice = database.cache_advice();
        advice.retain(|advice| !advice.is_fine());
        advice.truncate(MOST);
        Self {
            advice,
            process: database.cache_statistics(),
            mode: database.cache_mode(),
            l2_available: database.redis_available().unwrap_or(false),
            second_tier: database.second_tier_statistics(),
            redis: database.redis_statistics(),
            follower: database.follower_statistics(),
            shadow: database.shadow_statistics(),
            hot_tables: database.hot_tables(),
            switched_off: database.switched_off(),
            warming: database.warming(),
        }
    }
}

impl Statistics {
    pub(crate) fn of(database: &Database, health: HealthReport, uptime: Duration) -> Self {
        let pool = database.pool_status();
        let cache = CacheTiers::of(database);
        let mut queries = database.query_statistics();
        queries.cached = cache.process.hits + cache.process.stale_hits;
        Self {
            queries,
            connections: database.connection_statistics(),
            pool: PoolStatistics {
                size: pool.size,
                idle: pool.idle,
                used: pool.in_use,
                overflow: (pool.in_use + pool.idle).saturating_sub(pool.size),
                waiting: pool.waiting,
                invalidated: pool.invalidated,
            },
            cache,
            health,
            services: database.services().statistics(),
            uptime: uptime.as_secs_f64(),
        }
    }
}
