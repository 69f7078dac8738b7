//! What health asks of an instance.

use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_config::Config;
use larder_database::{CacheMode, Database};
use larder_health::thresholds::{ErrorRate, FailedConnections, HitRate, PoolUse, ResponseTime};
use larder_health::{Finding, Probe, Status, probe};

/// The statements and connects that health looks back on.
const LATELY: Duration = Duration::from_secs(300);

/// What health asks, by the thresholds of the settings.
pub(super) fn probes(config: &Config, database: &Database) -> Vec<Arc<dyn Probe>> {
    let health = &config.health;
    let response = ResponseTime::up_to(health.max_response_time);
    let errors = ErrorRate {
        max: health.max_error_rate,
        // One failure among a handful says nothing yet.
        min_calls: 20,
    };
    let failures = FailedConnections {
        max: health.max_failed_connections.into(),
    };
    let uses_cache = config.cache.enabled;
    let ping = asking("database", database, move |database| async move {
        let started = Instant::now();
        let answer = database.sql("SELECT 1").fetch_scalar::<i32>().await;
        match answer {
            Ok(_) => response.evaluate(started.elapsed()),
            Err(error) => Finding::failed(format!("failed to {error}")),
        }
    });
    let statements = asking("statements", database, move |database| async move {
        let lately = database.recent_queries(LATELY);
        errors.evaluate(lately.calls, lately.failures)
    });
    let connections = asking("connections", database, move |database| async move {
        failures.evaluate(database.recent_connects(LATELY).failures)
    });
    let pool = asking(
        "pool",
        database,
        |database| async move { pool_use(&database) },
    );
    let cache = asking("cache", database, move |database| async move {
        if !uses_cache {
            return Finding::healthy();
        }
        let cache = database.cache_statistics();
        HitRate::default().evaluate(cache.hits + cache.stale_hits, cache.misses)
    });
    let mut probes = vec![ping, statements, connections, pool, cache];
    if database.cache_mode() == CacheMode::Shared {
        probes.push(asking("follower", database, |database| async move {
            follower(&database)
        }));
    }
    if database.redis_available().is_some() {
        let (database, since) = (database.clone(), Instant::now());
        let patience = config.redis.timeout;
        let ask = move || std::future::ready(redis(&database, since.elapsed() < patience));
        let redis = probe("redis", ask);
        // Everything works without it.
        probes.push(Arc::new(redis.at_worst(Status::Degraded)));
    }
    probes
}

fn asking<F, Fut>(name: &'static str, database: &Database, ask: F) -> Arc<dyn Probe>
where
    F: Fn(Database) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Finding> + Send + 'static,
{
    let database = database.clone();
    Arc::new(probe(name, move || ask(database.clone())))
}

fn pool_use(database: &Database) -> Finding {
    let pool = database.pool_status();
    let capacity = pool.size + pool.overflow;
    // A single connection is in use whenever anything happens; who waits too long is told so.
    if capacity == 1 {
        return Finding::healthy().observing(pool.waiting as f64, "waiting");
    }
    PoolUse::default().evaluate(pool.in_use as u64, capacity as u64)
}

/// Whether the log of invalidations is followed. Without that nothing is served from the cache,
/// and each read asks the database: right, and slow.
fn follower(database: &Database) -> Finding {
    let Some(follower) = database.follower_statistics() else {
        return Finding::healthy();
    };
    let Some(since) = follower.since_last_poll else {
        return match follower.last_error {
            Some(error) => Finding::degraded(format!(
                "nothing is served from the cache since the start: failed to {error}"
            )),
            None => Finding::unknown("the log of invalidations has not been looked into yet"),
        };
    };
    let milliseconds = (since.as_secs_f64() * 1_000.0).round();
    let finding = match (follower.has_lease, follower.last_error) {
        (true, None) => Finding::healthy(),
        (true, Some(error)) => Finding::warning(format!("failed to {error}")),
        (false, error) => {
            let reason = error.unwrap_or_else(|| "get an answer of the last look yet".to_owned());
            Finding::degraded(format!(
                "nothing is served from the cache: the log of invalidations was last read {milliseconds} ms ago, and Larder failed to {reason}"
            ))
        }
    };
    finding.observing(milliseconds, "ms")
}

/// Whether Redis is asked. At first it may still be connected to.
fn redis(database: &Database, is_first: bool) -> Finding {
    let available = database.redis_available().unwrap_or(true);
    let given_up = database
        .redis_statistics()
        .is_some_and(|redis| redis.breaker_opened > 0);
    if available {
        Finding::healthy()
    } else if is_first && !given_up {
        Finding::unknown("Redis is being connected to")
    } else {
        Finding::degraded(
            "Redis is not asked, since it is not connected or does not answer in time: results are kept in each process alone",
        )
    }
}
