//! Writing a restaurant, and what refuses it.

use diesel_async::RunQueryDsl;
use larder_services::restaurants::{NewRestaurant, RestaurantStatus};
use larder_services::schema::restaurants;
use larder_services::{Error, ErrorKind};

use crate::support::{Services, at};

fn sourced(source_id: &str) -> NewRestaurant {
    NewRestaurant {
        source_id: Some(source_id.to_owned()),
        ..at("Harbor Noodle House", 25.77, -80.19)
    }
}

fn assert_is_the_conflict(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let Error::Conflict { field, constraint } = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (field.as_str(), constraint.as_str()),
        ("source_id", "restaurants_source_id_key")
    );
}

#[tokio::test]
async fn a_new_restaurant_comes_back_as_it_is_stored() {
    let services = Services::start().await;
    let created = services.restaurants.create(sourced("a")).await.unwrap();
    assert_eq!(created.source_id.as_deref(), Some("a"));
    assert_eq!(created.status, RestaurantStatus::Active);
    assert_eq!(
        (created.created_at, created.deleted_at),
        (created.updated_at, None)
    );
    let read = services
        .restaurants
        .by_id(created.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read.restaurant, created);
}

#[tokio::test]
async fn a_source_id_that_is_taken_is_a_conflict() {
    let services = Services::start().await;
    services.create(sourced("a")).await;
    let error = services.restaurants.create(sourced("a")).await.unwrap_err();
    assert_is_the_conflict(&error);
    assert_eq!(services.number("SELECT count(*) FROM restaurants").await, 1);
    // Restaurants without a source id are never the same.
    services.create(NewRestaurant::named("Twins")).await;
    services.create(NewRestaurant::named("Twins")).await;
}

#[tokio::test]
async fn a_broken_rule_is_found_before_the_database_is_asked() {
    let services = Services::start().await;
    services.run_sql("DROP TABLE reviews, restaurants").await;
    let error = services
        .restaurants
        .create(NewRestaurant::named(" "))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = services.restaurants.create(sourced("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Database);
    let state = error.database_error().unwrap().sql_state().unwrap();
    assert_eq!(state.as_str(), "42P01", "{error}");
}

#[tokio::test]
async fn the_services_error_serves_the_closures_of_transactions() {
    let services = Services::start().await;
    let twice = async |checked: bool| {
        services
            .database()
            .transaction(async |conn| {
                for _ in 0..2 {
                    let new = sourced("a");
                    if checked {
                        new.check()?;
                    }
                    diesel::insert_into(restaurants::table)
                        .values(&new)
                        .execute(conn)
                        .await?;
                }
                Ok::<_, Error>(())
            })
            .await
    };
    assert_is_the_conflict(&twice(true).await.unwrap_err());
    assert_eq!(services.number("SELECT count(*) FROM restaurants").await, 0);
}

#[tokio::test]
async fn futures_may_move_between_threads() {
    let services = Services::start().await;
    let restaurants = services.restaurants.clone();
    let task = tokio::spawn(async move {
        let id = restaurants.create(sourced("a")).await?.id;
        restaurants.by_id(id).await?;
        restaurants.search("noodle").load().await?;
        restaurants
            .nearby(
                larder_services::inputs::Point::new(0.0, 0.0),
                larder_services::inputs::Radius::default(),
            )
            .load()
            .await?;
        restaurants
            .import(larder_services::import::Import::from_restaurants([
                sourced("b"),
            ]))
            .run()
            .await
    });
    assert_eq!(task.await.unwrap().unwrap().inserted, 1);
}
