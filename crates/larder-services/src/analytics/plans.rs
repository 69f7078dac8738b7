//! Tests that the queries use their indexes on a large table.

use diesel_async::RunQueryDsl;
use larder_testing::TestDatabase;

use super::restaurant;
use crate::MIGRATIONS;
use crate::ids::RestaurantId;
use crate::scans::{Scans, scans};

#[tokio::test]
async fn one_restaurant_reads_its_own_reviews_alone() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let database = test.database();
    for sql in [
        "INSERT INTO restaurants (name) SELECT number FROM generate_series(1, 2000) AS number",
        "INSERT INTO users (username, email, password_hash) VALUES ('a', 'a@example.com', 'x')",
        "INSERT INTO reviews (restaurant_id, user_id, rating, status)
            SELECT 1 + number % 2000, 1, 4, 'approved' FROM generate_series(1, 100000) AS number",
        "ANALYZE restaurants, users, reviews",
    ] {
        database.sql(sql).execute().await.unwrap();
    }
    let counted = scans!(database, async |conn| {
        restaurant::query(RestaurantId(7)).execute(conn).await
    });
    // The restaurant and its fifty reviews.
    let (seq_scan, idx_tup_fetch) = (0, 51);
    assert_eq!(
        counted,
        Scans {
            seq_scan,
            idx_tup_fetch
        }
    );
}
