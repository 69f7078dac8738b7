//! What the reviews of one restaurant say, in numbers.

use chrono::{DateTime, Utc};
use diesel::dsl::{auto_type, count};
use diesel::expression::functions::declare_sql_function;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Timestamptz};
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

#[declare_sql_function]
extern "SQL" {
    /// Diesel's own `max` takes any type, and so has no type to name in a query's.
    #[aggregate]
    #[sql_name = "max"]
    fn newest(time: Nullable<Timestamptz>) -> Nullable<Timestamptz>;
}

#[auto_type]
pub(super) fn query(id: RestaurantId) -> _ {
    let approved: ReviewStatus = ReviewStatus::Approved;
    let average: AverageRating = AverageRating;
    let (least_positive, most_negative): (Rating, Rating) =
        (Rating::LEAST_POSITIVE, Rating::MOST_NEGATIVE);
    let shown = reviews::restaurant_id
        .eq(restaurants::id)
        .and(reviews::status.eq(approved));
    // Null is not true, so that a restaurant without reviews has none of either.
    let positive = reviews::rating
        .nullable()
        .ge(least_positive)
        .assume_not_null();
    let negative = reviews::rating
        .nullable()
        .le(most_negative)
        .assume_not_null();
    restaurants::table
        .left_join(reviews::table.on(shown))
        .filter(restaurants::id.eq(id))
        .filter(restaurants::deleted_at.is_null())
        .group_by(restaurants::id)
        .select((
            count(reviews::id.nullable()),
            average,
            count(reviews::id.nullable()).aggregate_filter(positive),
            count(reviews::id.nullable()).aggregate_filter(negative),
            newest(reviews::created_at.nullable()),
        ))
}
