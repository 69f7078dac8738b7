//! A Redis that answers too late.

use std::time::{Duration, Instant};

use larder_testing::TestDatabase;

use super::load::{CLIENTS, Load, Way};
use super::{BEFORE, SlowRedis, open, redis_options};
use crate::error::{Error, Result};
use crate::outcome::Latencies;
use crate::race::Effort;
use crate::report::{Figure, Group};

/// How late answers come: several times the deadline.
const DELAY: Duration = Duration::from_millis(200);

/// How long Redis may be asked until it is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether it was given up.
const LOOK: Duration = Duration::from_micros(500);

/// Reads from when on Redis is slow, beside reads that never used it.
pub(super) async fn reads(test: &TestDatabase, period: Duration) -> Result<Latencies> {
    let redis = SlowRedis::start().await?;
    let options = redis_options(redis.url());
    let deadline = options.deadline;
    let db = open(test.url(), options).await?;
    let load = Load::new(&db);
    load.until_redis_is_used().await?;
    let mut uncached = load.run(Way::PastTheCache, CLIENTS, period).await?;
    let given_up = load.given_up();
    let (slow, since) = tokio::try_join!(load.run(Way::Cached, CLIENTS, BEFORE + period), async {
        tokio::time::sleep(BEFORE).await;
        redis.delay(DELAY);
        Ok(Instant::now())
    })?;
    let given_up = load.given_up() - given_up;
    uncached.add(load.run(Way::PastTheCache, CLIENTS, period).await?);
    let seconds = period.as_secs();
    let rows = vec![
        uncached.latency("slow_uncached", "past the cache, from PostgreSQL"),
        slow.from(since).latency(
            "redis_slow",
            format!("in the {seconds} s from when on Redis was slow"),
        ),
    ];
    let failed: u64 = rows.iter().map(|row| row.failed).sum();
    Ok(Latencies {
        title: format!("Redis answers {} ms late", DELAY.as_millis()),
        notes: vec![format!(
            "The deadline is {} ms. Redis was given up {given_up} times; {failed} reads failed.",
            deadline.as_millis()
        )],
        rows,
    })
}

/// How long a slow Redis is asked until it is left alone.
pub(super) async fn opening(test: &TestDatabase, effort: Effort) -> Result<Group> {
    let mut figures = Vec::new();
    for (name, label, clients) in [
        ("opened_1", "1 client", 1),
        ("opened_8", "8 clients", CLIENTS),
    ] {
        let mut times = Vec::new();
        for _ in 0..effort.choose(15, 5) {
            times.push(time_until_given_up(test, clients).await?.as_secs_f64() * 1e9);
        }
        figures.push(Figure::of_times(name, label.to_owned(), times));
    }
    let title = "Until a slow Redis is left alone";
    Ok(Group::new("slow_redis", title, figures).note(format!(
        "From when on its answers come {} ms late until the breaker opens: after three calls in a \
         row that took longer than the deadline. Each round has a Redis and a pool of its own.",
        DELAY.as_millis()
    )))
}

async fn time_until_given_up(test: &TestDatabase, clients: usize) -> Result<Duration> {
    let redis = SlowRedis::start().await?;
    let db = open(test.url(), redis_options(redis.url())).await?;
    let load = Load::new(&db);
    load.until_redis_is_used().await?;
    let before = load.given_up();
    let watching = async {
        // Under load.
        tokio::time::sleep(Duration::from_millis(100)).await;
        redis.delay(DELAY);
        let since = Instant::now();
        while load.given_up() == before {
            if since.elapsed() > PATIENCE {
                return Err(Error::Redis("be given up".to_owned()));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(since.elapsed())
    };
    tokio::select! {
        taken = watching => taken,
        ended = load.run(Way::Cached, clients, 2 * PATIENCE) => {
            ended?;
            Err(Error::Redis("be given up while it is used".to_owned()))
        }
    }
}
