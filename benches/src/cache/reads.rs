//! What a read costs that the cache does not answer, and what it costs that it is watched.

use std::hint::black_box;
use std::time::Instant;

use diesel::OptionalExtension;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_cache::Cause;
use larder_database::{Connection, Database};
use larder_services::RestaurantId;
use larder_services::restaurants::Restaurant;
use larder_services::schema::restaurants;

use super::TTL;
use super::fixture::{Fixture, by_city};
use crate::error::Result;
use crate::race::{Effort, Race};
use crate::report::Group;

/// Reads in a round: contenders take turns within milliseconds, and the first read after a turn,
/// for which the server has to wake up, is one of many.
const READS: usize = 32;

/// A cached read that has to load, beside the same read on a session of the pool.
pub(super) async fn misses(fixture: &Fixture, effort: Effort) -> Result<Group> {
    let db = &fixture.observed;
    let (ids, cities) = (&fixture.ids, &fixture.cities);
    let mut race = Race::new(effort.choose(401, 41));
    race.add_fixed(
        READS,
        "point",
        "one row by its id, on a session",
        move |count| async move {
            let began = Instant::now();
            for id in &ids[..count] {
                black_box(point(&mut *db.session().await?, *id).await?);
            }
            Ok(began.elapsed())
        },
    );
    race.add_fixed(
        READS,
        "point_miss",
        "the same, cached, a miss",
        move |count| async move {
            forget(db);
            let began = Instant::now();
            for id in &ids[..count] {
                let query = restaurants::table.find(*id);
                black_box(db.cached(query).ttl(TTL).first::<Restaurant>().await?);
            }
            Ok(began.elapsed())
        },
    );
    race.add_fixed(
        READS,
        "list",
        "20 rows of a city, on a session",
        move |count| async move {
            let began = Instant::now();
            for city in &cities[..count] {
                black_box(list(&mut *db.session().await?, city).await?);
            }
            Ok(began.elapsed())
        },
    );
    race.add_fixed(
        READS,
        "list_miss",
        "the same, cached, a miss",
        move |count| async move {
            forget(db);
            let began = Instant::now();
            for city in &cities[..count] {
                let query = by_city!(city.as_str());
                black_box(db.cached(query).ttl(TTL).load::<Restaurant>().await?);
            }
            Ok(began.elapsed())
        },
    );
    let figures = race.run().await?;
    Ok(Group::new(
        "misses",
        "A miss, beside a read that is not cached",
        figures,
    )
    .compare("point_miss", "point")
    .compare("list_miss", "list"))
}

/// A pooled query with and without being watched.
pub(super) async fn observation(fixture: &Fixture, effort: Effort) -> Result<Group> {
    /// What watching may cost, in percent.
    const PROMISE: f64 = 3.0;
    let Fixture {
        observed,
        without_series,
        bare,
        ids,
        ..
    } = fixture;
    let mut race = Race::new(effort.choose(1_001, 101));
    race.add_fixed(
        READS,
        "bare",
        "watched by nobody",
        move |count| async move {
            let began = Instant::now();
            for id in &ids[..count] {
                black_box(point(&mut *bare.session().await?, *id).await?);
            }
            Ok(began.elapsed())
        },
    );
    race.add_fixed(
        READS,
        "without_series",
        "statistics, slow queries and writes tracked",
        move |count| async move {
            let began = Instant::now();
            for id in &ids[..count] {
                black_box(point(&mut *without_series.session().await?, *id).await?);
            }
            Ok(began.elapsed())
        },
    );
    race.add_fixed(
        READS,
        "observed",
        "the same and metrics",
        move |count| async move {
            let began = Instant::now();
            for id in &ids[..count] {
                black_box(point(&mut *observed.session().await?, *id).await?);
            }
            Ok(began.elapsed())
        },
    );
    let figures = race.run().await?;
    Ok(Group::new(
        "observation",
        "A pooled query of one row by its id",
        figures,
    )
    .compare_all("bare")
    .at_most_above("observed", PROMISE, "bare"))
}

async fn point(conn: &mut Connection, id: RestaurantId) -> QueryResult<Option<Restaurant>> {
    let query = restaurants::table.find(id);
    query.first::<Restaurant>(conn).await.optional()
}

async fn list(conn: &mut Connection, city: &str) -> QueryResult<Vec<Restaurant>> {
    by_city!(city).load::<Restaurant>(conn).await
}

fn forget(db: &Database) {
    db.cache().invalidate_everything(Cause::Everything);
}
