//! Clients that read, and how long each of their reads took.

use std::hint::black_box;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use larder_database::Database;
use larder_services::restaurants::Restaurant;
use larder_services::schema::restaurants;
use tokio::task::JoinSet;

use super::Latency;
use crate::error::{Error, Result};

/// Clients that read at the same time.
pub(super) const CLIENTS: usize = 8;

/// What is read is one of so many, by chance.
pub(super) const CITIES: usize = 250;

/// How long it may take until Redis has what it was given.
const PATIENCE: Duration = Duration::from_secs(30);

const TTL: Duration = Duration::from_secs(3_600);

const RESTAURANTS: &str = "
INSERT INTO restaurants (source_id, name, address, city, state, zip_code, latitude, longitude,
    phone, website, email, cuisine, listing_type, price_range, hours)
SELECT 'bench-' || n, 'Restaurant number ' || n, n || ' Ocean Drive', 'City ' || n / 20, 'FL',
    lpad((n / 20)::text, 5, '3'), 25.79, -80.24, '+1-305-555-01' || lpad((n % 100)::text, 2, '0'),
    'https://restaurant-' || n || '.example.com/', 'restaurant-' || n || '@example.com',
    'Seafood', 'restaurant', '$$', 'Mo-Su 11:00-23:00'
FROM generate_series(0, :cities * 20 - 1) AS n";

pub(super) async fn fill(db: &Database) -> Result<()> {
    let cities = i64::try_from(CITIES).unwrap_or(i64::MAX);
    db.sql(RESTAURANTS).bind("cities", cities).execute().await?;
    db.sql("ANALYZE restaurants").execute().await?;
    Ok(())
}

/// How a client reads.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    Cached,
    PastTheCache,
}

/// What reads took: when each began, how long it took.
#[derive(Default)]
pub(super) struct Taken {
    times: Vec<(Instant, Duration)>,
    failures: Vec<Instant>,
}

impl Taken {
    /// Those that ended after this moment.
    pub(super) fn from(mut self, moment: Instant) -> Self {
        self.times.retain(|(began, took)| *began + *took >= moment);
        self.failures.retain(|ended| *ended >= moment);
        self
    }

    pub(super) fn add(&mut self, other: Self) {
        self.times.extend(other.times);
        self.failures.extend(other.failures);
    }

    pub(super) fn latency(self, name: &'static str, label: impl Into<String>) -> Latency {
        let times = self.times.into_iter().map(|(_, took)| took).collect();
        Latency::of_times(name, label, times, self.failures.len() as u64)
    }
}

/// A load on a database.
pub(super) struct Load<'a>(&'a Database);

impl<'a> Load<'a> {
    pub(super) fn new(db: &'a Database) -> Self {
        Self(db)
    }

    /// Reads until Redis has all results.
    pub(super) async fn until_redis_is_used(&self) -> Result<()> {
        let began = Instant::now();
        loop {
            let before = self.hits_in_redis();
            for city in 0..CITIES {
                read(self.0, Way::Cached, city).await?;
            }
            // The process may have kept some of them.
            if self.hits_in_redis() - before > (CITIES * 4 / 5) as u64 {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(Error::NoHit("a hit in Redis"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) fn hits_in_redis(&self) -> u64 {
        self.0.second_tier_statistics().map_or(0, |tier| tier.hits)
    }

    /// How often Redis was given up for a while.
    pub(super) fn given_up(&self) -> u64 {
        let redis = self.0.redis_statistics();
        redis.map_or(0, |redis| redis.breaker_opened)
    }

    /// Lets so many clients read for so long, each one read after the other.
    pub(super) async fn run(&self, way: Way, clients: usize, period: Duration) -> Result<Taken> {
        let until = Instant::now() + period;
        // Dropped, it ends them.
        let mut readers = JoinSet::new();
        for _ in 0..clients {
            readers.spawn(read_until(until, self.0.clone(), way));
        }
        let mut all = Taken::default();
        while let Some(taken) = readers.join_next().await {
            all.add(taken.map_err(|_| Error::Panicked)?);
        }
        Ok(all)
    }
}

async fn read_until(until: Instant, db: Database, way: Way) -> Taken {
    let mut taken = Taken::default();
    while Instant::now() < until {
        let began = Instant::now();
        let outcome = read(&db, way, fastrand::usize(..CITIES)).await;
        let took = began.elapsed();
        taken.times.push((began, took));
        if let Err(error) = outcome {
            eprintln!("a read failed: failed to {error}");
            taken.failures.push(began + took);
        }
    }
    taken
}

async fn read(db: &Database, way: Way, city: usize) -> Result<()> {
    let city = format!("City {city}");
    let query = restaurants::table
        .filter(restaurants::city.eq(city.as_str()))
        .order(restaurants::name);
    let read = db.cached(query).ttl(TTL);
    let read = match way {
        Way::Cached => read,
        Way::PastTheCache => read.bypass(),
    };
    black_box(read.load::<Restaurant>().await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_counts_that_was_under_way() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let taken = Taken {
            times: [(0, 5), (8, 5), (12, 1)]
                .map(|(began, took)| (at(began), Duration::from_millis(took)))
                .to_vec(),
            failures: vec![at(5), at(13)],
        };
        let latency = taken.from(at(10)).latency("l", "L");
        assert_eq!((latency.reads, latency.failed), (2, 1));
    }
}
