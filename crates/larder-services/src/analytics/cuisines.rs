//! The cuisines with the most restaurants.

use std::sync::Arc;
use std::time::Duration;

use diesel::dsl::{auto_type, count};
use diesel::prelude::*;
use larder_macros::operation;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::inputs::Limit;
use crate::restaurants::is_visible;
use crate::reviews::{AverageRating, ReviewStatus};
use crate::schema::{restaurants, reviews};
use crate::service::{HasService, Service};

/// A cuisine, with its active restaurants and their approved reviews in numbers.
#[derive(Clone, Debug, PartialEq, Queryable, Serialize, Deserialize)]
pub struct CuisineStatistics {
    /// The cuisine, as the restaurants have it.
    pub cuisine: String,
    /// How many restaurants have it.
    pub restaurant_count: i64,
    /// How many reviews these have.
    pub review_count: i64,
    /// The mean of their ratings, 1 to 5, each review counting the same; none where there are
    /// none.
    pub avg_rating: Option<f64>,
}

/// The cuisines with the most restaurants; made by
/// [`AnalyticsService::popular_cuisines`](super::AnalyticsService::popular_cuisines).
#[derive(Debug)]
#[must_use = "nothing is read until it is loaded"]
pub struct PopularCuisines {
    service: Service,
    limit: Result<Limit>,
}

impl HasService for PopularCuisines {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl PopularCuisines {
    pub(super) fn new(service: Service) -> Self {
        Self {
            service,
            limit: Limit::new(10),
        }
    }

    /// How many cuisines to return at most: 1 to 1,000, 10 unless set.
    pub fn limit(mut self, limit: impl TryInto<Limit, Error: Into<Error>>) -> Self {
        self.limit = limit.try_into().map_err(Into::into);
        self
    }

    /// Reads the cuisines of the active restaurants: most restaurants first, then best rated (those
    /// without reviews last), then by name. Restaurants without a cuisine are left out.
    /// Kept for 15 minutes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where the limit is out of range,
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    #[operation("popular_cuisines")]
    pub async fn load(self) -> Result<Arc<[CuisineStatistics]>> {
        let query = query(self.limit?.get());
        let read = self.service.cached("popular_cuisines", query);
        Ok(read.ttl(Duration::from_mins(15)).load().await?)
    }
}

#[auto_type]
fn query(limit: i64) -> _ {
    let approved: ReviewStatus = ReviewStatus::Approved;
    let average: AverageRating = AverageRating;
    let shown = reviews::restaurant_id
        .eq(restaurants::id)
        .and(reviews::status.eq(approved));
    // The join has a restaurant once for each of its reviews.
    let most_restaurants = count(restaurants::id).aggregate_distinct().desc();
    let restaurant_count = count(restaurants::id).aggregate_distinct();
    restaurants::table
        .left_join(reviews::table.on(shown))
        .filter(is_visible())
        .filter(restaurants::cuisine.ne(""))
        .group_by(restaurants::cuisine)
        .order((
            most_restaurants,
            average.desc().nulls_last(),
            restaurants::cuisine.asc(),
        ))
        .limit(limit)
        .select((
            restaurants::cuisine.assume_not_null(),
            restaurant_count,
            count(reviews::id.nullable()),
            average,
        ))
}
