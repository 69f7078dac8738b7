//! Statistics of one restaurant, of all, and of cuisines.

use std::sync::Arc;

use larder_services::analytics::{CuisineStatistics, DirectoryStatistics, RestaurantStatistics};
use larder_services::restaurants::{NewRestaurant, RestaurantStatus};
use larder_services::reviews::ReviewStatus;
use larder_services::{ErrorKind, RestaurantId};

use crate::support::Services;

use ReviewStatus::{Approved, Pending, Rejected};

impl Services {
    async fn of_cuisine(&self, cuisine: &str, name: &str) -> RestaurantId {
        let new = NewRestaurant {
            cuisine: Some(cuisine.to_owned()),
            ..NewRestaurant::named(name)
        };
        self.create(new).await
    }

    async fn popular(&self) -> Arc<[CuisineStatistics]> {
        self.analytics.popular_cuisines().load().await.unwrap()
    }
}

#[tokio::test]
async fn the_approved_reviews_of_one_restaurant_in_numbers() {
    let services = Services::start().await;
    let id = services.create(NewRestaurant::named("Corner Bakery")).await;
    let other = services.create(NewRestaurant::named("Blue Mango")).await;
    let ada = services.user("ada").await.id;
    let mut last = None;
    for rating in [5, 4, 4, 3, 2, 1] {
        last = Some(services.review(id, ada, rating, Approved).await);
    }
    services.review(id, ada, 1, Pending).await;
    services.review(id, ada, 1, Rejected).await;
    services.review(other, ada, 5, Approved).await;
    let last = services
        .reviews
        .by_id(last.unwrap())
        .await
        .unwrap()
        .unwrap();

    let found = services.analytics.of_restaurant(id).await.unwrap();
    let expected = RestaurantStatistics {
        review_count: 6,
        avg_rating: Some(19.0 / 6.0),
        positive_count: 3,
        negative_count: 2,
        last_review_at: Some(last.created_at),
    };
    assert_eq!(found.as_deref(), Some(&expected));
}

