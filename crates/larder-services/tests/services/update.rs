//! Changing, hiding, deleting and restoring a restaurant.

use larder_services::inputs::Point;
use larder_services::restaurants::{NewRestaurant, RestaurantChanges, RestaurantStatus};
use larder_services::{Error, ErrorKind, RestaurantId};

use crate::support::{Services, assert_not_found, at};

fn bakery() -> NewRestaurant {
    NewRestaurant {
        source_id: Some("a".to_owned()),
        city: Some("Miami".to_owned()),
        phone: Some("305".to_owned()),
        ..at("Corner Bakery", 25.77, -80.19)
    }
}

#[tokio::test]
async fn only_what_is_named_changes() {
    let services = Services::start().await;
    let before = services.restaurants.create(bakery()).await.unwrap();
    let changes = RestaurantChanges {
        name: Some("Corner Deli".to_owned()),
        phone: Some(None),
        cuisine: Some(Some("Deli".to_owned())),
        ..RestaurantChanges::default()
    };
    let after = services
        .restaurants
        .update(before.id, changes)
        .await
        .unwrap();
    assert!(after.updated_at > before.updated_at);
    let mut expected = before.clone();
    expected.name = "Corner Deli".to_owned();
    expected.phone = None;
    expected.cuisine = Some("Deli".to_owned());
    expected.updated_at = after.updated_at;
    assert_eq!(after, expected);

    let read = services
        .restaurants
        .by_id(before.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read.restaurant, after);
}

#[tokio::test]
async fn a_place_changes_as_one() {
    let services = Services::start().await;
    let id = services.create(bakery()).await;
    for location in [Point::new(40.7, -74.0).ok(), None] {
        let changes = RestaurantChanges {
            location: Some(location),
            ..RestaurantChanges::default()
        };
        let after = services.restaurants.update(id, changes).await.unwrap();
        assert_eq!(after.location(), location);
        assert_eq!(after.latitude.is_some(), location.is_some());
    }
}

#[tokio::test]
async fn changes_keep_the_rules() {
    let services = Services::start().await;
    let id = services.create(bakery()).await;
    let other = services.create(NewRestaurant::named("Blue Mango")).await;

    let nameless = RestaurantChanges {
        name: Some(" ".to_owned()),
        ..RestaurantChanges::default()
    };
    let error = services.restaurants.update(id, nameless).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);

    let taken = RestaurantChanges {
        source_id: Some(Some("a".to_owned())),
        ..RestaurantChanges::default()
    };
    match services.restaurants.update(other, taken).await.unwrap_err() {
        Error::Conflict { field, .. } => assert_eq!(field, "source_id"),
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_status_hides_and_shows() {
    let services = Services::start().await;
    let id = services.create(bakery()).await;
    let created = services.restaurants.by_id(id).await.unwrap().unwrap();
    let mut updated_at = created.restaurant.updated_at;
    for status in [
        RestaurantStatus::Closed,
        RestaurantStatus::Inactive,
        RestaurantStatus::Active,
    ] {
        let after = services.restaurants.set_status(id, status).await.unwrap();
        assert_eq!(after.status, status);
        assert!(after.updated_at > updated_at);
        updated_at = after.updated_at;
        let found = services.restaurants.by_id(id).await.unwrap().is_some();
        assert_eq!(found, status == RestaurantStatus::Active, "{status}");
    }
}

#[tokio::test]
async fn a_deleted_restaurant_is_found_by_nobody_until_it_is_restored() {
    let services = Services::start().await;
    let restaurants = &services.restaurants;
    let new = NewRestaurant {
        status: RestaurantStatus::Pending,
        ..bakery()
    };
    let created = restaurants.create(new).await.unwrap();
    let id = created.id;
    assert_not_found(restaurants.restore(id).await, "deleted restaurant", id);

    let deleted = restaurants.delete(id).await.unwrap();
    assert_eq!(deleted.deleted_at, Some(deleted.updated_at));
    assert!(deleted.updated_at > created.updated_at);
    assert_not_found(restaurants.delete(id).await, "restaurant", id);
    let changes = RestaurantChanges::default();
    assert_not_found(restaurants.update(id, changes).await, "restaurant", id);
    let shown = restaurants.set_status(id, RestaurantStatus::Active).await;
    assert_not_found(shown, "restaurant", id);

    let restored = restaurants.restore(id).await.unwrap();
    assert!(restored.updated_at > deleted.updated_at);
    let mut expected = created;
    expected.updated_at = restored.updated_at;
    assert_eq!(restored, expected);
    restaurants
        .set_status(id, RestaurantStatus::Active)
        .await
        .unwrap();

    restaurants.delete(id).await.unwrap();
    assert_eq!(restaurants.by_id(id).await.unwrap(), None);
    restaurants.restore(id).await.unwrap();
    assert!(restaurants.by_id(id).await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let services = Services::start().await;
    let restaurants = &services.restaurants;
    let id = RestaurantId(7);
    let changes = RestaurantChanges::default();
    assert_not_found(restaurants.update(id, changes).await, "restaurant", 7);
    let shown = restaurants.set_status(id, RestaurantStatus::Active).await;
    assert_not_found(shown, "restaurant", 7);
    assert_not_found(restaurants.delete(id).await, "restaurant", 7);
    assert_not_found(restaurants.restore(id).await, "deleted restaurant", 7);
}

#[tokio::test]
async fn a_write_touches_one_restaurant() {
    let services = Services::start().await;
    let id = services.create(bakery()).await;
    let other = services.create(NewRestaurant::named("Blue Mango")).await;
    let before = services.restaurants.by_id(other).await.unwrap();
    let restaurants = &services.restaurants;
    let changes = RestaurantChanges {
        city: Some(None),
        ..RestaurantChanges::default()
    };
    restaurants.update(id, changes).await.unwrap();
    restaurants
        .set_status(id, RestaurantStatus::Closed)
        .await
        .unwrap();
    restaurants.delete(id).await.unwrap();
    assert_eq!(restaurants.by_id(other).await.unwrap(), before);
}
