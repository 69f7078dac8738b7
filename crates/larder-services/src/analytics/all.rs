//! All active restaurants and their reviews, in numbers.

use diesel::dsl::{auto_type, count, count_star};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::restaurants::is_visible;
use crate::reviews::{AverageRating, ReviewStatus};
use crate::schema::{restaurants, reviews};

/// All active restaurants and their approved reviews, in numbers.
#[derive(Clone, Debug, PartialEq, Queryable, Serialize, Deserialize)]
pub struct DirectoryStatistics {
    /// How many restaurants are active and not deleted.
    pub restaurant_count: i64,
    /// How many approved reviews they have.
    pub review_count: i64,
    /// The mean of their ratings, 1 to 5, each review counting the same; none where there are
    /// none.
    pub avg_rating: Option<f64>,
    /// How many users wrote them.
    pub reviewer_count: i64,
}

#[auto_type]
pub(super) fn query() -> _ {
    let approved: ReviewStatus = ReviewStatus::Approved;
    let average: AverageRating = AverageRating;
    let restaurant_count = restaurants::table
        .filter(is_visible())
        .count()
        .single_value()
        .assume_not_null();
    let visible = restaurants::table
        .filter(is_visible())
        .select(restaurants::id);
    // One statement, so that all numbers are of the same moment.
    reviews::table
        .filter(reviews::status.eq(approved))
        .filter(reviews::restaurant_id.eq_any(visible))
        .select((
            restaurant_count,
            count_star(),
            average,
            count(reviews::user_id).aggregate_distinct(),
        ))
}
