//! One restaurant with what its reviews say.

use larder_services::RestaurantId;
use larder_services::restaurants::{NewRestaurant, RestaurantStatus};

use crate::support::Services;

#[tokio::test]
async fn approved_reviews_count_and_no_others() {
    let services = Services::start().await;
    let id = services.create(NewRestaurant::named("Corner Bakery")).await;
    let other = services.create(NewRestaurant::named("Blue Mango")).await;
    services
        .run_sql("INSERT INTO users (username, email, password_hash) VALUES ('ada', 'a@example.com', 'x')")
        .await;
    for (restaurant, rating, status) in [
        (id, 5, "approved"),
        (id, 2, "approved"),
        (id, 2, "approved"),
        (id, 1, "rejected"),
        (id, 1, "pending"),
        (other, 1, "approved"),
    ] {
        services
            .run_sql(format!(
                "INSERT INTO reviews (restaurant_id, user_id, rating, status) \
                 VALUES ({restaurant}, (SELECT id FROM users), {rating}, '{status}')"
            ))
            .await;
    }
    let detail = services.restaurants.by_id(id).await.unwrap().unwrap();
    assert_eq!(detail.restaurant.name, "Corner Bakery");
    assert_eq!((detail.review_count, detail.avg_rating), (3, Some(3.0)));
}

#[tokio::test]
async fn without_reviews_there_is_no_average() {
    let services = Services::start().await;
    let id = services.create(NewRestaurant::named("Corner Bakery")).await;
    let detail = services.restaurants.by_id(id).await.unwrap().unwrap();
    assert_eq!((detail.review_count, detail.avg_rating), (0, None));
}

#[tokio::test]
async fn only_an_active_restaurant_is_found() {
    let services = Services::start().await;
    let reads = &services.restaurants;
    assert_eq!(reads.by_id(RestaurantId(7)).await.unwrap(), None);
    for status in RestaurantStatus::ALL {
        let new = NewRestaurant {
            status: *status,
            ..NewRestaurant::named("Corner Bakery")
        };
        let id = services.create(new).await;
        let found = reads.by_id(id).await.unwrap().is_some();
        assert_eq!(found, *status == RestaurantStatus::Active, "{status}");
    }
    services
        .run_sql("UPDATE restaurants SET deleted_at = now()")
        .await;
    assert_eq!(reads.by_id(RestaurantId(1)).await.unwrap(), None);
}
