//! Writing: what is read afterwards, a transaction that commits, and one that rolls back.

use std::time::Duration;

use larder::Larder;
use larder::prelude::{Point, sql};
use larder::services::RestaurantId;
use larder::services::restaurants::NewRestaurant;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::measure::{micros, timed};
use crate::reads::nearby;

/// What the demonstration writes is called this, and removed again.
const NAME: &str = "Larder's Own Kitchen";

/// What a list says right after a write that changes it.
pub(crate) struct Coherence {
    /// Whether the new restaurant was the first of the list, and gone from it once removed.
    pub(crate) fresh_after_write: bool,
    /// How long the first read after the write took.
    pub(crate) after_write: Duration,
}

impl Serialize for Coherence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut coherence = serializer.serialize_struct("Coherence", 2)?;
        coherence.serialize_field("fresh_after_write", &self.fresh_after_write)?;
        coherence.serialize_field("after_write_us", &micros(self.after_write))?;
        coherence.end()
    }
}

/// How long transactions took.
pub(crate) struct Writes {
    pub(crate) committed: Duration,
    pub(crate) rolled_back: Duration,
}

impl Serialize for Writes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut writes = serializer.serialize_struct("Writes", 2)?;
        writes.serialize_field("committed_us", &micros(self.committed))?;
        writes.serialize_field("rolled_back_us", &micros(self.rolled_back))?;
        writes.end()
    }
}

/// Creates a restaurant at the center of a list that has been read, reads the list, removes the
/// restaurant and reads it again.
pub(crate) async fn coherence(larder: &Larder, place: Point) -> Result<Coherence, Error> {
    let restaurants = larder.restaurants();
    nearby(&restaurants, place).await?;
    let new = NewRestaurant {
        latitude: Some(place.latitude()),
        longitude: Some(place.longitude()),
        ..NewRestaurant::named(NAME)
    };
    let created = restaurants.create(new).await?;
    let (with, after_write) = timed(nearby(&restaurants, place)).await?;
    remove(larder, created.id).await?;
    let without = nearby(&restaurants, place).await?;

    let is_first = with.first().map(|near| near.restaurant.id) == Some(created.id);
    let is_gone = without.iter().all(|near| near.restaurant.id != created.id);
    Ok(Coherence {
        fresh_after_write: is_first && is_gone,
        after_write,
    })
}

pub(crate) async fn writes(larder: &Larder) -> Result<Writes, Error> {
    let restaurants = larder.restaurants();
    let creating = restaurants.create(NewRestaurant::named(NAME));
    let (created, committed) = timed(creating).await?;
    remove(larder, created.id).await?;

    // Its closure returns an error.
    let (_, rolled_back) = timed(async {
        let outcome: Result<(), RolledBack> = larder
            .db()
            .transaction(async |conn| {
                sql("INSERT INTO restaurants (name) VALUES (:name)")
                    .bind("name", NAME)
                    .execute_on(conn)
                    .await?;
                Err(RolledBack::OnPurpose)
            })
            .await;
        match outcome {
            Err(RolledBack::Database(error)) => Err(Error::from(error)),
            _ => Ok(()),
        }
    })
    .await?;
    let left: i64 = larder
        .db()
        .sql("SELECT count(*) FROM restaurants WHERE name = :name")
        .bind("name", NAME)
        .fetch_scalar()
        .await?;
    if left > 0 {
        return Err(Error::NotRolledBack);
    }
    Ok(Writes {
        committed,
        rolled_back,
    })
}

/// Removes a restaurant for good, row and all.
async fn remove(larder: &Larder, id: RestaurantId) -> Result<(), Error> {
    let delete = larder.db().sql("DELETE FROM restaurants WHERE id = :id");
    delete.bind("id", id.0).execute().await?;
    Ok(())
}

/// Why the second transaction did not commit.
enum RolledBack {
    OnPurpose,
    Database(larder::database::Error),
}

impl From<larder::database::Error> for RolledBack {
    fn from(error: larder::database::Error) -> Self {
        Self::Database(error)
    }
}
