//! The counters at one moment. All of them are in memory.

use std::collections::BTreeMap;
use std::time::Instant;

use chrono::{DateTime, Utc};
use larder_database::{
    CacheStatistics, ConnectionStatistics, Database, LatencyCounts, PoolStatus, QueryStatistics,
    SecondTierStatistics, ServiceStatistics,
};
use larder_health::Status;

/// What was counted up to a moment.
pub(crate) struct Reading {
    pub(crate) at: Instant,
    pub(crate) wall_clock: DateTime<Utc>,
    pub(crate) status: Status,
    pub(crate) queries: QueryStatistics,
    pub(crate) latencies: LatencyCounts,
    pub(crate) waits: LatencyCounts,
    pub(crate) connections: ConnectionStatistics,
    pub(crate) pool: PoolStatus,
    pub(crate) cache: CacheStatistics,
    pub(crate) second_tier: Option<SecondTierStatistics>,
    pub(crate) services: BTreeMap<String, ServiceStatistics>,
}

impl Reading {
    pub(crate) fn take(database: &Database, status: Status) -> Self {
        Self {
            at: Instant::now(),
            wall_clock: Utc::now(),
            status,
            queries: database.query_statistics(),
            latencies: database.statement_latencies(),
            waits: database.connection_waits(),
            connections: database.connection_statistics(),
            pool: database.pool_status(),
            cache: database.cache_statistics(),
            second_tier: database.second_tier_statistics(),
            services: database.services().statistics(),
        }
    }

    pub(crate) fn invalidations(&self) -> u64 {
        self.cache.invalidations.values().sum()
    }
}
