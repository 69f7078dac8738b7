//! Redis: whether it answers, how fast, and what it does when it is full.

use std::time::Duration;

use larder_config::Config;
use larder_database::RedisOptions;

use super::check::{Outcome, Verdict};

/// The first version with all that is used.
const OLDEST: u32 = 6;

/// A PING that takes longer than this makes hits slower than most reads from PostgreSQL.
const SLOW: Duration = Duration::from_millis(5);

/// Looks at the Redis that the settings name.
pub(super) async fn check(config: &Config, options: Option<RedisOptions>) -> Outcome {
    let Some(options) = options else {
        return Verdict::skipped("no Redis is set: results are kept in each process").into();
    };
    if !config.cache.enabled {
        return Verdict::skipped("the cache is off").into();
    }
    let facts = match options.look().await {
        Ok(Ok(facts)) => facts,
        Ok(Err(why)) => {
            return Verdict::warning(
                format!("not reached at {why}"),
                "see whether it runs and listens there, and user, password and database in \
                 redis.url; reads go to PostgreSQL meanwhile",
            )
            .into();
        }
        Err(error) => {
            let cure = "correct the section [redis]";
            return Verdict::failure(format!("failed to {error}"), cure).into();
        }
    };
    let version = facts
        .version
        .as_deref()
        .unwrap_or("of a version that it does not tell");
    let latency = facts.latency.as_secs_f64() * 1e3;
    let place = &facts.place;
    let mut verdicts = vec![Verdict::ok(format!(
        "Redis {version} at {place}, PING {latency:.2} ms"
    ))];
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    if major.is_some_and(|major: u32| major < OLDEST) {
        let cure = "use Redis 6 or newer";
        verdicts.push(Verdict::warning(format!("it is Redis {version}"), cure));
    }
    if facts.latency > SLOW {
        verdicts.push(Verdict::warning(
            format!("a PING takes {latency:.1} ms"),
            "put Redis nearer, or do without: a read from PostgreSQL may be faster",
        ));
    }
    verdicts.extend(eviction(facts.eviction_policy.as_deref(), facts.max_memory));
    verdicts.into()
}

/// What happens when its memory is full.
fn eviction(policy: Option<&str>, max_memory: Option<u64>) -> Option<Verdict> {
    let policy = policy?;
    const CURE: &str = "set maxmemory, and maxmemory-policy to allkeys-lru or allkeys-lfu, if it is for caches alone";
    Some(match (policy, max_memory) {
        (_, Some(0)) => Verdict::warning(
            format!(
                "no maxmemory is set (maxmemory-policy {policy}): it may grow until the machine has none"
            ),
            CURE,
        ),
        ("noeviction", _) => Verdict::warning(
            "maxmemory-policy is noeviction: when it is full, nothing new is kept",
            CURE,
        ),
        _ => Verdict::ok(format!("maxmemory-policy {policy}")),
    })
}
