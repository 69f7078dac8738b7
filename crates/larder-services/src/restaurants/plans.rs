//! Tests that the queries use their indexes on a large table.

use diesel_async::RunQueryDsl;
use larder_database::sql;
use larder_testing::TestDatabase;

use super::nearby::Circle;
use super::{by_id, search};
use crate::MIGRATIONS;
use crate::ids::RestaurantId;
use crate::inputs::{Limit, Offset, Point, Radius, SearchTerm, kilometers};
use crate::scans::scans;

/// One city of 100,000, about as dense as New York: a tenth of it is within five kilometers.
const CITY: &str = "
    INSERT INTO restaurants (source_id, name, cuisine, latitude, longitude, status)
    SELECT number,
        (array['Golden', 'Blue', 'Old', 'Little', 'Green', 'Silver', 'Royal', 'Salty'])[1 + number % 8]
            || ' ' || substr(md5(number::text), 1, 6) || ' '
            || (array['Grill', 'Diner', 'Pizzeria', 'Sushi', 'Bakery', 'Taqueria', 'Tavern'])[1 + number % 7],
        (array['American', 'Cuban', 'Italian', 'Japanese', 'Thai', 'Peruvian'])[1 + number % 6],
        25.79 + (random() - 0.5) * 0.3, -80.24 + (random() - 0.5) * 0.3,
        CASE WHEN number % 20 = 0 THEN 'inactive' ELSE 'active' END
    FROM generate_series(1, 100000) AS number";

#[tokio::test]
async fn no_read_scans_the_whole_table() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let database = test.database();
    database.sql(CITY).execute().await.unwrap();
    for index in ["search_document", "name_trigrams", "cuisine_trigrams"] {
        sql(format!(
            "SELECT gin_clean_pending_list('restaurants_{index}_idx')"
        ))
        .fetch_scalar_on::<i64>(&mut database.session().await.unwrap())
        .await
        .unwrap();
    }
    database.sql("ANALYZE restaurants").execute().await.unwrap();

    for (latitude, longitude, km, limit, most_read) in [
        (25.79, -80.24, 10.0, 5, 100),
        (25.79, -80.24, 10.0, 50, 500),
        (25.79, -80.24, 1.0, 1000, 3000),
        // The circle holds the pole: one box of all longitudes.
        (25.79, -80.24, 9_000.0, 20, 200),
        (0.0, 180.0, 100.0, 50, 10),
    ] {
        let circle = Circle {
            center: Point::new(latitude, longitude).unwrap(),
            radius: Radius::new(kilometers(km)).unwrap(),
        };
        let limit = Limit::new(limit).unwrap();
        let counts = scans!(database, async |conn| circle.nearest(limit, conn).await);
        assert_eq!(counts.seq_scan, 0, "{circle:?} {limit:?}");
        assert!(
            counts.idx_tup_fetch <= most_read,
            "{circle:?} {limit:?}: {counts:?}"
        );
    }

    for typed in [
        "a1b2",
        "goldn a1b2c3",
        "xyzzy",
        "zz",
        "100%",
        "pizerria c4ca42",
        "O'Neill \\ _",
    ] {
        for offset in [0, 30] {
            let wanted = search::Wanted {
                term: SearchTerm::new(typed).unwrap(),
                limit: Limit::new(20).unwrap(),
                offset: Offset::new(offset).unwrap(),
            };
            let counts = scans!(database, async |conn| wanted.find(conn).await);
            assert_eq!(counts.seq_scan, 0, "{typed} {offset}");
        }
    }

    let counts = scans!(database, async |conn| by_id::query(RestaurantId(777))
        .execute(conn)
        .await);
    assert_eq!((counts.seq_scan, counts.idx_tup_fetch), (0, 1));
}

/// The circle is measured in one statement and looked at in the next: in between, others write.
#[tokio::test]
async fn a_circle_that_was_measured_too_small_loses_nothing() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let (center, limit) = (Point::new(10.0, 20.0).unwrap(), Limit::new(3).unwrap());
    let circle = |km| Circle {
        center,
        radius: Radius::new(kilometers(km)).unwrap(),
    };
    let around = "INSERT INTO restaurants (name, latitude, longitude)
        SELECT number, 10, 20 + number * 0.01 FROM generate_series(1, 4) AS number";
    test.database().sql(around).execute().await.unwrap();
    let mut session = test.database().session().await.unwrap();
    for guess in [None, Some(circle(1.5)), Some(circle(9.0))] {
        let found = circle(10.0)
            .nearest_by(guess, limit, &mut session)
            .await
            .unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|near| near.restaurant.name.as_str())
            .collect();
        assert_eq!(names, ["1", "2", "3"], "{guess:?}");
    }
}
