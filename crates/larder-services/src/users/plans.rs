//! Tests that the queries use their indexes on a large table.

use diesel_async::RunQueryDsl;
use larder_testing::TestDatabase;

use super::{by_email, by_id};
use crate::MIGRATIONS;
use crate::ids::UserId;
use crate::inputs::Email;
use crate::scans::{Scans, scans};

#[tokio::test]
async fn no_read_scans_the_whole_table() {
    let test = TestDatabase::create(MIGRATIONS).await.unwrap();
    let database = test.database();
    for sql in [
        "INSERT INTO users (username, email, password_hash)
            SELECT number, number || '@Example.com', 'x' FROM generate_series(1, 20000) AS number",
        "INSERT INTO restaurants (name) VALUES ('A')",
        "INSERT INTO reviews (restaurant_id, user_id, rating, status)
            SELECT restaurants.id, users.id, 5, 'approved'
            FROM restaurants, users, generate_series(1, 3)",
        "ANALYZE users, reviews",
    ] {
        database.sql(sql).execute().await.unwrap();
    }
    let email = Email::new("777@example.COM").unwrap();
    let counted = scans!(database, async |conn| {
        let found = by_email::find(&email, conn).await?;
        assert_eq!(found.map(|found| found.user.id), Some(UserId(777)));
        Ok::<_, diesel::result::Error>(())
    });
    let (seq_scan, idx_tup_fetch) = (0, 1);
    assert_eq!(
        counted,
        Scans {
            seq_scan,
            idx_tup_fetch
        }
    );
    // The user and the three reviews.
    let counted = scans!(database, async |conn| by_id::query(UserId(777))
        .execute(conn)
        .await);
    let idx_tup_fetch = 4;
    assert_eq!(
        counted,
        Scans {
            seq_scan,
            idx_tup_fetch
        }
    );
}
