//! Tests that the queries use their indexes on a large table.

use larder_testing::TestDatabase;

use super::of_restaurant::Part;
use crate::MIGRATIONS;
use crate::ids::RestaurantId;
use crate::inputs::{Cursor, Limit, Offset};
use crate::scans::scans;

#[tokio::test]
async fn a_page_reads_what_it_shows_and_passes_over() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let database = test.database();
    for sql in [
        "INSERT INTO restaurants (name) SELECT number FROM generate_series(1, 2000) AS number",
        "INSERT INTO users (username, email, password_hash)
            SELECT number, number || '@example.com', 'x' FROM generate_series(1, 5000) AS number",
        "INSERT INTO reviews (restaurant_id, user_id, rating, status, created_at)
            SELECT 1 + number % 100, 1 + number % 5000, 4, 'approved',
                now() - number * interval '1 minute'
            FROM generate_series(1, 100000) AS number",
        "ANALYZE restaurants, users, reviews",
    ] {
        database.sql(sql).execute().await.unwrap();
    }
    // Restaurant 7 has a thousand reviews.
    let far: Cursor = {
        let part = part(None, 500, 1);
        let last = part
            .load(&mut database.session().await.unwrap())
            .await
            .unwrap();
        Cursor::at(last[0].created_at, last[0].id.0)
    };
    for (after, offset, most_read) in [(None, 0, 100), (None, 200, 700), (Some(far), 0, 100)] {
        let part = part(after, offset, 20);
        let counted = scans!(database, async |conn| {
            assert_eq!(part.load(conn).await?.len(), 20);
            Ok::<_, diesel::result::Error>(())
        });
        assert_eq!(counted.seq_scan, 0, "{part:?}");
        assert!(counted.idx_tup_fetch <= most_read, "{part:?}: {counted:?}");
    }
}

fn part(after: Option<Cursor>, offset: u32, limit: u32) -> Part {
    Part {
        restaurant: RestaurantId(7),
        after,
        offset: Offset::new(offset).unwrap(),
        limit: Limit::new(limit).unwrap(),
    }
}
