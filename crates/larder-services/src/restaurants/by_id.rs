//! One restaurant with what its reviews say.

use diesel::dsl::{AsSelect, auto_type, count};
use diesel::pg::Pg;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::Restaurant;
use super::service::is_visible;
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

#[auto_type]
pub(super) fn query(id: RestaurantId) -> _ {
    let approved: ReviewStatus = ReviewStatus::Approved;
    let average: AverageRating = AverageRating;
    let restaurant: AsSelect<Restaurant, Pg> = Restaurant::as_select();
    let shown = reviews::restaurant_id
        .eq(restaurants::id)
        .and(reviews::status.eq(approved));
    restaurants::table
        .left_join(reviews::table.on(shown))
        .filter(restaurants::id.eq(id))
        .filter(is_visible())
        .group_by(restaurants::id)
        .select((restaurant, count(reviews::id.nullable()), average))
}
