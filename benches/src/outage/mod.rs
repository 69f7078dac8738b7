//! Redis in trouble while it is used: killed, and slow.

mod load;
mod slow;
mod slow_redis;

use std::time::{Duration, Instant};

use larder_cache::l2::{RedisOptions, RedisServer};
use larder_database::{Database, DatabaseOptions};
use larder_services::MIGRATIONS;
use larder_testing::TestDatabase;

use self::load::{CLIENTS, Load, Way};
use self::slow_redis::SlowRedis;
use crate::error::Result;
use crate::outcome::{Latencies, Latency};
use crate::private_redis::PrivateRedis;
use crate::race::Effort;
use crate::report::Report;

/// Fewer entries than there are different reads by far: most go to Redis.
const ENTRIES: usize = 16;

/// How long Redis is used before something happens to it.
const BEFORE: Duration = Duration::from_secs(1);

/// Other work on the machine is not to end the lease.
const MAX_STALENESS: Duration = Duration::from_secs(30);

/// Measures everything.
pub(crate) async fn run(effort: Effort) -> Result<Report> {
    let began = Instant::now();
    let test = TestDatabase::create(MIGRATIONS).await?;
    load::fill(test.database()).await?;
    let period = Duration::from_secs(effort.choose(10, 3));
    let mut report = Report::new("outage", effort, test.database(), began, Vec::new());
    report.latencies.push(killed(&test, period).await?);
    report.latencies.push(slow::reads(&test, period).await?);
    report.groups.push(slow::opening(&test, effort).await?);
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

/// Reads while Redis is killed, beside reads that never used it.
async fn killed(test: &TestDatabase, period: Duration) -> Result<Latencies> {
    let mut redis = PrivateRedis::start().await?;
    let options = redis_options(redis.url());
    let deadline = options.deadline;
    let db = open(test.url(), options).await?;
    let load = Load::new(&db);
    load.until_redis_is_used().await?;

    let mut uncached = load.run(Way::PastTheCache, CLIENTS, period).await?;
    let hits = load.hits_in_redis();
    let through = load.run(Way::Cached, CLIENTS, period).await?;
    let hits = load.hits_in_redis() - hits;
    let (after, ()) = tokio::try_join!(load.run(Way::Cached, CLIENTS, BEFORE + period), async {
        tokio::time::sleep(BEFORE).await;
        redis.kill().await
    })?;
    let after = after.from(redis.killed_at());
    // As many before as after: what else the machine does changes.
    uncached.add(load.run(Way::PastTheCache, CLIENTS, period).await?);

    let seconds = period.as_secs();
    let rows = vec![
        uncached.latency("uncached", "past the cache, from PostgreSQL"),
        through.latency("redis", "cached, most of it in Redis"),
        after.latency(
            "redis_killed",
            format!("in the {seconds} s after Redis was killed"),
        ),
    ];
    let bound = rows[0].p99 + deadline.as_secs_f64() * 1e9;
    let failed: u64 = rows.iter().map(|row| row.failed).sum();
    let verdict = |met| if met { "met" } else { "missed" };
    Ok(Latencies {
        title: format!("Redis killed while {CLIENTS} clients read"),
        notes: vec![
            format!(
                "goal ≤ the p99 past the cache and the deadline of {} ms: {}; no failed read: {}",
                deadline.as_millis(),
                verdict(rows[2].p99 <= bound),
                verdict(failed == 0)
            ),
            format!(
                "Each client reads 20 rows of one of {} cities, one read after the other. The \
                 process has room for {ENTRIES} results; of the cached reads, {hits} were hits in \
                 Redis. Reads past the cache were run before and after. Reads that were under way \
                 when Redis was killed count.",
                load::CITIES
            ),
        ],
        rows,
    })
}

fn redis_options(url: String) -> RedisOptions {
    RedisOptions::new(RedisServer::Single { url: url.into() })
}

/// A database with a connection for each client, and a Redis.
async fn open(url: &str, redis: RedisOptions) -> Result<Database> {
    let mut options = DatabaseOptions::from_url(url)?;
    options.pool.size = CLIENTS;
    options.pool.name = "outage".to_owned();
    options.cache.max_entries = ENTRIES;
    options.cache.max_staleness = MAX_STALENESS;
    options.cache.namespace = format!("bench-{:016x}", fastrand::u64(..));
    options.redis = Some(redis);
    Ok(Database::open(options).await?)
}
