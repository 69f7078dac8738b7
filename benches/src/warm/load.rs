//! What the process that is restarted does: skewed reads at a fixed rate, and some writes.

use std::collections::HashSet;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use futures::{StreamExt, TryStreamExt, stream};
use larder_database::{Database, ReadOrigin};
use larder_services::restaurants::Restaurant;
use larder_services::schema::restaurants;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::error::{Error, Result};

/// Dishes, each of which is read by its id; and restaurants, which are read as lists.
pub(super) const KEYS: u32 = 10_000;

/// Cities, the restaurants of each of which are read as a list.
const CITIES: u32 = KEYS / 20;

/// The key of rank n is asked for in proportion to 1 / n^SKEW.
pub(super) const SKEW: f64 = 0.99;

/// Clients, and how often each of them reads.
pub(super) const CLIENTS: u32 = 8;
pub(super) const EVERY: Duration = Duration::from_millis(8);

/// How often somebody writes.
pub(super) const WRITE_EVERY: Duration = Duration::from_millis(100);

/// How long a read is early.
const EARLY: Duration = Duration::from_secs(1);

const TTL: Duration = Duration::from_secs(3_600);

/// Of reads by class, how many in a hundred.
const DISHES_READ: u32 = 70;
const LISTS_READ: u32 = 29;

/// Of writes, one in so many is a visit.
const VISITS_WRITTEN: u32 = 10;

const RESTAURANTS: &str = "
INSERT INTO restaurants (source_id, name, address, city, state, zip_code, latitude, longitude,
    phone, website, email, cuisine, listing_type, price_range, hours)
SELECT 'bench-' || n, 'Restaurant number ' || n, n || ' Ocean Drive', 'City ' || n / 20, 'FL',
    lpad((n / 20)::text, 5, '3'), 25.79, -80.24, '+1-305-555-01' || lpad((n % 100)::text, 2, '0'),
    'https://restaurant-' || n || '.example.com/', 'restaurant-' || n || '@example.com',
    'Seafood', 'restaurant', '$$', 'Mo-Su 11:00-23:00'
FROM generate_series(0, :keys - 1) AS n";

const DISHES: &str = "
INSERT INTO dishes (id, name, description, price)
SELECT n, 'Dish number ' || n, 'With everything that belongs to number ' || n, 1000 + n % 1000
FROM generate_series(0, :keys - 1) AS n";

diesel::table! {
    dishes (id) {
        id -> Int8,
        name -> Text,
        description -> Text,
        price -> Int4,
    }
}

#[derive(Clone, Queryable, Serialize, Deserialize)]
struct Dish {
    id: i64,
    name: String,
    description: String,
    price: i32,
}

