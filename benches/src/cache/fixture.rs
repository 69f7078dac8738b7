//! What is measured on: a database with restaurants, opened in several ways, and the queries.

use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use larder_database::{Database, DatabaseOptions};
use larder_pool::{ConnectOptions, Pool, PoolOptions};
use larder_services::restaurants::Restaurant;
use larder_services::schema::restaurants;
use larder_services::{MIGRATIONS, RestaurantId};
use larder_testing::TestDatabase;

use crate::error::Result;

/// Cities with so many restaurants each.
const CITIES: usize = 250;
pub(super) const RESTAURANTS_IN_A_CITY: usize = 20;

/// Different queries that take turns in a bench of hits: more than the nearest cache of a
/// processor holds with their results, and fewer than the next.
pub(super) const KEYS: usize = 64;

/// Longer than other work on the machine keeps a process from looking at the log: what is to be
/// a hit is one.
pub(super) const MAX_STALENESS: Duration = Duration::from_secs(30);

/// Restaurants without gaps in their ids, as many in each city.
const RESTAURANTS: &str = "
INSERT INTO restaurants (source_id, name, address, city, state, zip_code, latitude, longitude,
    phone, website, email, cuisine, listing_type, price_range, hours)
SELECT 'bench-' || n, 'Restaurant number ' || n, n || ' Ocean Drive', 'City ' || n / :each, 'FL',
    lpad((n / :each)::text, 5, '3'), 25.79 + (n % 331) / 1000.0, -80.24 + (n % 257) / 1000.0,
    '+1-305-555-01' || lpad((n % 100)::text, 2, '0'),
    'https://restaurant-' || n || '.example.com/', 'restaurant-' || n || '@example.com',
    'Seafood', 'restaurant', '$$', 'Mo-Su 11:00-23:00'
FROM generate_series(0, :count - 1) AS n";

/// One database in the states that are compared, each with a single connection.
pub(super) struct Fixture {
    /// Everything on: statistics, series for a recorder that is installed, tracking of writes.
    pub(super) observed: Database,
    /// The same without series.
    pub(super) without_series: Database,
    /// A pool that nobody watches.
    pub(super) bare: Pool,
    pub(super) cities: Vec<String>,
    pub(super) ids: Vec<RestaurantId>,
    /// Dropped last: it takes the database with it.
    test: TestDatabase,
}

impl Fixture {
    pub(super) async fn create() -> Result<Self> {
        let test = TestDatabase::create(MIGRATIONS).await?;
        let db = test.database();
        let count = i64::try_from(CITIES * RESTAURANTS_IN_A_CITY).unwrap_or(i64::MAX);
        let each = i64::try_from(RESTAURANTS_IN_A_CITY).unwrap_or(i64::MAX);
        let fill = db.sql(RESTAURANTS).bind("each", each).bind("count", count);
        fill.execute().await?;
        db.sql("ANALYZE restaurants").execute().await?;
        let ids: Vec<i64> = db
            .read(async |conn| {
                let query = restaurants::table.select(restaurants::id);
                diesel_async::RunQueryDsl::load(query.order(restaurants::id), conn).await
            })
            .await?;
        let mut pool = PoolOptions::named("bare");
        pool.size = 1;
        Ok(Self {
            observed: open(test.url(), true).await?,
            without_series: open(test.url(), false).await?,
            bare: Pool::open(ConnectOptions::parse(test.url())?, pool).await?,
            cities: (0..CITIES).map(|n| format!("City {n}")).collect(),
            ids: ids.into_iter().map(RestaurantId).collect(),
            test,
        })
    }

    /// Where the database is.
    pub(super) fn url(&self) -> &str {
        self.test.url()
    }

    /// The city whose turn it is among those of a bench of hits.
    pub(super) fn city(&self, turn: usize) -> &str {
        &self.cities[turn % KEYS]
    }
}

async fn open(url: &str, series: bool) -> Result<Database> {
    let mut options = DatabaseOptions::from_url(url)?;
    options.pool.size = 1;
    options.pool.name = if series { "observed" } else { "without_series" }.to_owned();
    options.queries.metrics = series;
    options.cache.max_entries = 100_000;
    options.cache.max_bytes = 1 << 30;
    options.cache.max_staleness = MAX_STALENESS;
    Ok(Database::open(options).await?)
}

/// What a list read gives.
pub(super) type Rows = Arc<[Restaurant]>;

/// The restaurants of a city by name, as a static query: what most of it is about.
macro_rules! by_city {
    ($city:expr) => {
        restaurants::table
            .filter(restaurants::city.eq($city))
            .order(restaurants::name)
    };
}
pub(super) use by_city;

#[cfg(test)]
mod tests {
    use diesel::pg::Pg;

    use super::*;

    #[test]
    fn the_query_is_a_static_one_until_it_is_boxed() {
        let query = by_city!("Miami");
        assert!(larder_pool::static_query_id(&query).unwrap().is_some());
        let boxed = query.into_boxed::<Pg>();
        assert_eq!(larder_pool::static_query_id(&boxed).unwrap(), None);
    }
}
