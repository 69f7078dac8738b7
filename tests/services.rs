//! Services on the facade: cached reads that writes make fresh, and a service of a user's own.

use std::sync::Arc;

use larder::prelude::*;
use larder::services::restaurants::NewRestaurant;

use crate::watched::start;

#[tokio::test]
async fn a_read_after_each_kind_of_write_is_fresh() {
    let (_test, larder) = start().await;
    let restaurants = larder.restaurants();
    let center = || Point::new(25.77, -80.19);
    let near = async || {
        restaurants
            .nearby(center(), kilometers(5.0))
            .load()
            .await
            .unwrap()
    };
    assert!(near().await.is_empty());
    let new = NewRestaurant {
        latitude: Some(25.771),
        longitude: Some(-80.191),
        ..NewRestaurant::named("Harbor Noodle House")
    };
    let id = restaurants.create(new).await.unwrap().id;
    let found = near().await;
    assert_eq!(found[0].restaurant.id, id);
    assert!(Arc::ptr_eq(&found, &near().await), "kept");
    restaurants.delete(id).await.unwrap();
    assert!(near().await.is_empty());
    restaurants.restore(id).await.unwrap();
    assert_eq!(near().await.len(), 1);
    larder.shutdown().await.unwrap();
}

/// What a user writes: a field and a line of trait.
#[derive(Clone)]
struct GreetingService {
    service: Service,
}

impl HasService for GreetingService {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl GreetingService {
    #[operation("count")]
    async fn count(&self) -> Result<i64, larder::database::Error> {
        self.service
            .database()
            .sql("SELECT count(*) FROM users")
            .cached()
            .service("greetings", "count")
            .fetch_scalar()
            .await
    }

    #[operation("fail")]
    async fn fail(&self) -> Result<(), larder::database::Error> {
        self.service
            .database()
            .sql("SELECT 1 / 0")
            .execute()
            .await?;
        Ok(())
    }
}

#[tokio::test]
async fn statistics_of_services_are_exact_also_when_they_run_at_once() {
    let (_test, larder) = start().await;
    let greetings = GreetingService {
        service: Service::new(larder.db().clone(), "greetings"),
    };
    greetings.count().await.unwrap();
    let (_, _, failed) = futures::join!(
        async {
            for _ in 0..10 {
                greetings.count().await.unwrap();
            }
        },
        async {
            for _ in 0..5 {
                larder
                    .users()
                    .by_id(larder::services::UserId(1))
                    .await
                    .unwrap();
            }
        },
        greetings.fail(),
    );
    assert!(failed.is_err());
    let services = larder.statistics().services;
    let mine = &services["greetings"];
    assert_eq!((mine.hits, mine.misses, mine.errors), (10, 1, 1));
    assert_eq!(mine.queries, 2, "one load and the one that failed");
    let users = &services["users"];
    assert_eq!((users.hits, users.misses, users.queries), (4, 1, 1));
    larder.shutdown().await.unwrap();
}
