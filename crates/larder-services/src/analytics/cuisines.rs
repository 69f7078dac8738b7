//! The cuisines with the most restaurants.

use diesel::dsl::count;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::Database;
use larder_pool::Connection;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::inputs::Limit;
use crate::restaurants::is_visible;
use crate::reviews::{AverageRating, ReviewStatus};
use crate::schema::{restaurants, reviews};

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
    database: Database,
    limit: Result<Limit>,
}

impl PopularCuisines {
    pub(super) fn new(database: Database) -> Self {
        Self {
            database,
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
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where the limit is out of range,
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn load(self) -> Result<Vec<CuisineStatistics>> {
        let limit = self.limit?;
        let reading = async |conn: &mut Connection| find(limit, conn).await;
        Ok(self.database.read(reading).await?)
    }
}

pub(super) async fn find(
    limit: Limit,
    conn: &mut Connection,
) -> QueryResult<Vec<CuisineStatistics>> {
    let shown = reviews::restaurant_id
        .eq(restaurants::id)
        .and(reviews::status.eq(ReviewStatus::Approved));
    // The join has a restaurant once for each of its reviews.
    let restaurant_count = || count(restaurants::id).aggregate_distinct();
    restaurants::table
        .left_join(reviews::table.on(shown))
        .filter(is_visible())
        .filter(restaurants::cuisine.ne(""))
        .group_by(restaurants::cuisine)
        .order((
            restaurant_count().desc(),
            AverageRating.desc().nulls_last(),
            restaurants::cuisine.asc(),
        ))
        .limit(limit.get())
        .select((
            restaurants::cuisine.assume_not_null(),
            restaurant_count(),
            count(reviews::id.nullable()),
            AverageRating,
        ))
        .load(conn)
        .await
}
