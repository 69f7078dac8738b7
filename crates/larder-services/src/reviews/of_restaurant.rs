//! The reviews of a restaurant, newest first.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::dsl::{AsSelect, auto_type};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_macros::operation;
use larder_pool::Connection;
use serde::{Deserialize, Serialize};

use super::service::TTL;
use super::{Rating, ReviewStatus};
use crate::error::{Error, Result};
use crate::ids::{RestaurantId, ReviewId, UserId};
use crate::inputs::{Cursor, Limit, Offset};
use crate::page::Page;
use crate::restaurants::is_visible;
use crate::schema::{restaurants, reviews, users};
use crate::service::{HasService, Service};

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

/// The reviews of a restaurant, or a part of them; made by
/// [`ReviewService::of_restaurant`](super::ReviewService::of_restaurant).
///
/// ```no_run
/// # async fn example(reviews: larder_services::reviews::ReviewService) -> larder_services::Result<()> {
/// use larder_services::RestaurantId;
///
/// let first = reviews.of_restaurant(RestaurantId(7)).limit(10).load_page().await?;
/// if let Some(place) = first.next {
///     let second = reviews.of_restaurant(RestaurantId(7)).limit(10).after(place).load_page().await?;
///     # drop(second);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is read until it is loaded"]
pub struct ReviewsOfRestaurant {
    service: Service,
    restaurant: RestaurantId,
    limit: Result<Limit>,
    offset: Result<Offset>,
    after: Result<Option<Cursor>>,
}

/// The same, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Part {
    pub(super) restaurant: RestaurantId,
    pub(super) after: Option<Cursor>,
    pub(super) offset: Offset,
    pub(super) limit: Limit,
}

impl HasService for ReviewsOfRestaurant {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl ReviewsOfRestaurant {
    pub(super) fn new(service: Service, restaurant: RestaurantId) -> Self {
        Self {
            service,
            restaurant,
            limit: Limit::new(20),
            offset: Ok(Offset::default()),
            after: Ok(None),
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

    /// Goes on after a place, which a page before has given. However far that is, the database
    /// passes nothing over.
    pub fn after(mut self, place: impl TryInto<Cursor, Error: Into<Error>>) -> Self {
        self.after = place.try_into().map(Some).map_err(Into::into);
        self
    }

    /// Reads the approved reviews, newest first; of two of the same time the one with the higher
    /// id. A restaurant that is not there, not active or deleted has none. Kept for a minute.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where limit, offset or place is
    /// none, [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    #[operation("of_restaurant")]
    pub async fn load(self) -> Result<Arc<[PublishedReview]>> {
        let service = self.service.clone();
        let part = self.checked()?;
        let (limit, offset) = (part.limit.get(), part.offset.get());
        let found = match part.after {
            None => {
                let newest = newest(part.restaurant, limit, offset);
                let read = service.cached("of_restaurant", newest);
                read.ttl(TTL).load().await
            }
            Some(place) => {
                let (time, id) = (place.time(), place.id());
                let older = older(part.restaurant, time, id, limit, offset);
                let read = service.cached("of_restaurant", older);
                read.ttl(TTL).load().await
            }
        };
        Ok(found?)
    }

    /// Reads the same on a connection, inside a transaction for instance.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    ///
    /// # Cancel safety
    /// As [`load`](Self::load).
    #[operation("of_restaurant")]
    pub async fn load_on(self, conn: &mut Connection) -> Result<Arc<[PublishedReview]>> {
        Ok(self.checked()?.load(conn).await?.into())
    }

    /// Reads the same, with the place where the list goes on.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    ///
    /// # Cancel safety
    /// As [`load`](Self::load).
    #[operation("page_of_restaurant")]
    pub async fn load_page(self) -> Result<Page<PublishedReview>> {
        let service = self.service.clone();
        let part = self.checked()?;
        let read = service.cached_read("page_of_restaurant", &part).ttl(TTL);
        let page = read.load(async move |conn| part.load_page(conn).await);
        Ok(Page::clone(&*page.await?))
    }

    fn checked(self) -> Result<Part> {
        Ok(Part {
            restaurant: self.restaurant,
            after: self.after?,
            offset: self.offset?,
            limit: self.limit?,
        })
    }
}

impl Part {
    pub(super) async fn load(self, conn: &mut Connection) -> QueryResult<Vec<PublishedReview>> {
        self.rows(self.limit.get(), conn).await
    }

    async fn load_page(self, conn: &mut Connection) -> QueryResult<Page<PublishedReview>> {
        let limit = self.limit.get();
        let rows = self.rows(limit + 1, conn).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let place = |last: &PublishedReview| Cursor::at(last.created_at, last.id.0);
        Ok(Page::of(rows, limit, place))
    }

    async fn rows(self, limit: i64, conn: &mut Connection) -> QueryResult<Vec<PublishedReview>> {
        let (restaurant, offset) = (self.restaurant, self.offset.get());
        match self.after {
            None => newest(restaurant, limit, offset).load(conn).await,
            Some(place) => {
                let older = older(restaurant, place.time(), place.id(), limit, offset);
                older.load(conn).await
            }
        }
    }
}

#[auto_type]
fn newest(restaurant: RestaurantId, limit: i64, offset: i64) -> _ {
    let review: AsSelect<PublishedReview, Pg> = PublishedReview::as_select();
    shown()
        .filter(reviews::restaurant_id.eq(restaurant))
        .order((reviews::created_at.desc(), reviews::id.desc()))
        .limit(limit)
        .offset(offset)
        .select(review)
}

#[auto_type]
fn older(restaurant: RestaurantId, time: DateTime<Utc>, id: i64, limit: i64, offset: i64) -> _ {
    let review: AsSelect<PublishedReview, Pg> = PublishedReview::as_select();
    let of_that_time = reviews::id.lt(id);
    shown()
        .filter(reviews::restaurant_id.eq(restaurant))
        // By this alone the index is entered; of the same time, the ids decide.
        .filter(reviews::created_at.le(time))
        .filter(reviews::created_at.lt(time).or(of_that_time))
        .order((reviews::created_at.desc(), reviews::id.desc()))
        .limit(limit)
        .offset(offset)
        .select(review)
}

/// The reviews that everybody may see.
#[auto_type]
fn shown() -> _ {
    let approved: ReviewStatus = ReviewStatus::Approved;
    reviews::table
        .inner_join(restaurants::table)
        .inner_join(users::table)
        .filter(reviews::status.eq(approved))
        .filter(is_visible())
}