#[tokio::test]
async fn a_restaurant_without_reviews_has_zeros_and_one_that_is_not_there_nothing() {
    let services = Services::start().await;
    let id = services.create(NewRestaurant::named("Corner Bakery")).await;
    let analytics = &services.analytics;
    let none = RestaurantStatistics {
        review_count: 0,
        avg_rating: None,
        positive_count: 0,
        negative_count: 0,
        last_review_at: None,
    };
    assert_eq!(
        analytics.of_restaurant(id).await.unwrap().as_deref(),
        Some(&none)
    );
    // Whoever looks at numbers may look at those of a restaurant that is hidden.
    for status in RestaurantStatus::ALL {
        services.restaurants.set_status(id, *status).await.unwrap();
        let found = analytics.of_restaurant(id).await.unwrap();
        assert_eq!(found.as_deref(), Some(&none), "{status}");
    }
    services.restaurants.delete(id).await.unwrap();
    assert_eq!(analytics.of_restaurant(id).await.unwrap(), None);
    assert_eq!(
        analytics.of_restaurant(RestaurantId(0)).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn all_active_restaurants_in_numbers() {
    let services = Services::start().await;
    let empty = services.analytics.of_all().await.unwrap();
    let (ada, bob) = (services.user("ada").await.id, services.user("bob").await.id);
    let cy = services.user("cy").await.id;
    let a = services.create(NewRestaurant::named("A")).await;
    let b = services.create(NewRestaurant::named("B")).await;
    let _without_reviews = services.create(NewRestaurant::named("C")).await;
    let closed = services.create(NewRestaurant::named("D")).await;
    let deleted = services.create(NewRestaurant::named("E")).await;
    for (restaurant, by, rating, status) in [
        (a, ada, 5, Approved),
        (a, ada, 4, Approved),
        (a, bob, 4, Approved),
        (b, ada, 1, Approved),
        (b, cy, 1, Pending),
        (b, cy, 1, Rejected),
        (closed, cy, 1, Approved),
        (deleted, cy, 1, Approved),
    ] {
        services.review(restaurant, by, rating, status).await;
    }
    let restaurants = &services.restaurants;
    restaurants
        .set_status(closed, RestaurantStatus::Closed)
        .await
        .unwrap();
    restaurants.delete(deleted).await.unwrap();

    let found = services.analytics.of_all().await.unwrap();
    let expected = DirectoryStatistics {
        restaurant_count: 3,
        review_count: 4,
        avg_rating: Some(3.5),
        reviewer_count: 2,
    };
    assert_eq!(*found, expected);
    let nothing = DirectoryStatistics {
        restaurant_count: 0,
        review_count: 0,
        avg_rating: None,
        reviewer_count: 0,
    };
    assert_eq!(*empty, nothing);
}

#[tokio::test]
async fn a_restaurant_counts_once_however_many_reviews_it_has() {
    let services = Services::start().await;
    let ada = services.user("ada").await.id;
    let thai = services.of_cuisine("Thai", "A").await;
    services.of_cuisine("Cuban", "B").await;
    services.of_cuisine("Cuban", "C").await;
    for rating in [5, 5, 4, 4] {
        services.review(thai, ada, rating, Approved).await;
    }
    services.review(thai, ada, 1, Pending).await;
    services.review(thai, ada, 1, Rejected).await;
    let expected = [("Cuban", 2, 0, None), ("Thai", 1, 4, Some(4.5))];
    assert_eq!(
        services.popular().await[..],
        expected.map(
            |(cuisine, restaurants, reviews, average)| CuisineStatistics {
                cuisine: cuisine.to_owned(),
                restaurant_count: restaurants,
                review_count: reviews,
                avg_rating: average,
            }
        )
    );
}

#[tokio::test]
async fn most_restaurants_come_first_then_the_best_rated_then_the_name() {
    let services = Services::start().await;
    let ada = services.user("ada").await.id;
    for (cuisine, restaurants, ratings) in [
        ("Unrated B", 1, &[][..]),
        ("Unrated A", 1, &[]),
        ("Good", 1, &[5, 3]),
        ("Best", 1, &[5]),
        ("Bad", 1, &[1]),
        ("Many", 2, &[1]),
    ] {
        for _ in 0..restaurants {
            let id = services.of_cuisine(cuisine, cuisine).await;
            for rating in ratings {
                services.review(id, ada, *rating, Approved).await;
            }
        }
    }
    let found = services.popular().await;
    let order: Vec<&str> = found.iter().map(|found| found.cuisine.as_str()).collect();
    assert_eq!(
        order,
        ["Many", "Best", "Good", "Bad", "Unrated A", "Unrated B"]
    );

    let first = services
        .analytics
        .popular_cuisines()
        .limit(2)
        .load()
        .await
        .unwrap();
    assert_eq!(first[..], found[..2]);
    for bad in [0, 1001] {
        let refused = services
            .analytics
            .popular_cuisines()
            .limit(bad)
            .load()
            .await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn ten_cuisines_unless_said_otherwise_and_of_active_restaurants_only() {
    let services = Services::start().await;
    for number in 0..12 {
        services
            .of_cuisine(&format!("Cuisine {number:02}"), "A")
            .await;
    }
    let closed = services.of_cuisine("Cuisine 00", "B").await;
    let deleted = services.of_cuisine("Cuisine 01", "B").await;
    services
        .restaurants
        .set_status(closed, RestaurantStatus::Closed)
        .await
        .unwrap();
    services.restaurants.delete(deleted).await.unwrap();
    for _ in 0..2 {
        services
            .create(NewRestaurant::named("Without a cuisine"))
            .await;
        services.of_cuisine("", "With an empty one").await;
    }
    let found = services.popular().await;
    assert_eq!(found.len(), 10);
    for (number, cuisine) in found.iter().enumerate() {
        assert_eq!(cuisine.cuisine, format!("Cuisine {number:02}"));
        assert_eq!(cuisine.restaurant_count, 1);
    }
}

#[tokio::test]
async fn futures_may_move_between_threads() {
    let services = Services::start().await;
    let analytics = services.analytics.clone();
    let task = tokio::spawn(async move {
        analytics.of_restaurant(RestaurantId(7)).await?;
        analytics.popular_cuisines().load().await?;
        analytics.of_all().await
    });
    task.await.unwrap().unwrap();
}
