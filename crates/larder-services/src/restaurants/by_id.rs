//! One restaurant with what its reviews say.

use diesel::dsl::count;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::Database;
use larder_pool::Connection;
use serde::{Deserialize, Serialize};

use super::Restaurant;
use super::service::is_visible;
use crate::error::Result;
use crate::ids::RestaurantId;
use crate::reviews::{AverageRating, ReviewStatus};
use crate::schema::{restaurants, reviews};

/// A restaurant with what its reviews say.
#[derive(Clone, Debug, PartialEq, Queryable, Serialize, Deserialize)]
pub struct RestaurantDetail {
    /// The restaurant.
    pub restaurant: Restaurant,
    /// How many approved reviews it has.
    pub review_count: i64,
    /// The mean of their ratings, 1 to 5; none where there are none.
    pub avg_rating: Option<f64>,
}

pub(super) async fn load(
    database: &Database,
    id: RestaurantId,
) -> Result<Option<RestaurantDetail>> {
    Ok(database.read(async |conn| find(id, conn).await).await?)
}

pub(super) async fn find(
    id: RestaurantId,
    conn: &mut Connection,
) -> QueryResult<Option<RestaurantDetail>> {
    let shown = reviews::restaurant_id
        .eq(restaurants::id)
        .and(reviews::status.eq(ReviewStatus::Approved));
    restaurants::table
        .left_join(reviews::table.on(shown))
        .filter(restaurants::id.eq(id))
        .filter(is_visible())
        .group_by(restaurants::id)
        .select((
            Restaurant::as_select(),
            count(reviews::id.nullable()),
            AverageRating,
        ))
        .get_result(conn)
        .await
        .optional()
}
