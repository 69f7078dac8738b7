//! What an instance did since its start, in numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use larder_database::{
    CacheStatistics, ConnectionStatistics, Database, QueryStatistics, ServiceStatistics,
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
    /// Whether results are shared with other processes. Not yet: always false.
    pub l2_available: bool,
}

impl Statistics {
    pub(crate) fn of(database: &Database, health: HealthReport, uptime: Duration) -> Self {
        let pool = database.pool_status();
        let cache = database.cache_statistics();
        let mut queries = database.query_statistics();
        queries.cached = cache.hits + cache.stale_hits;
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
            cache: CacheTiers {
                process: cache,
                l2_available: false,
            },
            health,
            services: database.services().statistics(),
            uptime: uptime.as_secs_f64(),
        }
    }
}
