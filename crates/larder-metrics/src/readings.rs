//! What a pool, a cache and health say at one moment, as series.
//!
//! The facade fills these from the components, which know nothing of metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::labels::Bounds;
use crate::names;
use crate::scrape::Scrape;

mod alerts;
mod fleet;

pub use alerts::{AlertReading, SinkReading};
pub use fleet::{FollowerReading, RedisReading, SecondTierReading, ShadowReading};

#[cfg(test)]
mod tests;

/// The state of a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolReading {
    /// Open connections that nobody uses.
    pub idle: u64,
    /// Connections in use.
    pub used: u64,
    /// The most connections that may be open.
    pub max: u64,
    /// The fewest idle connections that are kept.
    pub idle_min: u64,
    /// The most idle connections that are kept.
    pub idle_max: u64,
    /// Open connections beyond the size of the pool.
    pub overflow: u64,
    /// Callers waiting.
    pub waiting: u64,
    /// Connections thrown away since the start.
    pub invalidated: u64,
    /// The most connections that may be in use now.
    pub limit: u64,
    /// The most that the pool would lend if nothing bounded it.
    pub suggested_limit: u64,
    /// Whether callers who wait too long are being sent away.
    pub overloaded: bool,
    /// Attempts to connect that are under way.
    pub connecting: u64,
    /// How long the connection has been held that has been held for longest.
    pub longest_hold: Duration,
    /// Callers sent away because they had waited too long, since the start.
    pub shed: u64,
    /// Callers refused because as many waited as may, since the start.
    pub turned_away: u64,
    /// Connections that were held for too long, since the start.
    pub held_long: u64,
    /// Callers who had all connections already, since the start.
    pub nested: u64,
}

impl PoolReading {
    /// Gives it to a scrape under the name of the pool; under the predecessor's names too if
    /// `legacy_names`.
    pub fn publish(&self, scrape: &mut Scrape, pool: &str, legacy_names: bool) {
        let gauges = [
            (names::CONNECTION_MAX, self.max),
            (names::CONNECTION_IDLE_MIN, self.idle_min),
            (names::CONNECTION_IDLE_MAX, self.idle_max),
            (names::CONNECTION_PENDING_REQUESTS, self.waiting),
            (names::CONNECTIONS_OVERFLOW, self.overflow),
            (names::POOL_LIMIT, self.limit),
            (names::POOL_SUGGESTED_LIMIT, self.suggested_limit),
            (names::POOL_OVERLOADED, self.overloaded.into()),
            (names::POOL_CONNECTING, self.connecting),
        ];
        for (definition, value) in gauges {
            scrape.gauge(&definition, &[pool], value as f64);
        }
        for (state, value) in [("idle", self.idle), ("used", self.used)] {
            scrape.gauge(&names::CONNECTION_COUNT, &[pool, state], value as f64);
        }
        scrape.counter(&names::CONNECTIONS_INVALIDATED, &[pool], self.invalidated);
        let longest = self.longest_hold.as_secs_f64();
        scrape.gauge(&names::POOL_LONGEST_HOLD, &[pool], longest);
        for (reason, value) in [("delay", self.shed), ("queue_full", self.turned_away)] {
            scrape.counter(&names::POOL_SHED, &[pool, reason], value);
        }
        scrape.counter(&names::POOL_HELD_LONG, &[pool], self.held_long);
        scrape.counter(&names::POOL_NESTED_CHECKOUTS, &[pool], self.nested);
        if legacy_names {
            let open = self.idle + self.used;
            scrape.gauge(&names::LEGACY_POOL_SIZE, &[], open as f64);
            scrape.gauge(&names::LEGACY_ACTIVE_CONNECTIONS, &[], self.used as f64);
        }
    }
}

/// What became of those who asked a pool for a connection since the start, and of their
/// transactions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionReading {
    /// Callers who got one.
    pub lent: u64,
    /// Callers who waited until their time was up.
    pub timeouts: u64,
    /// Callers sent away because they had waited too long.
    pub shed: u64,
    /// Callers refused because as many waited as may.
    pub turned_away: u64,
    /// Callers who had all connections already.
    pub nested: u64,
    /// Transactions that were committed.
    pub committed: u64,
    /// Transactions that were rolled back.
    pub rolled_back: u64,
    /// Transactions of which nobody knows.
    pub in_doubt: u64,
}

impl SessionReading {
    /// Gives it to a scrape under the name of the pool.
    pub fn publish(&self, scrape: &mut Scrape, pool: &str) {
        let sessions = [
            ("lent", self.lent),
            ("timeout", self.timeouts),
            ("shed", self.shed),
            ("queue_full", self.turned_away),
            ("nested", self.nested),
        ];
        for (outcome, total) in sessions {
            scrape.counter(&names::SESSIONS, &[pool, outcome], total);
        }
        let transactions = [
            ("committed", self.committed),
            ("rolled_back", self.rolled_back),
            ("in_doubt", self.in_doubt),
        ];
        for (outcome, total) in transactions {
            scrape.counter(&names::TRANSACTIONS, &[pool, outcome], total);
        }
    }
}

/// The state of the lanes of a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaneReading {
    /// Lanes that are open.
    pub open: u64,
    /// Reads that are on their way.
    pub in_flight: u64,
    /// Reads that a lane has answered since the start.
    pub reads: u64,
    /// Reads that took a connection of their own since the start, by reason.
    pub bypassed: Vec<(String, u64)>,
}

