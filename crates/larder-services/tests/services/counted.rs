//! What is counted for a service: exactly what it did, also nested and at the same time.

use futures::future::join_all;
use larder_database::ServiceStatistics;
use larder_services::{HasService, RestaurantId, Result, Service, operation};

use crate::directory::Directory;
use crate::support::Services;

/// The counters of a service that are exact: calls, errors, queries, hits, misses.
fn counters(of: &impl HasService) -> [u64; 5] {
    let ServiceStatistics {
        calls,
        errors,
        queries,
        hits,
        misses,
        ..
    } = of.service().statistics();
    [calls, errors, queries, hits, misses]
}

/// What was added.
fn since(of: &impl HasService, before: [u64; 5]) -> [u64; 5] {
    let now = counters(of);
    std::array::from_fn(|index| now[index] - before[index])
}

/// A service of a user's own, beside those of this crate.
struct Guides<'s> {
    service: Service,
    services: &'s Services,
}

impl HasService for Guides<'_> {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl Guides<'_> {
    /// A query of its own, cached, and the operations of two others, one of which fails.
    #[operation("guide")]
    async fn guide(&self, restaurant: RestaurantId) -> Result<bool> {
        let count = self.service.database().sql("SELECT count(*) FROM users");
        let users: i64 = count.fetch_scalar().await?;
        let found = self.services.restaurants.by_id(restaurant).await?;
        let shown = self.services.reviews.of_restaurant(restaurant).limit(0);
        Ok(users > 0 && found.is_some() && shown.load().await.is_ok())
    }
}

#[tokio::test]
async fn queries_hits_and_misses_count_for_the_innermost_service() {
    let directory = Directory::start().await;
    let services = &directory.services;
    let guides = Guides {
        service: Service::new(services.database().clone(), "guides"),
        services,
    };
    // The catalog is read once, before the first cached read.
    services.analytics.of_all().await.unwrap();
    let before = (counters(&services.restaurants), counters(&services.reviews));
    for _ in 0..3 {
        assert!(!guides.guide(directory.restaurant).await.unwrap());
    }
    assert_eq!(counters(&guides), [3, 0, 3, 0, 0]);
    assert_eq!(since(&services.restaurants, before.0), [3, 0, 1, 2, 1]);
    // Refused before the database was asked.
    assert_eq!(since(&services.reviews, before.1), [3, 3, 0, 0, 0]);
    // All bases of the name count together.
    let same = Service::new(services.database().clone(), "guides");
    assert_eq!(same.statistics().calls, 3);
    let registered = services.database().services().statistics();
    assert_eq!(registered["guides"].queries, 3);
    let times = registered["restaurants"];
    assert!(times.total_ms > 0.0 && times.avg_ms > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_many_call_at_the_same_time() {
    let directory = Directory::start().await;
    let services = &directory.services;
    services.analytics.of_all().await.unwrap();
    let before = (counters(&services.restaurants), counters(&services.users));
    let calls = (0..40).map(|number| {
        let (restaurants, users) = (services.restaurants.clone(), services.users.clone());
        let id = directory.restaurant;
        tokio::spawn(async move {
            for _ in 0..25 {
                restaurants.by_id(id).await.unwrap();
                // Never cached: one query each; every fifth task gives no address.
                let email = if number % 5 == 0 {
                    "nobody"
                } else {
                    "ada@example.com"
                };
                let _ = users.by_email(email).await;
            }
        })
    });
    for call in join_all(calls).await {
        call.unwrap();
    }
    let [calls, errors, queries, hits, misses] = since(&services.restaurants, before.0);
    assert_eq!((calls, errors, hits + misses), (1_000, 0, 1_000));
    // One load for all.
    assert_eq!(queries, 1);
    assert_eq!(since(&services.users, before.1), [1_000, 200, 800, 0, 0]);
}
