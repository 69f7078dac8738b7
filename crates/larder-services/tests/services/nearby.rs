//! The restaurants around a point: against brute force, and at the edges of the map.

use fastrand::Rng;
use larder_services::geography::distance;
use larder_services::import::Import;
use larder_services::inputs::{Point, Radius, kilometers, meters};
use larder_services::restaurants::{NewRestaurant, RestaurantNearby, RestaurantStatus};
use larder_services::{ErrorKind, RestaurantId};

use crate::support::{Services, at};

fn point(latitude: f64, longitude: f64) -> Point {
    Point::new(latitude, longitude).unwrap()
}

fn names(found: &[RestaurantNearby]) -> Vec<&str> {
    found
        .iter()
        .map(|near| near.restaurant.name.as_str())
        .collect()
}

/// A point anywhere, or in one of the places where longitudes do not behave.
fn any_point(random: &mut Rng) -> Point {
    let (latitude, longitude) = match random.u8(..6) {
        0 | 1 => (
            (random.f64() * 2.0 - 1.0).asin().to_degrees(),
            random.f64() * 360.0 - 180.0,
        ),
        2 => (random.f64() * 4.0 - 2.0, 180.0 - random.f64().powi(3) * 3.0),
        3 => (random.f64() * 4.0 - 2.0, random.f64().powi(3) * 3.0 - 180.0),
        4 => (
            90.0 - random.f64().powi(3) * 5.0,
            random.f64() * 360.0 - 180.0,
        ),
        _ => (
            random.f64().powi(3) * 5.0 - 90.0,
            random.f64() * 360.0 - 180.0,
        ),
    };
    match random.u8(..20) {
        0 => point(latitude, 180.0),
        1 => point(latitude, -180.0),
        2 => point(90.0, longitude),
        3 => point(-90.0, longitude),
        _ => point(latitude, longitude),
    }
}

/// By how much the server's sine may differ from ours: for places opposite to each other the
/// last digit of it is most.
const TOLERANCE_KM: f64 = 1e-3;

#[tokio::test]
async fn brute_force_finds_the_same() {
    let services = Services::start().await;
    let mut random = Rng::with_seed(20);
    let places: Vec<Point> = (0..900).map(|_| any_point(&mut random)).collect();
    // Each has a second restaurant at the same place, so that there are ties.
    let made = places
        .iter()
        .chain(&places)
        .zip(0..)
        .map(|(place, number)| NewRestaurant {
            status: if number % 7 == 0 {
                RestaurantStatus::Closed
            } else {
                RestaurantStatus::Active
            },
            ..at(&number.to_string(), place.latitude(), place.longitude())
        });
    let made: Vec<_> = made.collect();
    let report = services
        .restaurants
        .import(Import::from_restaurants(made))
        .run()
        .await
        .unwrap();
    assert_eq!(report.inserted, 1800);
    let all = services
        .restaurants
        .nearby(point(0.0, 0.0), Radius::MAX)
        .limit(1000)
        .load()
        .await
        .unwrap();
    assert_eq!(all.len(), 1000);

    let stored = services
        .database()
        .sql("SELECT id, latitude, longitude FROM restaurants WHERE status = 'active'")
        .fetch_json()
        .await
        .unwrap();
    let stored: Vec<(i64, Point)> = stored
        .iter()
        .map(|row| {
            let degrees = |name: &str| row[name].as_f64().unwrap();
            (
                row["id"].as_i64().unwrap(),
                point(degrees("latitude"), degrees("longitude")),
            )
        })
        .collect();
    for round in 0..400 {
        let center = if random.bool() {
            any_point(&mut random)
        } else {
            *random.choice(&places).unwrap()
        };
        // From 100 m to around the world, evenly by magnitude.
        let radius = (0.1 * 200_000_f64.powf(random.f64())).min(20_015.0);
        let limit = random.usize(1..=60);
        let found = services
            .restaurants
            .nearby(center, kilometers(radius))
            .limit(limit)
            .load()
            .await
            .unwrap();
        let mut expected: Vec<(f64, i64)> = stored
            .iter()
            .map(|(id, place)| (distance(center, *place).as_kilometers(), *id))
            .filter(|(km, _)| *km <= radius)
            .collect();
        expected.sort_by(|one, other| one.partial_cmp(other).unwrap());
        expected.truncate(limit);
        let context = format!("round {round}: {limit} within {radius} km of {center:?}");
        assert_same(&found, &expected, radius, &context);
    }
}

