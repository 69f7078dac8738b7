//! Adding, editing, moderating and removing a review.

use larder_services::restaurants::{NewRestaurant, RestaurantStatus};
use larder_services::reviews::{NewReview, Rating, ReviewChanges, ReviewStatus};
use larder_services::{ErrorKind, RestaurantId, ReviewId, UserId};

use crate::support::{Services, assert_not_found};

/// A restaurant, a user, and a review of the one by the other that says something.
async fn reviewed(services: &Services) -> (RestaurantId, UserId, NewReview) {
    let restaurant = services.create(NewRestaurant::named("Corner Bakery")).await;
    let ada = services.user("ada").await.id;
    let new = NewReview {
        title: Some("Warm bread".to_owned()),
        comment: Some("Go early.".to_owned()),
        ..NewReview::rated(restaurant, ada, Rating::new(5).unwrap())
    };
    (restaurant, ada, new)
}

#[tokio::test]
async fn a_review_comes_back_as_it_is_stored_and_waits_for_moderation() {
    let services = Services::start().await;
    let (restaurant, ada, new) = reviewed(&services).await;
    let added = services.reviews.add(new).await.unwrap();
    assert_eq!((added.restaurant_id, added.user_id), (restaurant, ada));
    assert_eq!(
        (added.rating.get(), added.status),
        (5, ReviewStatus::Pending)
    );
    assert_eq!(added.title.as_deref(), Some("Warm bread"));
    assert_eq!(added.comment.as_deref(), Some("Go early."));
    assert_eq!(added.created_at, added.updated_at);
    let read = services.reviews.by_id(added.id).await.unwrap();
    assert_eq!(read.as_deref(), Some(&added));
    assert_eq!(services.reviews.by_id(ReviewId(0)).await.unwrap(), None);
    let shown = services
        .reviews
        .of_restaurant(restaurant)
        .load()
        .await
        .unwrap();
    assert_eq!(shown[..], []);
}

#[tokio::test]
async fn a_review_needs_an_active_restaurant_and_an_active_user() {
    let services = Services::start().await;
    let (restaurant, ada, new) = reviewed(&services).await;
    let reviews = &services.reviews;
    let add =
        |restaurant, by| reviews.add(NewReview::rated(restaurant, by, Rating::new(3).unwrap()));
    let (no_restaurant, no_user) = (RestaurantId(0), UserId(0));
    assert_not_found(add(no_restaurant, ada).await, "active restaurant", 0);
    assert_not_found(add(restaurant, no_user).await, "active user", 0);

    let restaurants = &services.restaurants;
    restaurants
        .set_status(restaurant, RestaurantStatus::Closed)
        .await
        .unwrap();
    assert_not_found(add(restaurant, ada).await, "active restaurant", restaurant);
    restaurants
        .set_status(restaurant, RestaurantStatus::Active)
        .await
        .unwrap();
    restaurants.delete(restaurant).await.unwrap();
    assert_not_found(add(restaurant, ada).await, "active restaurant", restaurant);
    restaurants.restore(restaurant).await.unwrap();

    services.users.deactivate(ada).await.unwrap();
    assert_not_found(add(restaurant, ada).await, "active user", ada);
    services.users.reactivate(ada).await.unwrap();
    assert_eq!(services.number("SELECT count(*) FROM reviews").await, 0);
    reviews.add(new).await.unwrap();
}

#[tokio::test]
async fn a_broken_rule_is_found_before_the_database_is_asked() {
    let services = Services::start().await;
    let (_, _, new) = reviewed(&services).await;
    services.run_sql("DROP TABLE reviews").await;
    let long = NewReview {
        title: Some("x".repeat(301)),
        ..new
    };
    let error = services.reviews.add(long).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    for changes in [
        ReviewChanges {
            title: Some(Some("x".repeat(301))),
            ..ReviewChanges::default()
        },
        ReviewChanges {
            comment: Some(Some("\0".to_owned())),
            ..ReviewChanges::default()
        },
    ] {
        let error = services
            .reviews
            .edit(ReviewId(1), changes)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn what_was_edited_waits_for_moderation_again() {
    let services = Services::start().await;
    let (restaurant, ada, new) = reviewed(&services).await;
    let reviews = &services.reviews;
    let added = reviews.add(new).await.unwrap();
    let other = services
        .review(restaurant, ada, 1, ReviewStatus::Approved)
        .await;
    let approved = reviews
        .moderate(added.id, ReviewStatus::Approved)
        .await
        .unwrap();
    assert_eq!(approved.status, ReviewStatus::Approved);
    assert!(approved.updated_at > added.updated_at);

    let changes = ReviewChanges {
        rating: Rating::new(4).ok(),
        comment: Some(None),
        ..ReviewChanges::default()
    };
    let edited = reviews.edit(added.id, changes).await.unwrap();
    assert!(edited.updated_at > approved.updated_at);
    let mut expected = added;
    expected.rating = Rating::new(4).unwrap();
    expected.comment = None;
    expected.updated_at = edited.updated_at;
    assert_eq!(edited, expected);

    let shown = reviews.of_restaurant(restaurant).load().await.unwrap();
    assert_eq!(
        shown.iter().map(|review| review.id).collect::<Vec<_>>(),
        [other]
    );
    assert_eq!(shown[0].rating.get(), 1);
}

#[tokio::test]
async fn a_removed_review_is_gone() {
    let services = Services::start().await;
    let (restaurant, ada, new) = reviewed(&services).await;
    let reviews = &services.reviews;
    let added = reviews.add(new).await.unwrap();
    let other = services
        .review(restaurant, ada, 1, ReviewStatus::Approved)
        .await;
    assert_eq!(reviews.remove(added.id).await.unwrap(), added);
    assert_eq!(reviews.by_id(added.id).await.unwrap(), None);
    assert!(reviews.by_id(other).await.unwrap().is_some());
    assert_not_found(reviews.remove(added.id).await, "review", added.id);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let services = Services::start().await;
    let reviews = &services.reviews;
    let id = ReviewId(7);
    assert_not_found(
        reviews.edit(id, ReviewChanges::default()).await,
        "review",
        7,
    );
    assert_not_found(
        reviews.moderate(id, ReviewStatus::Approved).await,
        "review",
        7,
    );
    assert_not_found(reviews.remove(id).await, "review", 7);
}

#[tokio::test]
async fn futures_may_move_between_threads() {
    let services = Services::start().await;
    let (restaurant, _, new) = reviewed(&services).await;
    let reviews = services.reviews.clone();
    let task = tokio::spawn(async move {
        let id = reviews.add(new).await?.id;
        reviews.edit(id, ReviewChanges::default()).await?;
        reviews.moderate(id, ReviewStatus::Approved).await?;
        reviews.of_restaurant(restaurant).load().await?;
        reviews.by_id(id).await?;
        reviews.remove(id).await
    });
    task.await.unwrap().unwrap();
}
