//! Reading: a list from the database and from the cache, a search, one by its id.

use std::sync::Arc;
use std::time::Duration;

use larder::Larder;
use larder::prelude::{Point, kilometers};
use larder::services::restaurants::{RestaurantNearby, RestaurantService};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::measure::{median, micros};

/// How many restaurants a list read asks for.
const LIST: u32 = 20;

/// How far around a place it looks.
const RADIUS_KM: f64 = 2.0;

/// How often a read that asks the database is repeated.
const SLOW: usize = 21;

/// How often a read that does not is.
const FAST: usize = 1001;

/// What was read, and the medians of the times.
pub(crate) struct Reads {
    pub(crate) place: Point,
    pub(crate) near: Arc<[RestaurantNearby]>,
    /// The list, each time around another place, so that no result is there already.
    pub(crate) uncached: Duration,
    /// The list around the same place.
    pub(crate) cached: Duration,
    pub(crate) word: String,
    pub(crate) found: usize,
    pub(crate) search: Duration,
    /// None where there was no restaurant to read.
    pub(crate) by_id: Option<Duration>,
}

impl Reads {
    /// How many times faster the list is from the cache.
    pub(crate) fn speedup(&self) -> f64 {
        self.uncached.as_secs_f64() / self.cached.as_secs_f64().max(1e-9)
    }
}

impl Serialize for Reads {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut reads = serializer.serialize_struct("Reads", 5)?;
        // The list read, nearby, is the one that comparisons are made with.
        reads.serialize_field("uncached_us", &micros(self.uncached))?;
        reads.serialize_field("cached_us", &micros(self.cached))?;
        reads.serialize_field("speedup", &self.speedup().round())?;
        reads.serialize_field("search_us", &micros(self.search))?;
        reads.serialize_field("by_id_us", &self.by_id.map(micros))?;
        reads.end()
    }
}

pub(crate) async fn reads(larder: &Larder) -> Result<Reads, Error> {
    let restaurants = larder.restaurants();
    let (place, word) = interesting(larder).await?;

    let mut number = 0.0;
    let (_, uncached) = median(SLOW, async || {
        number += 1.0;
        nearby(&restaurants, beside(place, number)?).await
    })
    .await?;
    nearby(&restaurants, place).await?;
    let (near, cached) = median(FAST, async || nearby(&restaurants, place).await).await?;

    let (found, search) = median(SLOW, async || {
        let search = restaurants.search(word.as_str());
        Ok::<_, Error>(search.limit(LIST).load().await?.len())
    })
    .await?;
    let by_id = match near.first() {
        Some(first) => {
            let id = first.restaurant.id;
            Some(median(SLOW, async || restaurants.by_id(id).await).await?.1)
        }
        None => None,
    };
    Ok(Reads {
        place,
        near,
        uncached,
        cached,
        word,
        found,
        search,
        by_id,
    })
}

/// The list read: the restaurants around a place.
pub(crate) async fn nearby(
    restaurants: &RestaurantService,
    place: Point,
) -> Result<Arc<[RestaurantNearby]>, Error> {
    let nearby = restaurants.nearby(place, kilometers(RADIUS_KM));
    Ok(nearby.limit(LIST).load().await?)
}

/// A place where there are restaurants around, but none exactly there; and a word that finds some.
async fn interesting(larder: &Larder) -> Result<(Point, String), Error> {
    let middle = |column: &str| {
        format!(
            "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY {column}) FROM restaurants WHERE {column} IS NOT NULL"
        )
    };
    let latitude: Option<f64> = larder.db().sql(middle("latitude")).fetch_scalar().await?;
    let longitude: Option<f64> = larder.db().sql(middle("longitude")).fetch_scalar().await?;
    let cuisine: Option<String> = larder
        .db()
        .sql("SELECT mode() WITHIN GROUP (ORDER BY cuisine) FROM restaurants")
        .fetch_scalar()
        .await?;
    let middle = Point::new(latitude.unwrap_or_default(), longitude.unwrap_or_default())?;
    let place = beside(middle, 0.5)?;
    Ok((place, cuisine.unwrap_or_else(|| "restaurant".to_owned())))
}

/// A place so many decimeters towards the equator.
fn beside(place: Point, decimeters: f64) -> Result<Point, Error> {
    const DEGREES: f64 = 1e-6;
    let shift = DEGREES * decimeters * -place.latitude().signum();
    Ok(Point::new(place.latitude() + shift, place.longitude())?)
}