fn assert_same(found: &[RestaurantNearby], expected: &[(f64, i64)], radius: f64, context: &str) {
    let at_the_edge = |km: f64| (km - radius).abs() < TOLERANCE_KM;
    let shorter = found.len().min(expected.len());
    assert!(
        found[shorter..]
            .iter()
            .all(|near| at_the_edge(near.distance_km)),
        "{context}"
    );
    assert!(
        expected[shorter..].iter().all(|(km, _)| at_the_edge(*km)),
        "{context}"
    );
    for (near, (km, id)) in found.iter().zip(expected) {
        assert!(
            (near.distance_km - km).abs() < TOLERANCE_KM,
            "{context}: {near:?}, not {km}"
        );
        let ours = distance_of(expected, near.restaurant.id);
        let same = near.restaurant.id == RestaurantId(*id);
        assert!(
            same || ours.is_none_or(|ours| (ours - km).abs() < TOLERANCE_KM),
            "{context}"
        );
    }
    assert!(
        found.is_sorted_by(|one, next| {
            (one.distance_km, one.restaurant.id) < (next.distance_km, next.restaurant.id)
        }),
        "{context}: not the nearest first, or ties not by id"
    );
}

fn distance_of(expected: &[(f64, i64)], id: RestaurantId) -> Option<f64> {
    expected
        .iter()
        .find(|(_, other)| *other == id.0)
        .map(|(km, _)| *km)
}

#[tokio::test]
async fn nearest_first_and_only_what_is_shown() {
    let services = Services::start().await;
    services.create(at("third", 25.79, -80.19)).await;
    services.create(at("first", 25.7701, -80.19)).await;
    services.create(at("second", 25.775, -80.19)).await;
    services.create(at("far", 26.5, -80.19)).await;
    services.create(NewRestaurant::named("nowhere")).await;
    let deleted = services.create(at("deleted", 25.77, -80.19)).await;
    services
        .run_sql(format!(
            "UPDATE restaurants SET deleted_at = now() WHERE id = {deleted}"
        ))
        .await;
    services
        .create(NewRestaurant {
            status: RestaurantStatus::Closed,
            ..at("closed", 25.77, -80.19)
        })
        .await;

    let near = services
        .restaurants
        .nearby(Point::new(25.77, -80.19), kilometers(10.0));
    let found = near.limit(50).load().await.unwrap();
    assert_eq!(names(&found), ["first", "second", "third"]);
    assert!(
        (found[0].distance_km - 0.0111).abs() < 0.0001,
        "{}",
        found[0].distance_km
    );

    let near = services
        .restaurants
        .nearby(Point::new(25.77, -80.19), Radius::default());
    assert_eq!(
        names(&near.limit(2).load().await.unwrap()),
        ["first", "second"]
    );
    let near = services
        .restaurants
        .nearby(Point::new(25.77, -80.19), meters(100.0));
    assert_eq!(names(&near.load().await.unwrap()), ["first"]);
}

#[tokio::test]
async fn a_full_house_at_one_place_is_in_order_of_the_ids() {
    let services = Services::start().await;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(services.create(at("same", 10.0, 20.0)).await);
    }
    // Moved to the end of the table.
    services
        .run_sql(format!(
            "UPDATE restaurants SET city = 'x' WHERE id <= {}",
            ids[1]
        ))
        .await;
    let found = services
        .restaurants
        .nearby(point(10.0, 20.0), meters(1.0))
        .limit(3)
        .load()
        .await
        .unwrap();
    let found: Vec<_> = found.iter().map(|near| near.restaurant.id).collect();
    assert_eq!(found, ids[..3]);
}

#[tokio::test]
async fn what_is_out_of_range_is_said_when_loading() {
    let services = Services::start().await;
    let reads = &services.restaurants;
    for (near, input) in [
        (
            reads.nearby(Point::new(91.0, 0.0), kilometers(1.0)),
            "latitude",
        ),
        (
            reads.nearby(Point::new(0.0, 0.0), kilometers(-1.0)),
            "radius",
        ),
        (reads.nearby(point(0.0, 0.0), Radius::MAX).limit(0), "limit"),
        (
            reads.nearby(point(0.0, 0.0), Radius::MAX).limit(1001_u64),
            "limit",
        ),
    ] {
        let error = near.load().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(input), "{error}");
    }
}
