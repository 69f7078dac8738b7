//! Tests of distances and boxes, on known places and on random ones.

use proptest::prelude::*;

use super::*;

fn point(latitude: f64, longitude: f64) -> Point {
    Point::new(latitude, longitude).unwrap()
}

fn radius(km: f64) -> Radius {
    Radius::new(kilometers(km)).unwrap()
}

/// The point at a bearing (degrees from north) and a distance from another.
fn destination(from: Point, bearing: f64, km: f64) -> Point {
    let (latitude, longitude) = (from.latitude().to_radians(), from.longitude().to_radians());
    let (angle, bearing) = (km / EARTH_RADIUS_KM, bearing.to_radians());
    let sine = latitude.sin() * angle.cos() + latitude.cos() * angle.sin() * bearing.cos();
    let to_latitude = sine.clamp(-1.0, 1.0).asin();
    let turn = (bearing.sin() * angle.sin() * latitude.cos())
        .atan2(angle.cos() - latitude.sin() * to_latitude.sin());
    let to_longitude = (longitude + turn).to_degrees();
    point(
        to_latitude.to_degrees(),
        (to_longitude + 540.0).rem_euclid(360.0) - 180.0,
    )
}

fn assert_held(center: Point, within: Radius, place: Point) {
    if distance(center, place) <= within.distance() {
        let boxes = bounding_boxes(center, within);
        assert!(
            boxes.iter().any(|found| found.contains(place)),
            "{place:?} is within {within:?} of {center:?} and in none of {boxes:?}"
        );
    }
}

#[test]
fn known_distances() {
    let quarter = EARTH_RADIUS_KM * std::f64::consts::FRAC_PI_2;
    for (from, to, expected) in [
        (point(0.0, 0.0), point(0.0, 0.0), 0.0),
        (point(0.0, 0.0), point(90.0, 0.0), quarter),
        (point(90.0, 10.0), point(-90.0, -120.0), 2.0 * quarter),
        (point(0.0, 179.5), point(0.0, -179.5), quarter / 90.0),
        (point(48.8566, 2.3522), point(51.5074, -0.1278), 343.556),
    ] {
        let found = distance(from, to).as_kilometers();
        assert!(
            (found - expected).abs() < 0.001,
            "{from:?} {to:?}: {found}, not {expected}"
        );
        assert_eq!(distance(from, to), distance(to, from));
    }
}

#[test]
fn an_ordinary_circle_is_one_small_box() {
    let boxes = bounding_boxes(point(25.77, -80.19), radius(10.0));
    assert_eq!(boxes.len(), 1);
    assert!((boxes[0].north - boxes[0].south - 0.1799).abs() < 0.001);
    assert!((boxes[0].east - boxes[0].west - 0.1997).abs() < 0.001);
}

#[test]
fn across_the_antimeridian_there_are_two() {
    for longitude in [179.99, -179.99, 180.0, -180.0] {
        let center = point(-17.7, longitude);
        let boxes = bounding_boxes(center, radius(10.0));
        assert_eq!(boxes.len(), 2);
        for place in [
            point(-17.7, 179.95),
            point(-17.7, -179.95),
            point(-17.7, 180.0),
        ] {
            assert_held(center, radius(10.0), place);
        }
        assert!(!boxes.iter().any(|found| found.contains(point(-17.7, 0.0))));
    }
}

#[test]
fn around_a_pole_there_are_all_longitudes() {
    for latitude in [89.95, -89.95, 90.0, -90.0] {
        let boxes = bounding_boxes(point(latitude, 20.0), radius(10.0));
        assert_eq!(boxes.len(), 1);
        assert_eq!((boxes[0].west, boxes[0].east), (-180.0, 180.0));
        assert!(boxes[0].north - boxes[0].south < 0.2);
    }
}

#[test]
fn the_largest_radius_holds_the_earth() {
    let boxes = bounding_boxes(point(12.0, 34.0), Radius::MAX);
    let whole = BoundingBox {
        south: -90.0,
        west: -180.0,
        north: 90.0,
        east: 180.0,
    };
    assert_eq!(boxes, [whole]);
}

/// Latitudes of every kind, the poles and their neighbourhood among them.
fn latitudes() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -90.0..=90.0,
        1 => 89.9..=90.0,
        1 => -90.0..=-89.9,
        1 => prop::sample::select(vec![-90.0, 0.0, 90.0]),
    ]
}

/// Longitudes of every kind, the antimeridian and its neighbourhood among them.
fn longitudes() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -180.0..=180.0,
        1 => 179.9..=180.0,
        1 => -180.0..=-179.9,
        1 => prop::sample::select(vec![-180.0, 0.0, 180.0]),
    ]
}

/// Radii from one meter to half the way around the earth, each order of magnitude alike.
fn radii() -> impl Strategy<Value = f64> {
    (-3.0..4.301_f64).prop_map(|exponent| 10_f64.powf(exponent))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_point_of_a_circle_is_in_its_boxes(
        latitude in latitudes(),
        longitude in longitudes(),
        km in radii(),
        bearing in 0.0..360.0_f64,
        part in prop_oneof![0.0..=1.0_f64, Just(1.0), 0.999..=1.0_f64],
    ) {
        let center = point(latitude, longitude);
        assert_held(center, radius(km), destination(center, bearing, km * part));
    }

    #[test]
    fn any_two_points_agree_with_the_boxes(
        latitude in latitudes(),
        longitude in longitudes(),
        other_latitude in latitudes(),
        other_longitude in longitudes(),
        slack in 1.0..1.5_f64,
    ) {
        let (center, place) = (point(latitude, longitude), point(other_latitude, other_longitude));
        let km = (distance(center, place).as_kilometers() * slack).clamp(0.001, 20_015.0);
        assert_held(center, radius(km), place);
    }

    #[test]
    fn boxes_are_boxes_on_the_earth(
        latitude in latitudes(),
        longitude in longitudes(),
        km in radii(),
    ) {
        let boxes = bounding_boxes(point(latitude, longitude), radius(km));
        prop_assert!(matches!(boxes.len(), 1 | 2));
        for found in boxes {
            prop_assert!(-90.0 <= found.south && found.south <= found.north && found.north <= 90.0);
            prop_assert!(-180.0 <= found.west && found.west <= found.east && found.east <= 180.0);
        }
    }
}
