//! The service that finds and writes reviews.

use std::sync::Arc;
use std::time::Duration;

use diesel::dsl::{exists, now};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::Database;
use larder_macros::operation;
use larder_pool::Connection;

use super::{NewReview, Review, ReviewChanges, ReviewStatus, ReviewsOfRestaurant};
use crate::error::{Error, Result};
use crate::ids::{RestaurantId, ReviewId};
use crate::import::reviews::{ReviewImport, ReviewImportJob, ReviewSource};
use crate::restaurants::is_visible;
use crate::schema::{restaurants, reviews, users};
use crate::service::{HasService, Service};

/// How long a read is good for, unless somebody writes.
pub(super) const TTL: Duration = Duration::from_mins(1);

/// Finds and writes reviews. Clones share the same database.
///
/// Who may do what is for the caller to decide: a review knows by `user_id` who wrote it.
///
/// ```no_run
/// use larder_services::reviews::{NewReview, Rating, ReviewService, ReviewStatus};
/// use larder_services::{RestaurantId, UserId};
///
/// # async fn example(database: larder_database::Database) -> larder_services::Result<()> {
/// let reviews = ReviewService::new(database);
/// let new = NewReview {
///     comment: Some("Well worth the wait.".to_owned()),
///     ..NewReview::rated(RestaurantId(7), UserId(2), Rating::new(5)?)
/// };
/// let review = reviews.add(new).await?;
/// reviews.moderate(review.id, ReviewStatus::Approved).await?;
///
/// let newest = reviews.of_restaurant(RestaurantId(7)).limit(10).load().await?;
/// assert_eq!(newest[0].id, review.id);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ReviewService {
    service: Service,
}

impl HasService for ReviewService {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl ReviewService {
    /// The service on a database that has the migrations of [`MIGRATIONS`](crate::MIGRATIONS).
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self {
            service: Service::new(database, "reviews"),
        }
    }

    /// The approved reviews of a restaurant, newest first: the first 20 unless said otherwise.
    pub fn of_restaurant(&self, restaurant: RestaurantId) -> ReviewsOfRestaurant {
        ReviewsOfRestaurant::new(self.service.clone(), restaurant)
    }

    /// A review, whatever moderation said of it; none where there is none. It is for who wrote it
    /// and for who moderates. Kept for a minute.
    ///
    /// # Errors
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    #[operation("by_id")]
    pub async fn by_id(&self, id: ReviewId) -> Result<Option<Arc<Review>>> {
        let query = reviews::table.find(id).select(Review::as_select());
        let read = self.service.cached("by_id", query);
        Ok(read.ttl(TTL).first().await?)
    }

    /// Adds a review, and gives it as the database has it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where a text breaks a rule,
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where there is no such restaurant that
    /// is active and not deleted, or no such user who is active,
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// Dropped while COMMIT travels, it may or may not have taken effect; dropped before that, it
    /// has not.
    #[operation("add")]
    pub async fn add(&self, new: NewReview) -> Result<Review> {
        new.check()?;
        let written = self.service.transaction(async |conn| {
            if let Some(missing) = what_is_missing(&new, conn).await? {
                return Ok(Err(missing));
            }
            diesel::insert_into(reviews::table)
                .values(&new)
                .returning(Review::as_returning())
                .get_result(conn)
                .await
                .map(Ok)
        });
        written.await?
    }

    /// Changes a review, and gives it as the database has it then. It is pending again: what was
    /// approved was what it said before.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where a text breaks a rule,
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where there is no such review,
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// As [`add`](Self::add).
    #[operation("edit")]
    pub async fn edit(&self, id: ReviewId, changes: ReviewChanges) -> Result<Review> {
        changes.check()?;
        let written = self.service.transaction(async |conn| {
            diesel::update(reviews::table.find(id))
                .set((
                    &changes,
                    reviews::status.eq(ReviewStatus::Pending),
                    reviews::updated_at.eq(now),
                ))
                .returning(Review::as_returning())
                .get_result(conn)
                .await
                .optional()
        });
        written.await?.ok_or_else(|| not_found(id))
    }

    /// Writes what moderation says of a review.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where there is no such review,
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// As [`add`](Self::add).
    #[operation("moderate")]
    pub async fn moderate(&self, id: ReviewId, status: ReviewStatus) -> Result<Review> {
        let written = self.service.transaction(async |conn| {
            diesel::update(reviews::table.find(id))
                .set((reviews::status.eq(status), reviews::updated_at.eq(now)))
                .returning(Review::as_returning())
                .get_result(conn)
                .await
                .optional()
        });
        written.await?.ok_or_else(|| not_found(id))
    }

    /// Removes a review for good, and gives it as it was.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where there is no such review,
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// As [`add`](Self::add).
    #[operation("remove")]
    pub async fn remove(&self, id: ReviewId) -> Result<Review> {
        let written = self.service.transaction(async |conn| {
            diesel::delete(reviews::table.find(id))
                .returning(Review::as_returning())
                .get_result(conn)
                .await
                .optional()
        });
        written.await?.ok_or_else(|| not_found(id))
    }

    /// Writes the reviews of an import: see [`ReviewImportJob`].
    pub fn import<'p, S: ReviewSource + Send + 'static>(
        &self,
        import: ReviewImport<S>,
    ) -> ReviewImportJob<'p, S> {
        ReviewImportJob::new(self.service.clone(), import)
    }
}

fn not_found(id: ReviewId) -> Error {
    Error::not_found("review", id)
}

/// What a review is about and by, where it cannot be written for want of it.
async fn what_is_missing(new: &NewReview, conn: &mut Connection) -> QueryResult<Option<Error>> {
    let restaurant = restaurants::table
        .find(new.restaurant_id)
        .filter(is_visible());
    let user = users::table.find(new.user_id).filter(users::is_active);
    let (has_restaurant, has_user): (bool, bool) =
        diesel::select((exists(restaurant), exists(user)))
            .get_result(conn)
            .await?;
    Ok(if !has_restaurant {
        Some(Error::not_found("active restaurant", new.restaurant_id))
    } else if !has_user {
        Some(Error::not_found("active user", new.user_id))
    } else {
        None
    })
}
