//! What the tests share: a database with its service, and restaurants to put there.

use larder_database::Database;
use larder_services::restaurants::{NewRestaurant, Restaurant, RestaurantService};
use larder_services::{MIGRATIONS, RestaurantId};
use larder_testing::TestDatabase;

/// A database of its own for a test, with the service on it.
pub(crate) struct Services {
    pub(crate) test: TestDatabase,
    pub(crate) restaurants: RestaurantService,
}

impl Services {
    pub(crate) async fn start() -> Self {
        let test = TestDatabase::create(MIGRATIONS).await.unwrap();
        let restaurants = RestaurantService::new(test.database().clone());
        Self { test, restaurants }
    }

    pub(crate) fn database(&self) -> &Database {
        self.test.database()
    }

    pub(crate) async fn create(&self, new: NewRestaurant) -> RestaurantId {
        self.restaurants.create(new).await.unwrap().id
    }

    /// A number from the database.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.database().sql(sql).fetch_scalar().await.unwrap()
    }

    pub(crate) async fn run_sql(&self, sql: impl Into<String>) {
        self.database().sql(sql).execute().await.unwrap();
    }
}

pub(crate) fn at(name: &str, latitude: f64, longitude: f64) -> NewRestaurant {
    NewRestaurant {
        latitude: Some(latitude),
        longitude: Some(longitude),
        ..NewRestaurant::named(name)
    }
}

pub(crate) fn names(restaurants: &[Restaurant]) -> Vec<&str> {
    restaurants
        .iter()
        .map(|found| found.name.as_str())
        .collect()
}
