//! The cache: whether it helps, and whether Redis answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_database::Database;
use larder_health::thresholds::HitRate;
use larder_health::{Finding, Probe, Status};

use super::super::lately::Lately;
use super::{Context, RECOVERY, asking, reading};

/// The longest that Redis is waited for. Whoever reads waits far shorter.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) fn hits(context: &Context<'_>) -> Arc<dyn Probe> {
    let is_used = context.config.cache.enabled;
    let health = &context.config.health;
    let threshold = HitRate {
        min: health.min_hit_rate,
        ..HitRate::default()
    };
    let database = context.database.clone();
    let counters = move || {
        let cache = database.cache_statistics();
        [cache.hits + cache.stale_hits, cache.misses]
    };
    let lately = Lately::new(health.window, counters());
    let read = move || {
        if !is_used {
            return Finding::healthy();
        }
        let [hits, misses] = lately.growth(counters());
        let finding = threshold.evaluate(hits, misses).measured("hitRate");
        finding.of_fault("misses").cured_by(|| {
            "see larder.cache_advice(): a longer TTL, tables that are written all the time, a cache that is too small".to_owned()
        })
    };
    Arc::new(reading(context, "cache", read).memory(health.window.max(RECOVERY)))
}

pub(super) fn redis(context: &Context<'_>) -> Arc<dyn Probe> {
    let (database, since) = (context.database.clone(), Instant::now());
    let connecting = context.config.redis.timeout;
    let max = context.config.health.max_redis_time;
    let limit = PATIENCE.min(context.config.health.check_timeout).max(max);
    let ask = move || {
        let is_first = since.elapsed() < connecting && database.redis_available() != Some(true);
        let database = database.clone();
        async move { look(&database, is_first, max, limit).await }
    };
    // Everything works without it.
    Arc::new(asking(context, "redis", ask).at_worst(Status::Degraded))
}

/// Whether Redis is asked, and how fast it answers. At first it may still be connected to.
async fn look(database: &Database, is_first: bool, max: Duration, limit: Duration) -> Finding {
    let milliseconds = |duration: Duration| (duration.as_secs_f64() * 10_000.0).round() / 10.0;
    if let Some(took) = database.ping_redis(limit).await {
        let finding = match took > max {
            true => Finding::degraded(format!(
                "Redis answered in {} ms, above {} ms",
                milliseconds(took),
                milliseconds(max)
            )),
            false => Finding::healthy(),
        };
        let finding = finding.observing(milliseconds(took), "ms").of_fault("slow");
        return finding.cured_by(|| {
            "see what Redis is busy with (SLOWLOG GET, INFO), and the network to it".to_owned()
        });
    }
    let given_up = database
        .redis_statistics()
        .is_some_and(|redis| redis.breaker_opened > 0);
    if is_first && !given_up {
        return Finding::unknown("Redis is being connected to");
    }
    let why = database
        .redis_trouble()
        .unwrap_or_else(|| "it does not answer".to_owned());
    let is_silent = ["in time", "too long", "does not answer", "timed out"]
        .iter()
        .any(|words| why.contains(words));
    let (fault, cure) = match is_silent {
        true => (
            "silent",
            "see whether Redis is overloaded or stopped, and the network to it",
        ),
        false => (
            "unavailable",
            "start Redis, or correct redis.url; its log says more",
        ),
    };
    Finding::degraded(format!(
        "Redis is not asked, since it is not connected or does not answer in time ({why}): results are kept in each process alone"
    ))
    .of_fault(fault)
    .curing(cure)
}
