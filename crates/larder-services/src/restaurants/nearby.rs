//! The restaurants around a point, nearest first.
//!
//! An index finds what lies in the boxes around the circle, and great-circle distance decides.
//! In a dense city a circle holds thousands of restaurants when fifty are asked for. So first the
//! index is asked for that many in the order of their distance on the map, which is not the
//! distance on the earth, but the farthest of them bounds the circle that is looked at.

use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_macros::operation;
use larder_pool::Connection;
use serde::{Deserialize, Serialize};

use super::Restaurant;
use super::service::is_visible;
use crate::error::{Error, Result};
use crate::geography::bounding_boxes;
use crate::inputs::{Limit, Point, Radius, kilometers};
use crate::schema::restaurants;
use crate::service::{HasService, Service};

use expressions::{DistanceKilometers, DistanceOnMap, InBoxes};

mod expressions;

/// A restaurant and how far away it is.
#[derive(Clone, Debug, PartialEq, Queryable, Serialize, Deserialize)]
pub struct RestaurantNearby {
    /// The restaurant.
    pub restaurant: Restaurant,
    /// The great-circle distance in kilometers.
    pub distance_km: f64,
}

/// A search for restaurants around a point; made by
/// [`RestaurantService::nearby`](super::RestaurantService::nearby).
#[derive(Debug)]
#[must_use = "nothing is searched until it is loaded"]
pub struct Nearby {
    service: Service,
    center: Result<Point>,
    radius: Result<Radius>,
    limit: Result<Limit>,
}

impl HasService for Nearby {
    fn service(&self) -> &Service {
        &self.service
    }
}

impl Nearby {
    pub(super) fn new(service: Service, center: Result<Point>, radius: Result<Radius>) -> Self {
        Self {
            service,
            center,
            radius,
            limit: Limit::new(50),
        }
    }

    /// How many restaurants to find at most: 1 to 1,000, 50 unless set.
    pub fn limit(mut self, limit: impl TryInto<Limit, Error: Into<Error>>) -> Self {
        self.limit = limit.try_into().map_err(Into::into);
        self
    }

    /// Finds the restaurants: active ones within the radius, its edge included, nearest first;
    /// of two that are equally far away the one with the lower id. Kept for five minutes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) where the point, the radius or
    /// the limit is out of range, [`ErrorKind::Database`](crate::ErrorKind::Database) where the
    /// database fails.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    #[operation("nearby")]
    pub async fn load(self) -> Result<Arc<[RestaurantNearby]>> {
        let service = self.service.clone();
        let (circle, limit) = self.checked()?;
        let read = service.cached_read("nearby", &(circle, limit));
        let read = read.ttl(Duration::from_mins(5));
        let found: Arc<Arc<[_]>> = read
            .load(async move |conn| circle.nearest(limit, conn).await.map(Into::into))
            .await?;
        Ok(Arc::clone(&found))
    }

    /// Finds the same on a connection, inside a transaction for instance.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    ///
    /// # Cancel safety
    /// As [`load`](Self::load).
    #[operation("nearby")]
    pub async fn load_on(self, conn: &mut Connection) -> Result<Arc<[RestaurantNearby]>> {
        let (circle, limit) = self.checked()?;
        Ok(circle.nearest(limit, conn).await?.into())
    }

    fn checked(self) -> Result<(Circle, Limit)> {
        let circle = Circle {
            center: self.center?,
            radius: self.radius?,
        };
        Ok((circle, self.limit?))
    }
}

/// All places within a radius of a point.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) struct Circle {
    pub(super) center: Point,
    pub(super) radius: Radius,
}

impl Circle {
    pub(super) async fn nearest(
        self,
        limit: Limit,
        conn: &mut Connection,
    ) -> QueryResult<Vec<RestaurantNearby>> {
        let smaller = self.smaller(limit, conn).await?;
        self.nearest_by(smaller, limit, conn).await
    }

    /// The same, with a guess at a circle that is large enough.
    pub(super) async fn nearest_by(
        self,
        guess: Option<Self>,
        limit: Limit,
        conn: &mut Connection,
    ) -> QueryResult<Vec<RestaurantNearby>> {
        if let Some(smaller) = guess {
            let found = smaller.load(limit, conn).await?;
            // As many as asked for within a circle are the nearest of all. Fewer are not: the
            // table has changed since the circle was measured, and the rest is outside.
            if i64::try_from(found.len()) == Ok(limit.get()) {
                return Ok(found);
            }
        }
        self.load(limit, conn).await
    }

    /// A smaller circle that holds as many restaurants as asked for, if there is one.
    async fn smaller(self, limit: Limit, conn: &mut Connection) -> QueryResult<Option<Self>> {
        let boxes = bounding_boxes(self.center, self.radius);
        // The order on the map ends at the antimeridian.
        if boxes.len() > 1 {
            return Ok(None);
        }
        let distances: Vec<f64> = restaurants::table
            .filter(is_visible())
            .filter(InBoxes(boxes))
            .order(DistanceOnMap(self.center))
            .limit(limit.get())
            .select(DistanceKilometers(self.center))
            .load(conn)
            .await?;
        if i64::try_from(distances.len()) != Ok(limit.get()) {
            return Ok(None);
        }
        /// All restaurants may stand on the point itself, and a radius is above zero.
        const LEAST_KM: f64 = 0.001;
        let farthest = distances.into_iter().fold(LEAST_KM, f64::max);
        let radius = Radius::new(kilometers(farthest)).ok();
        Ok(radius
            .filter(|radius| *radius < self.radius)
            .map(|radius| Self { radius, ..self }))
    }

    async fn load(self, limit: Limit, conn: &mut Connection) -> QueryResult<Vec<RestaurantNearby>> {
        let distance = DistanceKilometers(self.center);
        restaurants::table
            .filter(is_visible())
            .filter(InBoxes(bounding_boxes(self.center, self.radius)))
            .filter(distance.le(self.radius.distance().as_kilometers()))
            .order((distance.asc(), restaurants::id.asc()))
            .limit(limit.get())
            .select((Restaurant::as_select(), distance))
            .load(conn)
            .await
    }
}
