//! What is kept of reads: for how long, that it is what the database says, and what is not kept.

use std::time::Duration;

use chrono::{TimeZone, Utc};
use larder_database::Database;
use larder_services::inputs::{Point, kilometers};
use larder_services::restaurants::KosherCategory;
use larder_services::{ErrorKind, HasService, RestaurantId, UserId};

use crate::directory::Directory;

/// Checks that a read is kept for some minutes and no longer.
macro_rules! assert_kept {
    ($directory:expr, $minutes:expr, $read:expr) => {{
        let directory = &$directory;
        let time = Duration::from_mins($minutes);
        let second = Duration::from_secs(1);
        let counted = async |hits: u64, loads: u64| {
            let before = directory.database().cache_statistics();
            $read.await.unwrap();
            let after = directory.database().cache_statistics();
            let counted = (after.hits - before.hits, after.loads - before.loads);
            assert_eq!(counted, (hits, loads), "{}", stringify!($read));
        };
        counted(0, 1).await;
        counted(1, 0).await;
        directory.time.advance(time - second);
        counted(1, 0).await;
        directory.time.advance(second);
        counted(0, 1).await;
    }};
}

#[tokio::test]
async fn every_read_is_kept_for_its_time() {
    let directory = Directory::start().await;
    let Directory { services, .. } = &directory;
    let (restaurant, user, review) = (directory.restaurant, directory.reviewer, directory.review);
    let restaurants = &services.restaurants;
    let analytics = &services.analytics;
    let here = || Point::new(25.77, -80.19);
    let reviews = || services.reviews.of_restaurant(restaurant);
    let place = reviews().limit(1).load().await.unwrap()[0].clone();
    let place = format!("{}_{}", place.created_at.timestamp_micros() + 1, place.id);

    assert_kept!(
        directory,
        5,
        restaurants.nearby(here(), kilometers(2.0)).load()
    );
    assert_kept!(directory, 10, restaurants.by_id(restaurant));
    assert_kept!(directory, 2, restaurants.search("noodle").load());
    // What completes the list with what looks like it is another statement.
    assert_kept!(directory, 2, restaurants.search("nodle house").load());
    assert_kept!(directory, 1, reviews().limit(3).load());
    assert_kept!(directory, 1, reviews().after(place.as_str()).load());
    assert_kept!(directory, 1, reviews().load_page());
    assert_kept!(directory, 1, services.reviews.by_id(review));
    assert_kept!(directory, 5, services.users.by_id(user));
    assert_kept!(directory, 10, analytics.of_restaurant(restaurant));
    assert_kept!(directory, 10, analytics.of_all());
    assert_kept!(directory, 15, analytics.popular_cuisines().load());
    // That there is nothing is kept too.
    assert_kept!(directory, 10, restaurants.by_id(RestaurantId(0)));
    assert_kept!(directory, 5, services.users.by_id(UserId(0)));
    assert_kept!(directory, 10, analytics.of_restaurant(RestaurantId(0)));
    assert_kept!(
        directory,
        1,
        services.reviews.of_restaurant(RestaurantId(0)).load()
    );
}

#[tokio::test]
async fn different_inputs_are_different_results() {
    let directory = Directory::start().await;
    let restaurants = &directory.services.restaurants;
    let far = Point::new(25.77, -80.18).unwrap();
    for _ in 0..2 {
        let near = |km| {
            restaurants
                .nearby(Point::new(25.77, -80.19), kilometers(km))
                .load()
        };
        assert_eq!(near(2.0).await.unwrap().len(), 1);
        assert_eq!(
            restaurants
                .nearby(far, kilometers(0.5))
                .load()
                .await
                .unwrap()
                .len(),
            0
        );
        assert_eq!(
            restaurants
                .nearby(far, kilometers(5.0))
                .load()
                .await
                .unwrap()
                .len(),
            1
        );
        let search = |term| restaurants.search(term);
        assert_eq!(search("noodle").load().await.unwrap().len(), 1);
        assert_eq!(search("noodle").offset(1).load().await.unwrap().len(), 0);
        assert_eq!(search("bakery").load().await.unwrap().len(), 0);
        let reviews = |id| directory.services.reviews.of_restaurant(id);
        assert_eq!(reviews(directory.restaurant).load().await.unwrap().len(), 1);
        assert_eq!(
            reviews(directory.restaurant)
                .offset(1)
                .load()
                .await
                .unwrap()
                .len(),
            0
        );
        assert_eq!(reviews(RestaurantId(0)).load().await.unwrap().len(), 0);
        let page = reviews(directory.restaurant)
            .after("0_0")
            .load_page()
            .await
            .unwrap();
        assert_eq!(page.items.len(), 0);
    }
}

