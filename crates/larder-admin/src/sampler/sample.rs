//! What happened between two readings.

use std::collections::BTreeMap;
use std::time::Duration;

use larder_database::{LatencyCounts, ServiceStatistics};
use serde::ser::{SerializeMap, Serializer};

use super::Reading;

/// The names of the numbers of a sample, as the API has them. Rates are per second, times in
/// milliseconds, shares from 0 to 1.
pub(super) const COLUMNS: [&str; 21] = [
    "statements",
    "errors",
    "slow",
    "cached_reads",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "pool_used",
    "pool_idle",
    "pool_waiting",
    "pool_limit",
    "wait_p95_ms",
    "acquired",
    "refused",
    "l1_share",
    "l2_share",
    "cache_share",
    "invalidations",
    "invalidations_remote",
    "cache_entries",
    "status",
];

/// The numbers of one second. `None` where there is nothing to tell a number of.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Milliseconds since 1970.
    pub(super) at: i64,
    pub(super) numbers: [Option<f64>; COLUMNS.len()],
    /// The share of the reads of each service that the cache answered.
    pub(super) services: BTreeMap<String, f64>,
}

impl Sample {
    pub(crate) fn between(before: &Reading, now: &Reading) -> Self {
        let seconds = (now.at - before.at).as_secs_f64().max(1e-3);
        let per_second = |now: u64, before: u64| Some(now.saturating_sub(before) as f64 / seconds);
        let latencies = now.latencies.since(&before.latencies);
        let waits = now.waits.since(&before.waits);
        let (queries, cache, pool) = (&now.queries, &now.cache, &now.pool);
        let hits = |reading: &Reading| reading.cache.hits + reading.cache.stale_hits;
        let misses = |reading: &Reading| reading.cache.misses + reading.cache.joined;
        let l1_hits = hits(now).saturating_sub(hits(before));
        let l1_misses = misses(now).saturating_sub(misses(before));
        let fetched = cache.fetched.saturating_sub(before.cache.fetched);
        let refused = |reading: &Reading| {
            reading.pool.shed + reading.pool.turned_away + reading.connections.timeouts
        };
        let remote = |reading: &Reading| {
            let by_others = reading.cache.invalidations.iter();
            let by_others = by_others.filter(|(cause, _)| cause.as_str() == "remote");
            by_others.map(|(_, count)| *count).sum::<u64>()
        };
        let numbers = [
            per_second(queries.total, before.queries.total),
            per_second(queries.failed, before.queries.failed),
            per_second(queries.slow, before.queries.slow),
            per_second(hits(now), hits(before)),
            milliseconds(&latencies, 0.5),
            milliseconds(&latencies, 0.95),
            milliseconds(&latencies, 0.99),
            Some(pool.in_use as f64),
            Some(pool.idle as f64),
            Some(pool.waiting as f64),
            Some(pool.limit as f64),
            milliseconds(&waits, 0.95),
            per_second(now.connections.acquired, before.connections.acquired),
            per_second(refused(now), refused(before)),
            share(l1_hits, l1_misses),
            l2_share(before, now),
            share(l1_hits + fetched, l1_misses.saturating_sub(fetched)),
            per_second(now.invalidations(), before.invalidations()),
            per_second(remote(now), remote(before)),
            Some(cache.entries as f64),
            now.status.level().map(f64::from),
        ];
        Self {
            at: now.wall_clock.timestamp_millis(),
            numbers,
            services: service_shares(&before.services, &now.services),
        }
    }
}

impl serde::Serialize for Sample {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(COLUMNS.len() + 2))?;
        map.serialize_entry("at", &self.at)?;
        for (name, number) in COLUMNS.iter().zip(self.numbers) {
            map.serialize_entry(name, &number.map(rounded))?;
        }
        map.serialize_entry("services", &self.services)?;
        map.end()
    }
}

/// Four digits behind the point are more than anybody sees, and half of the bytes.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}

fn milliseconds(counts: &LatencyCounts, share: f64) -> Option<f64> {
    let quantile = counts.quantile(share).as_ref().map(Duration::as_secs_f64);
    quantile.map(|seconds| seconds * 1e3)
}

/// `hits` among all; `None` if there were none.
fn share(hits: u64, misses: u64) -> Option<f64> {
    let all = hits + misses;
    (all > 0).then(|| hits as f64 / all as f64)
}

/// Of what was asked of Redis, how much it answered.
fn l2_share(before: &Reading, now: &Reading) -> Option<f64> {
    let (then, now) = (before.second_tier.as_ref()?, now.second_tier.as_ref()?);
    let asked = |tier: &larder_database::SecondTierStatistics| {
        tier.misses + tier.invalidated + tier.beyond_horizon + tier.undecodable + tier.unavailable
    };
    share(
        now.hits.saturating_sub(then.hits),
        asked(now).saturating_sub(asked(then)),
    )
}

fn service_shares(
    before: &BTreeMap<String, ServiceStatistics>,
    now: &BTreeMap<String, ServiceStatistics>,
) -> BTreeMap<String, f64> {
    let shares = now.iter().filter_map(|(name, now)| {
        let then = before.get(name).copied().unwrap_or_default();
        let hits = now.hits.saturating_sub(then.hits);
        let share = share(hits, now.misses.saturating_sub(then.misses))?;
        Some((name.clone(), rounded(share)))
    });
    shares.collect()
}
