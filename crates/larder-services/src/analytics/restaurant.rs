//! What the reviews of one restaurant say, in numbers.

use chrono::{DateTime, Utc};
use diesel::dsl::{count, max};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_pool::Connection;
use serde::{Deserialize, Serialize};

use crate::ids::RestaurantId;
use crate::reviews::{AverageRating, Rating, ReviewStatus};
use crate::schema::{restaurants, reviews};

/// What the approved reviews of one restaurant say, in numbers.
#[derive(Clone, Debug, PartialEq, Queryable, Serialize, Deserialize)]
pub struct RestaurantStatistics {
    /// How many there are.
    pub review_count: i64,
    /// The mean of their ratings, 1 to 5; none where there are none.
    pub avg_rating: Option<f64>,
    /// How many have a rating of 4 or 5.
    pub positive_count: i64,
    /// How many have a rating of 1 or 2.
    pub negative_count: i64,
    /// When the newest was written; none where there are none.
    pub last_review_at: Option<DateTime<Utc>>,
}

pub(super) async fn find(
    id: RestaurantId,
    conn: &mut Connection,
) -> QueryResult<Option<RestaurantStatistics>> {
    let shown = reviews::restaurant_id
        .eq(restaurants::id)
        .and(reviews::status.eq(ReviewStatus::Approved));
    let rating = reviews::rating.nullable();
    // Null is not true, so that a restaurant without reviews has none of either.
    let positive = rating.ge(Rating::LEAST_POSITIVE).assume_not_null();
    let negative = rating.le(Rating::MOST_NEGATIVE).assume_not_null();
    let reviews_counted = || count(reviews::id.nullable());
    restaurants::table
        .left_join(reviews::table.on(shown))
        .filter(restaurants::id.eq(id))
        .filter(restaurants::deleted_at.is_null())
        .group_by(restaurants::id)
        .select((
            reviews_counted(),
            AverageRating,
            reviews_counted().aggregate_filter(positive),
            reviews_counted().aggregate_filter(negative),
            max(reviews::created_at.nullable()),
        ))
        .get_result(conn)
        .await
        .optional()
}
