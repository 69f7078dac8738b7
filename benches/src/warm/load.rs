//! What the process that is restarted does: skewed reads at a fixed rate, and some writes.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use larder_database::Database;
use larder_services::restaurants::Restaurant;
use larder_services::schema::restaurants;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::error::{Error, Result};

/// Restaurants, each of which is read by its id.
pub(super) const KEYS: u32 = 10_000;

/// Cities, the restaurants of each of which are read as a list.
const CITIES: u32 = KEYS / 20;

/// The key of rank n is asked for in proportion to 1 / n^SKEW.
pub(super) const SKEW: f64 = 0.99;

/// Clients, and how often each of them reads.
pub(super) const CLIENTS: u32 = 8;
pub(super) const EVERY: Duration = Duration::from_millis(8);

/// How often somebody writes.
pub(super) const WRITE_EVERY: Duration = Duration::from_millis(200);

const TTL: Duration = Duration::from_secs(3_600);

const RESTAURANTS: &str = "
INSERT INTO restaurants (source_id, name, address, city, state, zip_code, latitude, longitude,
    phone, website, email, cuisine, listing_type, price_range, hours)
SELECT 'bench-' || n, 'Restaurant number ' || n, n || ' Ocean Drive', 'City ' || n / 20, 'FL',
    lpad((n / 20)::text, 5, '3'), 25.79, -80.24, '+1-305-555-01' || lpad((n % 100)::text, 2, '0'),
    'https://restaurant-' || n || '.example.com/', 'restaurant-' || n || '@example.com',
    'Seafood', 'restaurant', '$$', 'Mo-Su 11:00-23:00'
FROM generate_series(0, :keys - 1) AS n";

pub(super) async fn fill(db: &Database) -> Result<()> {
    let keys = i64::from(KEYS);
    db.sql(RESTAURANTS).bind("keys", keys).execute().await?;
    db.sql("CREATE TABLE visits (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, city text NOT NULL)")
        .execute()
        .await?;
    db.sql("CREATE INDEX ON visits (city)").execute().await?;
    for table in ["restaurants", "visits"] {
        db.sql(format!("ANALYZE {table}")).execute().await?;
    }
    Ok(())
}

/// Who asks for what how often.
struct Skew {
    sums: Vec<f64>,
}

impl Skew {
    fn new() -> Self {
        let mut sum = 0.0;
        let sums = (1..=KEYS).map(|rank| {
            sum += f64::from(rank).powf(-SKEW);
            sum
        });
        Self {
            sums: sums.collect(),
        }
    }

    /// One of so many keys by its rank, from 0.
    fn draw(&self, keys: u32) -> u32 {
        let keys = keys as usize;
        let all = self.sums.get(keys.saturating_sub(1)).copied();
        let place = fastrand::f64() * all.unwrap_or_default();
        let rank = self.sums.partition_point(|upto| *upto <= place);
        u32::try_from(rank.min(keys - 1)).unwrap_or_default()
    }
}

/// What clients have done so far.
#[derive(Default)]
pub(super) struct Done {
    pub(super) reads: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) failed: AtomicU64,
}

/// Reads and writes until this moment.
pub(super) async fn run(db: &Database, until: Instant) -> Result<Arc<Done>> {
    let (skew, done) = (Arc::new(Skew::new()), Arc::new(Done::default()));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (db, skew, done) = (db.clone(), Arc::clone(&skew), Arc::clone(&done));
        clients.spawn(async move {
            // What is late is made up for: all ways to start are asked for the same.
            let mut turns = interval(EVERY);
            while Instant::now() < until {
                turns.tick().await;
                let read = read(&db, &skew).await;
                count(&read, &done.reads, &done.failed);
            }
        });
    }
    let (db, counted) = (db.clone(), Arc::clone(&done));
    clients.spawn(async move {
        let mut turns = interval(WRITE_EVERY);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while Instant::now() < until {
            turns.tick().await;
            let write = write(&db, &skew).await;
            count(&write, &counted.writes, &counted.failed);
        }
    });
    while let Some(client) = clients.join_next().await {
        client.map_err(|_| Error::Panicked)?;
    }
    Ok(done)
}

fn count(outcome: &Result<()>, done: &AtomicU64, failed: &AtomicU64) {
    done.fetch_add(1, Ordering::Relaxed);
    if let Err(error) = outcome {
        failed.fetch_add(1, Ordering::Relaxed);
        eprintln!("a client failed: failed to {error}");
    }
}

/// Seven in ten reads are of one restaurant, nearly three of a list, one in a hundred of what is
/// written.
async fn read(db: &Database, skew: &Skew) -> Result<()> {
    match fastrand::u32(..100) {
        0..70 => {
            // Neighbours are not alike hot.
            let id = i64::from(skew.draw(KEYS)) * 7_919 % i64::from(KEYS) + 1;
            let query =
                restaurants::table.filter(restaurants::source_id.eq(format!("bench-{}", id - 1)));
            let read = db.cached(query).ttl(TTL);
            black_box(read.load::<Restaurant>().await?);
        }
        70..99 => {
            let query = restaurants::table
                .filter(restaurants::city.eq(city(skew)))
                .order(restaurants::name);
            black_box(db.cached(query).ttl(TTL).load::<Restaurant>().await?);
        }
        _ => {
            let query = db.sql("SELECT count(*) FROM visits WHERE city = :city");
            let read = query.bind("city", city(skew)).cached().ttl(TTL);
            black_box(read.fetch_scalar::<i64>().await?);
        }
    }
    Ok(())
}

async fn write(db: &Database, skew: &Skew) -> Result<()> {
    let insert = db.sql("INSERT INTO visits (city) VALUES (:city)");
    insert.bind("city", city(skew)).execute().await?;
    Ok(())
}

fn city(skew: &Skew) -> String {
    format!("City {}", skew.draw(CITIES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_is_asked_for_most_and_none_is_beyond_the_last() {
        let skew = Skew::new();
        let mut counts = vec![0_u32; CITIES as usize];
        for _ in 0..100_000 {
            counts[skew.draw(CITIES) as usize] += 1;
        }
        // 1 / 6.99 of all.
        assert!((13_000..16_000).contains(&counts[0]), "{}", counts[0]);
        assert!(counts[0] > counts[1] && counts[1] > counts[20]);
    }
}
