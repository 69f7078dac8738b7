//! The service that finds and writes restaurants.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::{auto_type, now};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_database::Database;
use larder_macros::operation;

use super::by_id::{self, RestaurantDetail};
use super::{Nearby, NewRestaurant, Restaurant, RestaurantChanges, RestaurantStatus, Search};
use crate::error::{Error, Result};
use crate::ids::RestaurantId;
use crate::import::{Import, ImportJob, RowSource};
use crate::inputs::{Point, Radius, SearchTerm};
use crate::schema::restaurants;
use crate::service::{HasService, Service};

/// Finds and writes restaurants. Clones share the same database.
///
/// Reads find active restaurants that are not deleted. Writes find those of any status that are
/// not deleted.
///
/// ```no_run
/// use larder_services::inputs::{Point, kilometers};
/// use larder_services::restaurants::{NewRestaurant, RestaurantService};
///
/// # async fn example(database: larder_database::Database) -> larder_services::Result<()> {
/// let restaurants = RestaurantService::new(database);
/// let new = restaurants
///     .create(NewRestaurant {
///         latitude: Some(25.78),
///         longitude: Some(-80.19),
///         ..NewRestaurant::named("Harbor Noodle House")
///     })
///     .await?;
///
/// let near = restaurants.nearby(Point::new(25.77, -80.19), kilometers(10.0)).limit(50).load().await?;
/// assert_eq!(near[0].restaurant.id, new.id);
///
/// let found = restaurants.search("noodle").load().await?;
/// let detail = restaurants.by_id(found[0].id).await?;
/// # drop(detail);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RestaurantService {
    service: Service,
}

impl HasService for RestaurantService {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl RestaurantService {
    /// The service on a database that has the migrations of [`MIGRATIONS`](crate::MIGRATIONS).
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self {
            service: Service::new(database, "restaurants"),
        }
    }

    /// The restaurants within a radius of a point, nearest first: 50 unless said otherwise.
    ///
    /// The point may be the result of [`Point::new`]. The radius is a
    /// [`Distance`](crate::inputs::Distance) or a [`Radius`], whose default is 10 km. What is
    /// wrong with either, [`load`](Nearby::load) says.
    pub fn nearby(
        &self,
        center: impl TryInto<Point, Error: Into<Error>>,
        radius: impl TryInto<Radius, Error: Into<Error>>,
    ) -> Nearby {
        let center = center.try_into().map_err(Into::into);
        let radius = radius.try_into().map_err(Into::into);
        Nearby::new(self.service.clone(), center, radius)
    }

    /// A restaurant with what its reviews say; none where there is none that is active.
    ///
    /// Only approved reviews count: a review that nobody may see must not move the average.
    /// Kept for ten minutes.
    ///
    /// # Errors
    /// [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    #[operation("by_id")]
    pub async fn by_id(&self, id: RestaurantId) -> Result<Option<Arc<RestaurantDetail>>> {
        let read = self.service.cached("by_id", by_id::query(id));
        Ok(read.ttl(Duration::from_mins(10)).first().await?)
    }

    /// The restaurants that a term finds, the best first: 20 unless said otherwise.
    ///
    /// The term is a text as somebody typed it, or a [`SearchTerm`]. What is wrong with it,
    /// [`load`](Search::load) says.
    pub fn search(&self, term: impl TryInto<SearchTerm, Error: Into<Error>>) -> Search {
        Search::new(self.service.clone(), term.try_into().map_err(Into::into))
    }

