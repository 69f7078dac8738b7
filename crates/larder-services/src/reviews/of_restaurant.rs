//! The reviews of a restaurant, newest first.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::Database;
use larder_pool::Connection;
use serde::{Deserialize, Serialize};

use super::{Rating, ReviewStatus};
use crate::error::{Error, Result};
use crate::ids::{RestaurantId, ReviewId, UserId};
use crate::inputs::{Limit, Offset};
use crate::restaurants::is_visible;
use crate::schema::{restaurants, reviews, users};

/// A review as it is shown, with who wrote it.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable, Serialize, Deserialize)]
#[diesel(table_name = reviews, check_for_backend(diesel::pg::Pg))]
pub struct PublishedReview {
    /// Its id.
    pub id: ReviewId,
    /// How good the restaurant was found.
    pub rating: Rating,
    /// Its title.
    pub title: Option<String>,
    /// Its text.
    pub comment: Option<String>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// Who wrote it.
    #[diesel(embed)]
    pub reviewer: Reviewer,
}

/// Who wrote a review, as it is shown there.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable, Serialize, Deserialize)]
#[diesel(table_name = users, check_for_backend(diesel::pg::Pg))]
pub struct Reviewer {
    /// The user's id.
    pub id: UserId,
    /// The user's name in the system.
    pub username: String,
    /// The user's name to show.
    pub display_name: Option<String>,
}

/// A page of a restaurant's reviews; made by
/// [`ReviewService::of_restaurant`](super::ReviewService::of_restaurant).
#[derive(Debug)]
#[must_use = "nothing is read until it is loaded"]
pub struct ReviewsOfRestaurant {
    database: Database,
    restaurant: RestaurantId,
    limit: Result<Limit>,
    offset: Result<Offset>,
}

impl ReviewsOfRestaurant {
    pub(super) fn new(database: Database, restaurant: RestaurantId) -> Self {
        Self {
            database,
            restaurant,
            limit: Limit::new(20),
            offset: Ok(Offset::default()),
        }
    }

    /// How many reviews to return at most: 1 to 1,000, 20 unless set.
    pub fn limit(mut self, limit: impl TryInto<Limit, Error: Into<Error>>) -> Self {
        self.limit = limit.try_into().map_err(Into::into);
        self
    }

    /// How many newer reviews to pass over: 0 to 100,000, none unless set.
    pub fn offset(mut self, offset: impl TryInto<Offset, Error: Into<Error>>) -> Self {
        self.offset = offset.try_into().map_err(Into::into);
        self
    }

    /// Reads the approved reviews, newest first; of two of the same time the one with the higher
    /// id. A restaurant that is not there, not active or deleted has none.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where limit or offset is out of
    /// range, [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn load(self) -> Result<Vec<PublishedReview>> {
        let (limit, offset) = (self.limit?, self.offset?);
        let reading =
            async |conn: &mut Connection| find(self.restaurant, limit, offset, conn).await;
        Ok(self.database.read(reading).await?)
    }
}

pub(super) async fn find(
    restaurant: RestaurantId,
    limit: Limit,
    offset: Offset,
    conn: &mut Connection,
) -> QueryResult<Vec<PublishedReview>> {
    reviews::table
        .inner_join(restaurants::table)
        .inner_join(users::table)
        .filter(reviews::restaurant_id.eq(restaurant))
        .filter(reviews::status.eq(ReviewStatus::Approved))
        .filter(is_visible())
        .order((reviews::created_at.desc(), reviews::id.desc()))
        .limit(limit.get())
        .offset(offset.get())
        .select(PublishedReview::as_select())
        .load(conn)
        .await
}