impl LaneReading {
    /// Gives it to a scrape under the name of the pool.
    pub fn publish(&self, scrape: &mut Scrape, pool: &str) {
        scrape.gauge(&names::LANES, &[pool], self.open as f64);
        scrape.gauge(&names::LANE_READS_IN_FLIGHT, &[pool], self.in_flight as f64);
        scrape.counter(&names::LANE_READS, &[pool], self.reads);
        for (reason, count) in &self.bypassed {
            scrape.counter(&names::LANE_BYPASSES, &[pool, reason], *count);
        }
    }
}

/// The counts of one tier of the cache since the start, and what it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheReading {
    /// Fresh results served.
    pub hits: u64,
    /// Results served although their time was up, as the caller allowed.
    pub stale_hits: u64,
    /// Reads that had to load.
    pub misses: u64,
    /// Reads that waited for a load that was under way.
    pub joined: u64,
    /// Reads that were told to pass by the cache.
    pub bypassed: u64,
    /// Results that were not stored because they are too heavy.
    pub refused: u64,
    /// Loads that were begun.
    pub loads: u64,
    /// Loads that another tier answered, so that the database was not asked.
    pub fetched: u64,
    /// Loads that failed.
    pub load_errors: u64,
    /// Entries stored.
    pub sets: u64,
    /// Entries that gave way to others.
    pub evictions: u64,
    /// Entries removed because their time was up.
    pub expired: u64,
    /// Invalidations by cause.
    pub invalidations: Vec<(String, u64)>,
    /// Entries there are.
    pub entries: u64,
    /// Their estimated bytes.
    pub bytes: u64,
    /// Tables that are written too often for what is read from them to be kept.
    pub hot_tables: u64,
    /// Targets for which caching is switched off.
    pub switched_off: u64,
}

impl CacheReading {
    /// Gives it to a scrape; under the predecessor's names too if `legacy_names`.
    ///
    /// `tier` is `l1` for the cache of the process. `bypassed`, `loads`, `fetched`, `load_errors`,
    /// `invalidations`, `hot_tables` and `switched_off` are those of the whole cache: give them
    /// with one tier only.
    pub fn publish(&self, scrape: &mut Scrape, database: &str, tier: &str, legacy_names: bool) {
        let outcomes = [
            ("hit", self.hits),
            ("stale", self.stale_hits),
            ("miss", self.misses),
            ("joined", self.joined),
            ("bypassed", self.bypassed),
            ("refused", self.refused),
            ("error", self.load_errors),
        ];
        for (outcome, total) in outcomes {
            scrape.counter(&names::CACHE_REQUESTS, &[database, tier, outcome], total);
        }
        let loaded = self.loads.saturating_sub(self.load_errors + self.fetched);
        let loads = [
            ("success", loaded),
            ("error", self.load_errors),
            ("fetched", self.fetched),
        ];
        for (outcome, total) in loads {
            scrape.counter(&names::CACHE_LOADS, &[database, outcome], total);
        }
        for (cause, total) in [("capacity", self.evictions), ("expired", self.expired)] {
            scrape.counter(&names::CACHE_EVICTIONS, &[database, tier, cause], total);
        }
        for (cause, total) in &self.invalidations {
            scrape.counter(&names::CACHE_INVALIDATIONS, &[database, cause], *total);
        }
        scrape.counter(&names::CACHE_SETS, &[database, tier], self.sets);
        scrape.gauge(
            &names::CACHE_ENTRIES,
            &[database, tier],
            self.entries as f64,
        );
        scrape.gauge(&names::CACHE_BYTES, &[database, tier], self.bytes as f64);
        let hot_tables = self.hot_tables as f64;
        scrape.gauge(&names::CACHE_HOT_TABLES, &[database], hot_tables);
        let switched_off = self.switched_off as f64;
        scrape.gauge(&names::CACHE_SWITCHED_OFF, &[database], switched_off);
        if legacy_names {
            let hits = self.hits + self.stale_hits;
            scrape.counter(&names::LEGACY_CACHE_HITS, &["query"], hits);
            let misses = self.misses + self.joined;
            scrape.counter(&names::LEGACY_CACHE_MISSES, &["query"], misses);
        }
    }
}

/// What health found last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthReading {
    /// The status of the instance: 0 healthy, 1 degraded, 2 unhealthy, 3 critical; none before
    /// the first check.
    pub overall: Option<u8>,
    /// Each check and its status: 0 healthy, 1 degraded, 2 unhealthy, 3 critical. Checks not
    /// made yet are left out.
    pub checks: Vec<(String, u8)>,
    /// How many checks found each status since the start.
    pub made: Vec<(String, u64)>,
    /// How far behind the furthest replica is; none where there is none or nobody knows.
    pub replica_lag: Option<Duration>,
}

impl HealthReading {
    /// Gives it to a scrape.
    pub fn publish(&self, scrape: &mut Scrape, database: &str) {
        self.publish_within(Bounds::of_process(), scrape, database);
    }

    fn publish_within(&self, bounds: &Bounds, scrape: &mut Scrape, database: &str) {
        if let Some(overall) = self.overall {
            scrape.gauge(&names::HEALTH_OVERALL, &[database], f64::from(overall));
        }
        // Of the checks that share a name the worst counts: gauges would add up.
        let mut checks: BTreeMap<&str, u8> = BTreeMap::new();
        for (check, status) in &self.checks {
            let worst = checks.entry(bounds.checks.limit(check)).or_default();
            *worst = (*worst).max(*status);
        }
        for (check, status) in checks {
            scrape.gauge(&names::HEALTH_STATUS, &[database, check], f64::from(status));
        }
        for (status, total) in &self.made {
            scrape.counter(&names::HEALTH_CHECKS, &[database, status], *total);
        }
        if let Some(lag) = self.replica_lag {
            scrape.gauge(&names::REPLICA_LAG, &[database], lag.as_secs_f64());
        }
    }
}