/// Compares a hit with a miss and with what the database says, as values and as JSON.
macro_rules! assert_same {
    ($database:expr, $read:expr) => {{
        let miss = $read.await.unwrap();
        let hits = $database.cache_statistics().hits;
        let hit = $read.await.unwrap();
        assert_eq!($database.cache_statistics().hits, hits + 1);
        $database.cache().set_enabled(false);
        let plain = $read.await.unwrap();
        $database.cache().set_enabled(true);
        assert_eq!((&miss, &hit), (&plain, &plain), "{}", stringify!($read));
        let json = serde_json::to_string(&plain).unwrap();
        assert_eq!(serde_json::to_string(&hit).unwrap(), json);
        hit
    }};
}

#[tokio::test]
async fn a_hit_is_what_the_database_says() {
    let directory = Directory::start().await;
    let Directory { services, .. } = &directory;
    let database = directory.database();
    let (restaurant, analytics) = (directory.restaurant, &services.analytics);
    let found = assert_same!(database, services.restaurants.by_id(restaurant)).unwrap();
    assert_eq!(
        found.restaurant.kosher_category,
        Some(KosherCategory::Pareve)
    );
    assert_eq!(found.restaurant.longitude, Some(-80.190_000_000_000_01));
    assert_eq!(found.restaurant.cuisine.as_deref(), Some("Café"));
    assert_eq!(found.avg_rating, Some(4.0));
    let here = Point::new(25.770_1, -80.19).unwrap();
    let near = assert_same!(
        database,
        services.restaurants.nearby(here, kilometers(2.0)).load()
    );
    assert!(near[0].distance_km > 0.01);
    assert_same!(database, services.restaurants.search("café").load());
    let shown = assert_same!(database, services.reviews.of_restaurant(restaurant).load());
    let written = Utc.with_ymd_and_hms(2024, 2, 29, 23, 59, 59).unwrap();
    assert_eq!(
        shown[0].created_at,
        written + Duration::from_micros(123_456)
    );
    assert_same!(
        database,
        services.reviews.of_restaurant(restaurant).load_page()
    );
    assert_same!(database, services.reviews.by_id(directory.review));
    assert_same!(database, services.users.by_id(directory.reviewer));
    let one = assert_same!(database, analytics.of_restaurant(restaurant)).unwrap();
    assert_eq!(one.last_review_at, Some(shown[0].created_at));
    assert_same!(database, analytics.of_all());
    assert_same!(database, analytics.popular_cuisines().load());
}

#[tokio::test]
async fn credentials_are_never_kept() {
    let directory = Directory::start().await;
    let database = directory.database();
    let kept = |database: &Database| {
        let counted = database.cache_statistics();
        (counted.sets, counted.hits, counted.entries)
    };
    let before = kept(database);
    for hash in ["one", "two"] {
        // As another process would, of which this one learns nothing.
        let elsewhere = directory.services.test.database();
        let change = elsewhere
            .sql("UPDATE users SET password_hash = :hash")
            .bind("hash", hash);
        change.execute().await.unwrap();
        let (found, _) = directory.login().await.unwrap().unwrap();
        assert_eq!(found, hash);
    }
    assert_eq!(kept(database), before);
}

#[tokio::test]
async fn a_transaction_reads_what_it_has_written() {
    let directory = Directory::start().await;
    let Directory { services, .. } = &directory;
    let id = directory.restaurant;
    let here = Point::new(25.77, -80.19).unwrap();
    let near = || services.restaurants.nearby(here, kilometers(2.0));
    let search = || services.restaurants.search("noodle");
    let reviews = || services.reviews.of_restaurant(id);
    directory.read_all().await;
    let outcome = directory
        .database()
        .transaction(async |conn| {
            larder_database::sql("UPDATE restaurants SET status = 'closed'")
                .execute_on(conn)
                .await?;
            assert_eq!(near().load_on(conn).await?.len(), 0);
            assert_eq!(search().load_on(conn).await?.len(), 0);
            assert_eq!(reviews().load_on(conn).await?.len(), 0);
            for refused in [
                near().load().await.map(drop),
                search().load().await.map(drop),
                reviews().load().await.map(drop),
                reviews().load_page().await.map(drop),
                services.restaurants.by_id(id).await.map(drop),
            ] {
                let error = refused.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Database);
                assert!(error.to_string().contains("load_on"), "{error}");
            }
            Err::<(), _>(larder_services::Error::from(
                larder_database::Error::NotFound,
            ))
        })
        .await;
    outcome.unwrap_err();
    assert_eq!(near().load().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_service_forgets_its_own_results() {
    let directory = Directory::start().await;
    directory.read_all().await;
    let misses = async || {
        let before = directory.database().cache_statistics().loads;
        directory.read_all().await;
        directory.database().cache_statistics().loads - before
    };
    assert_eq!(misses().await, 0);
    directory
        .services
        .restaurants
        .service()
        .invalidate()
        .await
        .unwrap();
    // nearby, by id, search
    assert_eq!(misses().await, 3);
    directory
        .services
        .analytics
        .service()
        .invalidate()
        .await
        .unwrap();
    assert_eq!(misses().await, 3);
}