    /// Writes a new restaurant, and gives it as the database has it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where it breaks a rule,
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) where another restaurant has its
    /// source id, [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// Dropped while COMMIT travels, it may or may not have taken effect; dropped before that, it
    /// has not.
    #[operation("create")]
    pub async fn create(&self, new: NewRestaurant) -> Result<Restaurant> {
        new.check()?;
        let written = self.service.transaction(async |conn| {
            diesel::insert_into(restaurants::table)
                .values(&new)
                .returning(Restaurant::as_returning())
                .get_result(conn)
                .await
        });
        Ok(written.await?)
    }

    /// Changes a restaurant, and gives it as the database has it then.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where a change breaks a rule,
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where there is no such restaurant or it
    /// is deleted, [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) where another restaurant
    /// has the new source id, [`ErrorKind::Database`](crate::ErrorKind::Database) where the
    /// database fails.
    ///
    /// # Cancel safety
    /// As [`create`](Self::create).
    #[operation("update")]
    pub async fn update(&self, id: RestaurantId, changes: RestaurantChanges) -> Result<Restaurant> {
        changes.check()?;
        let location = changes.location.map(|place| {
            (
                restaurants::latitude.eq(place.map(Point::latitude)),
                restaurants::longitude.eq(place.map(Point::longitude)),
            )
        });
        let written = self.service.transaction(async |conn| {
            diesel::update(restaurants::table.find(id))
                .filter(restaurants::deleted_at.is_null())
                .set((&changes, location, restaurants::updated_at.eq(now)))
                .returning(Restaurant::as_returning())
                .get_result(conn)
                .await
                .optional()
        });
        written.await?.ok_or_else(|| not_found(id))
    }

    /// Gives a restaurant another status: only an active one is found by reads.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where there is no such restaurant or it
    /// is deleted, [`ErrorKind::Database`](crate::ErrorKind::Database) where the database fails.
    ///
    /// # Cancel safety
    /// As [`create`](Self::create).
    #[operation("set_status")]
    pub async fn set_status(
        &self,
        id: RestaurantId,
        status: RestaurantStatus,
    ) -> Result<Restaurant> {
        let written = self.service.transaction(async |conn| {
            diesel::update(restaurants::table.find(id))
                .filter(restaurants::deleted_at.is_null())
                .set((
                    restaurants::status.eq(status),
                    restaurants::updated_at.eq(now),
                ))
                .returning(Restaurant::as_returning())
                .get_result(conn)
                .await
                .optional()
        });
        written.await?.ok_or_else(|| not_found(id))
    }

    /// Deletes a restaurant: nobody finds it any more. The row stays, with its reviews, and
    /// [`restore`](Self::restore) brings it back.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where there is no such restaurant or it
    /// is deleted already, [`ErrorKind::Database`](crate::ErrorKind::Database) where the database
    /// fails.
    ///
    /// # Cancel safety
    /// As [`create`](Self::create).
    #[operation("delete")]
    pub async fn delete(&self, id: RestaurantId) -> Result<Restaurant> {
        let written = self.service.transaction(async |conn| {
            diesel::update(restaurants::table.find(id))
                .filter(restaurants::deleted_at.is_null())
                .set((
                    restaurants::deleted_at.eq(now),
                    restaurants::updated_at.eq(now),
                ))
                .returning(Restaurant::as_returning())
                .get_result(conn)
                .await
                .optional()
        });
        written.await?.ok_or_else(|| not_found(id))
    }

    /// Brings back a deleted restaurant, with the status that it had.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where there is no such restaurant or it
    /// is not deleted, [`ErrorKind::Database`](crate::ErrorKind::Database) where the database
    /// fails.
    ///
    /// # Cancel safety
    /// As [`create`](Self::create).
    #[operation("restore")]
    pub async fn restore(&self, id: RestaurantId) -> Result<Restaurant> {
        let written = self.service.transaction(async |conn| {
            diesel::update(restaurants::table.find(id))
                .filter(restaurants::deleted_at.is_not_null())
                .set((
                    restaurants::deleted_at.eq(None::<DateTime<Utc>>),
                    restaurants::updated_at.eq(now),
                ))
                .returning(Restaurant::as_returning())
                .get_result(conn)
                .await
                .optional()
        });
        let missing = || Error::not_found("deleted restaurant", id);
        written.await?.ok_or_else(missing)
    }

    /// Writes the restaurants of an import: see [`ImportJob`].
    pub fn import<'p, I: RowSource + Send + 'static>(&self, import: Import<I>) -> ImportJob<'p, I> {
        ImportJob::new(self.service.clone(), import)
    }
}

fn not_found(id: RestaurantId) -> Error {
    Error::not_found("restaurant", id)
}

/// What reads find.
#[auto_type]
pub(crate) fn is_visible() -> _ {
    let active: RestaurantStatus = RestaurantStatus::Active;
    restaurants::status
        .eq(active)
        .and(restaurants::deleted_at.is_null())
}
