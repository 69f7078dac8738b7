//! What is read of an instance at each scrape.

use std::time::Duration;

use larder_database::{
    ConnectionStatistics, Database, FollowerStatistics, RedisStatistics, SecondTierStatistics,
    ShadowStatistics,
};
use larder_health::alerts::AlertStatistics;
use larder_health::{HealthMonitor, HealthReport};
use larder_metrics::{
    AlertReading, CacheReading, FollowerReading, HealthReading, LaneReading, PoolReading,
    RedisReading, Scrape, SecondTierReading, SessionReading, ShadowReading, SinkReading,
};
use larder_pool::{LaneStatus, PoolStatus};

/// Reads everything; gives it under the predecessor's names too if `legacy_names`.
pub(super) fn publish(
    scrape: &mut Scrape,
    database: &Database,
    monitor: &HealthMonitor,
    alerts: &AlertStatistics,
    legacy_names: bool,
) {
    let name = database.instance_name();
    let status = database.pool_status();
    pool(&status).publish(scrape, name, legacy_names);
    sessions(&status, &database.connection_statistics()).publish(scrape, name);
    lanes(&status.lanes).publish(scrape, name);
    cache(database).publish(scrape, name, "l1", legacy_names);
    if let Some(statistics) = database.follower_statistics() {
        follower(&statistics).publish(scrape, name);
    }
    if let Some(statistics) = database.second_tier_statistics() {
        second_tier(&statistics).publish(scrape, name);
    }
    if let (Some(statistics), Some(available)) =
        (database.redis_statistics(), database.redis_available())
    {
        redis(&statistics, available).publish(scrape, name);
    }
    shadow(&database.shadow_statistics()).publish(scrape, name);
    health(&monitor.report()).publish(scrape, name);
    told(alerts).publish(scrape, name);
    database.services().publish(scrape);
}

fn pool(pool: &PoolStatus) -> PoolReading {
    PoolReading {
        idle: pool.idle as u64,
        used: pool.in_use as u64,
        max: (pool.size + pool.overflow) as u64,
        idle_min: pool.kept_open as u64,
        idle_max: pool.size as u64,
        overflow: (pool.in_use + pool.idle).saturating_sub(pool.size) as u64,
        waiting: pool.waiting as u64,
        invalidated: pool.invalidated,
        limit: pool.limit as u64,
        suggested_limit: pool.advice.suggested as u64,
        overloaded: pool.is_overloaded,
        connecting: pool.connecting as u64,
        longest_hold: pool
            .holders
            .first()
            .map_or(Duration::ZERO, |holder| holder.held_for),
        shed: pool.shed,
        turned_away: pool.turned_away,
        held_long: pool.held_long,
        nested: pool.nested,
    }
}

fn sessions(pool: &PoolStatus, connections: &ConnectionStatistics) -> SessionReading {
    SessionReading {
        lent: connections.acquired,
        timeouts: connections.timeouts,
        shed: pool.shed,
        turned_away: pool.turned_away,
        nested: pool.nested,
        committed: connections.committed,
        rolled_back: connections.rolled_back,
        in_doubt: connections.in_doubt,
    }
}

fn lanes(lanes: &LaneStatus) -> LaneReading {
    let reasons = lanes.bypassed.iter();
    LaneReading {
        open: lanes.open as u64,
        in_flight: lanes.in_flight as u64,
        reads: lanes.reads,
        bypassed: reasons
            .map(|(reason, count)| (reason.as_str().to_owned(), *count))
            .collect(),
    }
}

fn cache(database: &Database) -> CacheReading {
    let cache = database.cache_statistics();
    CacheReading {
        hits: cache.hits,
        stale_hits: cache.stale_hits,
        misses: cache.misses,
        joined: cache.joined,
        bypassed: cache.bypassed,
        refused: cache.refused,
        loads: cache.loads,
        fetched: cache.fetched,
        load_errors: cache.load_errors,
        sets: cache.sets,
        evictions: cache.evictions,
        expired: cache.expired,
        invalidations: cache
            .invalidations
            .iter()
            .map(|(cause, count)| (cause.as_str().to_owned(), *count))
            .collect(),
        entries: cache.entries,
        bytes: cache.bytes,
        hot_tables: database.hot_tables().len() as u64,
        switched_off: database.switched_off().len() as u64,
    }
}

fn follower(statistics: &FollowerStatistics) -> FollowerReading {
    FollowerReading {
        polls: statistics.polls,
        failures: statistics.failures,
        hinted: statistics.hinted,
        rows: statistics.rows,
        histories: statistics.histories,
        gaps: statistics.gaps,
        lease_left: statistics.lease_left,
        last_poll: statistics.last_poll,
        delay: statistics.since_last_poll,
    }
}

fn second_tier(statistics: &SecondTierStatistics) -> SecondTierReading {
    SecondTierReading {
        hits: statistics.hits,
        misses: statistics.misses,
        invalidated: statistics.invalidated,
        beyond_horizon: statistics.beyond_horizon,
        undecodable: statistics.undecodable,
        unavailable: statistics.unavailable,
        stored: statistics.stored,
    }
}

fn redis(statistics: &RedisStatistics, available: bool) -> RedisReading {
    RedisReading {
        available,
        found: statistics.found,
        missing: statistics.missing,
        unavailable: statistics.unavailable,
        timeouts: statistics.timeouts,
        errors: statistics.errors,
        puts: statistics.puts,
        puts_dropped: statistics.puts_dropped,
        breaker_opened: statistics.breaker_opened,
        reconnects: statistics.reconnects,
        hints_sent: statistics.hints_sent,
        hints_received: statistics.hints_received,
    }
}

fn shadow(statistics: &ShadowStatistics) -> ShadowReading {
    ShadowReading {
        equal: statistics.equal,
        changed_meanwhile: statistics.changed_meanwhile,
        violations: statistics.violations,
        skipped: statistics.skipped,
        failed: statistics.failed,
    }
}

fn health(report: &HealthReport) -> HealthReading {
    HealthReading {
        overall: report.status.level(),
        replica_lag: replica_lag(report),
        checks: report
            .probes
            .iter()
            .filter_map(|probe| Some((probe.name.clone(), probe.status.level()?)))
            .collect(),
        made: report
            .per_status
            .iter()
            .map(|(status, count)| (status.as_str().to_owned(), *count))
            .collect(),
    }
}

fn told(alerts: &AlertStatistics) -> AlertReading {
    let sinks = alerts.read().into_iter().map(|(name, sink)| {
        let reading = SinkReading {
            sent: sink.sent,
            failed_attempts: sink.failed_attempts,
            replaced: sink.replaced,
            dropped: sink.dropped,
            waiting: sink.waiting,
        };
        (name, reading)
    });
    AlertReading {
        sinks: sinks.collect(),
    }
}

/// What the check of the replicas measured, where there is one.
fn replica_lag(report: &HealthReport) -> Option<Duration> {
    let observed = report.probe("replicas")?.observed.as_ref()?;
    let seconds = match observed.unit {
        "ms" => observed.value / 1_000.0,
        "s" => observed.value,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}
