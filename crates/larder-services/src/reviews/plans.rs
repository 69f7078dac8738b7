//! Tests that the queries use their indexes on a large table.

use larder_testing::TestDatabase;

use super::of_restaurant;
use crate::MIGRATIONS;
use crate::ids::RestaurantId;
use crate::inputs::{Limit, Offset};
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
    for (offset, most_read) in [(0, 100), (200, 700)] {
        let limit = Limit::new(20).unwrap();
        let offset = Offset::new(offset).unwrap();
        let counted = scans!(database, async |conn| {
            let found = of_restaurant::find(RestaurantId(7), limit, offset, conn).await?;
            assert_eq!(found.len(), 20);
            Ok::<_, diesel::result::Error>(())
        });
        assert_eq!(counted.seq_scan, 0, "{offset:?}");
        assert!(
            counted.idx_tup_fetch <= most_read,
            "{offset:?}: {counted:?}"
        );
    }
}