pub(super) async fn fill(db: &Database) -> Result<()> {
    let keys = i64::from(KEYS);
    for create in [
        "CREATE TABLE dishes (id bigint PRIMARY KEY, name text NOT NULL, description text NOT NULL, \
            price int NOT NULL)",
        "CREATE TABLE visits (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, city text NOT NULL)",
        "CREATE INDEX ON visits (city)",
        "CREATE INDEX ON restaurants (city)",
    ] {
        db.sql(create).execute().await?;
    }
    for insert in [RESTAURANTS, DISHES] {
        db.sql(insert).bind("keys", keys).execute().await?;
    }
    for table in ["restaurants", "dishes", "visits"] {
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
    /// Loads of what this process had never read, by class.
    pub(super) loaded_first: [AtomicU64; 3],
    /// Loads of what it had read before: a write has made it wrong.
    pub(super) loaded_again: [AtomicU64; 3],
    /// How long each read of the first second took: microseconds.
    early: Mutex<Vec<u32>>,
    known: Mutex<HashSet<Target>>,
}

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Target {
    /// A dish, by its primary key: it survives writes to other dishes.
    Dish(u32),
    /// The restaurants of a city. Nobody writes restaurants.
    List(u32),
    /// The number of visits to a city: each visit makes all of them wrong.
    Visits(u32),
}

impl Target {
    /// Seven in ten reads are of one dish, nearly three of a list, one in a hundred of what each
    /// visit makes wrong.
    fn draw(skew: &Skew) -> Self {
        match fastrand::u32(..100) {
            drawn if drawn < DISHES_READ => Self::Dish(dish(skew)),
            drawn if drawn < DISHES_READ + LISTS_READ => Self::List(skew.draw(CITIES)),
            _ => Self::Visits(skew.draw(CITIES)),
        }
    }

    /// Everything that there is.
    fn all() -> impl Iterator<Item = Self> {
        let cities = (0..CITIES).flat_map(|city| [Self::List(city), Self::Visits(city)]);
        (0..KEYS).map(Self::Dish).chain(cities)
    }

    fn class(self) -> usize {
        match self {
            Self::Dish(_) => 0,
            Self::List(_) => 1,
            Self::Visits(_) => 2,
        }
    }

    async fn read(self, db: &Database) -> Result<()> {
        match self {
            Self::Dish(id) => {
                let query = dishes::table.filter(dishes::id.eq(i64::from(id)));
                black_box(db.cached(query).ttl(TTL).load::<Dish>().await?);
            }
            Self::List(city) => {
                let query = restaurants::table
                    .filter(restaurants::city.eq(name(city)))
                    .order(restaurants::name);
                black_box(db.cached(query).ttl(TTL).load::<Restaurant>().await?);
            }
            Self::Visits(city) => {
                let query = db.sql("SELECT count(*) FROM visits WHERE city = :city");
                let read = query.bind("city", name(city)).cached().ttl(TTL);
                black_box(read.fetch_scalar::<i64>().await?);
            }
        }
        Ok(())
    }
}

impl Done {
    fn count(&self, outcome: &Result<()>, done: &AtomicU64) {
        done.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = outcome {
            self.failed.fetch_add(1, Ordering::Relaxed);
            eprintln!("a client failed: failed to {error}");
        }
    }

    /// Reads, and notes whether the database was asked and why.
    async fn read(&self, db: &Database, target: Target) {
        let (outcome, trace) = db.trace(target.read(db)).await;
        self.count(&outcome, &self.reads);
        let is_known = !self.known().insert(target);
        let loads = match is_known {
            true => &self.loaded_again,
            false => &self.loaded_first,
        };
        let is_load = |origin| matches!(origin, ReadOrigin::Loaded | ReadOrigin::Bypassed);
        let loaded = trace.reads.iter().filter(|read| is_load(read.origin));
        if let Some(counter) = loads.get(target.class()) {
            counter.fetch_add(loaded.count() as u64, Ordering::Relaxed);
        }
    }

    fn known(&self) -> MutexGuard<'_, HashSet<Target>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long each read of the first second took.
    pub(super) fn early(&self) -> Vec<u32> {
        let early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        early.clone()
    }

    fn took(&self, took: Duration) {
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        early.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }
}

/// Reads everything once, as a process has that has run for long.
pub(super) async fn read_all(db: &Database) -> Result<()> {
    stream::iter(Target::all())
        .map(|target| target.read(db))
        .buffer_unordered(CLIENTS as usize)
        .try_collect()
        .await
}

/// Reads and writes until this moment.
pub(super) async fn run(db: &Database, until: Instant) -> Result<Arc<Done>> {
    let (skew, done) = (Arc::new(Skew::new()), Arc::new(Done::default()));
    let mut clients = JoinSet::new();
    let began = Instant::now();
    for _ in 0..CLIENTS {
        let (db, skew, done) = (db.clone(), Arc::clone(&skew), Arc::clone(&done));
        clients.spawn(async move {
            // What is late is made up for: all ways to start are asked for the same.
            let mut turns = interval(EVERY);
            while Instant::now() < until {
                turns.tick().await;
                let since = Instant::now();
                done.read(&db, Target::draw(&skew)).await;
                if since.duration_since(began) < EARLY {
                    done.took(since.elapsed());
                }
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
            counted.count(&write, &counted.writes);
        }
    });
    while let Some(client) = clients.join_next().await {
        client.map_err(|_| Error::Panicked)?;
    }
    Ok(done)
}

/// Nine in ten writes are of a dish by its key, one is a new visit.
async fn write(db: &Database, skew: &Skew) -> Result<()> {
    if fastrand::u32(..VISITS_WRITTEN) == 0 {
        let insert = db.sql("INSERT INTO visits (city) VALUES (:city)");
        insert
            .bind("city", name(skew.draw(CITIES)))
            .execute()
            .await?;
    } else {
        let update = db.sql("UPDATE dishes SET price = price + 1 WHERE id = :id");
        update.bind("id", i64::from(dish(skew))).execute().await?;
    }
    Ok(())
}

/// Neighbours are not alike hot.
fn dish(skew: &Skew) -> u32 {
    skew.draw(KEYS) * 7_919 % KEYS
}

fn name(city: u32) -> String {
    format!("City {city}")
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
