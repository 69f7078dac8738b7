//! A directory with one of everything, all of whose reads can be compared.

use std::collections::BTreeMap;

use larder_database::{Clock, Database, DatabaseOptions, ManualClock};
use larder_services::inputs::{Point, kilometers};
use larder_services::restaurants::{KosherCategory, NewRestaurant};
use larder_services::reviews::ReviewStatus;
use larder_services::{RestaurantId, ReviewId, UserId};
use serde_json::Value;

use crate::support::Services;

/// A directory with one of everything, on a clock that a test moves.
pub(crate) struct Directory {
    pub(crate) services: Services,
    pub(crate) restaurant: RestaurantId,
    pub(crate) reviewer: UserId,
    pub(crate) review: ReviewId,
    pub(crate) time: ManualClock,
}

pub(crate) fn harbor() -> NewRestaurant {
    NewRestaurant {
        source_id: Some("harbor".to_owned()),
        cuisine: Some("Café".to_owned()),
        kosher_category: Some(KosherCategory::Pareve),
        latitude: Some(25.77),
        longitude: Some(-80.190_000_000_000_01),
        phone: None,
        ..NewRestaurant::named("Harbor Noodle House")
    }
}

impl Directory {
    pub(crate) async fn start() -> Self {
        let mut services = Services::start().await;
        let (clock, time) = Clock::manual();
        let mut options = DatabaseOptions::from_url(services.test.url()).unwrap();
        options.cache.clock = clock;
        // To the second: nothing ends a little earlier by chance.
        options.cache.early_refresh = 0.0;
        options.cache.jitter = 0.0;
        services.put_on(Database::open(options).await.unwrap());
        let restaurant = services.create(harbor()).await;
        let reviewer = services.user("ada").await.id;
        let review = services
            .review(restaurant, reviewer, 4, ReviewStatus::Approved)
            .await;
        services
            .run_sql("UPDATE reviews SET created_at = '2024-02-29 23:59:59.123456Z'")
            .await;
        Self {
            services,
            restaurant,
            reviewer,
            review,
            time,
        }
    }

    pub(crate) fn database(&self) -> &Database {
        self.services.database()
    }

    /// What every read gives, by its name.
    pub(crate) async fn read_all(&self) -> BTreeMap<&'static str, Value> {
        let Self { services, .. } = self;
        let here = Point::new(25.77, -80.19).unwrap();
        let nearby = services.restaurants.nearby(here, kilometers(2.0)).load();
        let search = services.restaurants.search("noodle").load();
        let of_restaurant = || services.reviews.of_restaurant(self.restaurant);
        BTreeMap::from([
            ("nearby", json(nearby.await)),
            (
                "restaurant",
                json(services.restaurants.by_id(self.restaurant).await),
            ),
            ("search", json(search.await)),
            ("reviews", json(of_restaurant().load().await)),
            ("page", json(of_restaurant().limit(1).load_page().await)),
            ("review", json(services.reviews.by_id(self.review).await)),
            ("user", json(services.users.by_id(self.reviewer).await)),
            ("login", json(self.login().await)),
            (
                "one",
                json(services.analytics.of_restaurant(self.restaurant).await),
            ),
            ("all", json(services.analytics.of_all().await)),
            (
                "cuisines",
                json(services.analytics.popular_cuisines().load().await),
            ),
        ])
    }

    pub(crate) async fn login(&self) -> larder_services::Result<Option<(String, bool)>> {
        let found = self.services.users.by_email("ada@example.com").await?;
        Ok(found.map(|found| {
            let user = found.user;
            (found.password_hash.expose().to_owned(), user.is_verified)
        }))
    }

    /// The same, with the cache off.
    async fn read_all_plainly(&self) -> BTreeMap<&'static str, Value> {
        self.database().cache().set_enabled(false);
        let all = Box::pin(self.read_all()).await;
        self.database().cache().set_enabled(true);
        all
    }

    /// Runs a write while everything is kept; checks that all reads are what the database says
    /// then, and tells which of them it changed.
    pub(crate) async fn changed_by<T>(
        &self,
        write: impl Future<Output = larder_services::Result<T>>,
    ) -> Vec<&'static str> {
        // On the heap: a test that writes often would hold all of them side by side.
        Box::pin(self.read_all()).await;
        let before = Box::pin(self.read_all()).await;
        Box::pin(write).await.unwrap();
        let after = Box::pin(self.read_all()).await;
        assert_eq!(after, Box::pin(self.read_all_plainly()).await);
        let changed = |name: &&str| before[*name] != after[*name];
        before.keys().copied().filter(changed).collect()
    }
}

fn json<T: serde::Serialize>(read: larder_services::Result<T>) -> Value {
    serde_json::to_value(read.unwrap()).unwrap()
}
