//! What the demonstration does, one stage after the other.

use std::time::{Duration, Instant};

use larder::prelude::*;
use larder::services::restaurants::{NewRestaurant, Restaurant, RestaurantNearby};

use crate::arguments::Arguments;
use crate::error::Error;
use crate::import::import;
use crate::measure::{median, timed};
use crate::report::{Database as DatabaseReport, Migrations, Reads, Report, Writes};

/// How many restaurants a list read asks for.
const LIST: u32 = 20;

/// Runs all stages. Larder is shut down on every way out but an interruption, which ends the process.
pub(crate) async fn run(arguments: &Arguments) -> Result<Report, Error> {
    let (larder, started_in) = timed(Larder::from_env()).await?;
    let outcome = stages(&larder, arguments, started_in).await;
    let stopped = larder.shutdown().await;
    let report = outcome?;
    stopped?;
    Ok(report)
}

async fn stages(
    larder: &Larder,
    arguments: &Arguments,
    started_in: Duration,
) -> Result<Report, Error> {
    let (migrations, migrated_in) = timed(larder.migrate()).await?;
    let (import, imported_in) = timed(import(larder, arguments)).await?;
    let reads = reads(larder).await?;
    let writes = writes(larder).await?;
    Ok(Report {
        profile: larder.config().profile().to_string(),
        database: DatabaseReport {
            kind: larder.database_kind().as_str(),
            version: larder.db().server_version().to_owned(),
            started_in,
        },
        migrations: Migrations {
            applied: migrations.applied.len(),
            names: migrations.applied,
            already_applied: migrations.already_applied,
            migrated_in,
        },
        source: match &arguments.data {
            Some(path) => path.display().to_string(),
            None => "generated restaurants".to_owned(),
        },
        import,
        imported_in,
        reads,
        writes,
    })
}

/// A place where there are restaurants, and a word that finds some.
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
    let point = Point::new(latitude.unwrap_or_default(), longitude.unwrap_or_default())?;
    Ok((point, cuisine.unwrap_or_else(|| "restaurant".to_owned())))
}

async fn reads(larder: &Larder) -> Result<Reads, Error> {
    let restaurants = larder.restaurants();
    let (place, word) = interesting(larder).await?;

    let (near, nearby): (Vec<RestaurantNearby>, _) = median(async || {
        restaurants
            .nearby(place, kilometers(2.0))
            .limit(LIST)
            .load()
            .await
    })
    .await?;
    let (found, search): (Vec<Restaurant>, _) =
        median(async || restaurants.search(word.as_str()).limit(LIST).load().await).await?;
    let by_id = match near.as_slice().first() {
        Some(first) => {
            let id = first.restaurant.id;
            Some(median(async || restaurants.by_id(id).await).await?.1)
        }
        None => None,
    };
    Ok(Reads {
        place,
        near,
        nearby,
        word,
        found: found.len(),
        search,
        by_id,
    })
}

async fn writes(larder: &Larder) -> Result<Writes, Error> {
    let name = "Larder's Own Kitchen";

    // Committed, and there for the next read.
    let started = Instant::now();
    let created = larder
        .restaurants()
        .create(NewRestaurant::named(name))
        .await?;
    let committed = started.elapsed();
    let read_back = larder.restaurants().by_id(created.id).await?;
    if read_back.is_none() {
        return Err(Error::Lost(created.id.0));
    }
    larder
        .db()
        .sql("DELETE FROM restaurants WHERE id = :id")
        .bind("id", created.id.0)
        .execute()
        .await?;

    // Rolled back, because its closure returns an error.
    let started = Instant::now();
    let rolled_back: Result<(), RolledBack> = larder
        .db()
        .transaction(async |conn| {
            sql("INSERT INTO restaurants (name) VALUES (:name)")
                .bind("name", name)
                .execute_on(conn)
                .await?;
            Err(RolledBack::OnPurpose)
        })
        .await;
    let took = started.elapsed();
    if let Err(RolledBack::Database(error)) = rolled_back {
        return Err(error.into());
    }
    let left: i64 = larder
        .db()
        .sql("SELECT count(*) FROM restaurants WHERE name = :name")
        .bind("name", name)
        .fetch_scalar()
        .await?;
    if left > 0 {
        return Err(Error::NotRolledBack);
    }
    Ok(Writes {
        committed,
        rolled_back: took,
    })
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
