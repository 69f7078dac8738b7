//! Hits: reads that the cache answers, beside a bare cache that is given a key.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use diesel::pg::Pg;
use diesel::prelude::*;
use larder_database::Database;
use larder_metrics::{OperationScope, ServiceRecorder};
use larder_services::inputs::{Point, kilometers};
use larder_services::restaurants::{Restaurant, RestaurantService};
use larder_services::schema::restaurants;

use super::TTL;
use super::fixture::{Fixture, KEYS, RESTAURANTS_IN_A_CITY, Rows, by_city};
use crate::error::{Error, Result};
use crate::race::{Effort, Race};
use crate::report::Group;

/// The goal for a hit of a static query, in nanoseconds.
const GOAL: f64 = 400.0;

/// What the raw statement reads.
#[derive(QueryableByName)]
#[expect(
    dead_code,
    reason = "the rows are read to be kept, not to be looked at"
)]
struct Listed {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    id: i64,
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

const RAW: &str = "SELECT id, name FROM restaurants WHERE city = :city ORDER BY name";

pub(super) async fn measure(fixture: &Fixture, effort: Effort) -> Result<Group> {
    let db = &fixture.observed;
    let service = db.services().recorder("bench");
    let restaurants = RestaurantService::new(db.clone());
    // All of it within the operation of a service, as reads of services are.
    let measuring = OperationScope::with(Arc::clone(&service), async {
        fill(fixture, &restaurants).await?;
        let before = db.cache_statistics();
        let mut race = Race::new(effort.choose(1_001, 201));
        add_cached(&mut race, fixture, &service);
        add_services(&mut race, fixture, &restaurants);
        let peers = Peers::filled(fixture).await?;
        peers.add(&mut race, fixture);
        let figures = race.run().await?;
        let after = db.cache_statistics();
        if after.misses != before.misses || after.bypassed != before.bypassed {
            return Err(Error::NoHit("a hit"));
        }
        Ok(figures)
    });
    let group = Group::new("hits", "A cached hit, everything on", measuring.await?)
        .compare_all("moka_formatted")
        .at_most_ns("static_query", GOAL)
        .note(format!(
            "{KEYS} queries take turns; each result has {RESTAURANTS_IN_A_CITY} rows and is \
             shared, not copied. The ratio is to moka::sync with a key that is formatted."
        ));
    Ok(group)
}

/// What is read, by the names of the figures.
const READS: [&str; 7] = [
    "static_query",
    "first_row",
    "boxed_query",
    "raw_sql",
    "several",
    "service_by_id",
    "service_nearby",
];

/// Reads everything once, so that all that follows are hits.
async fn fill(fixture: &Fixture, service: &RestaurantService) -> Result<()> {
    for name in READS {
        for turn in 0..KEYS {
            read(name, fixture, service, turn).await?;
        }
        let misses = || fixture.observed.cache_statistics().misses;
        let before = misses();
        read(name, fixture, service, 0).await?;
        if misses() != before {
            return Err(Error::NoHit(name));
        }
    }
    Ok(())
}

async fn read(
    name: &'static str,
    fixture: &Fixture,
    service: &RestaurantService,
    turn: usize,
) -> Result<()> {
    let db = &fixture.observed;
    let (city, id) = (fixture.city(turn), fixture.ids[turn % KEYS]);
    match name {
        "static_query" => drop(
            db.cached(by_city!(city))
                .ttl(TTL)
                .load::<Restaurant>()
                .await?,
        ),
        "first_row" => {
            let query = restaurants::table.find(id);
            drop(db.cached(query).ttl(TTL).first::<Restaurant>().await?);
        }
        "boxed_query" => {
            let boxed = by_city!(city).into_boxed::<Pg>();
            drop(db.cached(boxed).ttl(TTL).load::<Restaurant>().await?);
        }
        "raw_sql" => {
            let raw = db.sql(RAW).bind("city", city).cached().ttl(TTL);
            drop(raw.fetch::<Listed>().await?);
        }
        "several" => drop(several(db, city).await?),
        "service_by_id" => drop(service.by_id(id).await?),
        _ => drop(service.nearby(place(turn), kilometers(1.0)).load().await?),
    }
    Ok(())
}

fn add_cached<'a>(race: &mut Race<'a>, fixture: &'a Fixture, service: &'a Arc<ServiceRecorder>) {
    let db = &fixture.observed;
    race.add(
        "static_query",
        "a static Diesel query",
        move |count| async move {
            let began = Instant::now();
            for turn in 0..count {
                let query = by_city!(fixture.city(turn));
                black_box(db.cached(query).ttl(TTL).load::<Restaurant>().await?);
            }
            Ok(began.elapsed())
        },
    );
    race.add(
        "static_query_in_operation",
        "the same, each in an operation of its own",
        move |count| async move {
            let began = Instant::now();
            for turn in 0..count {
                let query = by_city!(fixture.city(turn));
                let read = db.cached(query).ttl(TTL).load::<Restaurant>();
                let service = Arc::clone(service);
                black_box(OperationScope::measure(service, "by_city", read).await?);
            }
            Ok(began.elapsed())
        },
    );
    race.add("first_row", "one row by its id", move |count| async move {
        let began = Instant::now();
        for turn in 0..count {
            let query = restaurants::table.find(fixture.ids[turn % KEYS]);
            black_box(db.cached(query).ttl(TTL).first::<Restaurant>().await?);
        }
        Ok(began.elapsed())
    });
    race.add(
        "boxed_query",
        "a boxed Diesel query",
        move |count| async move {
            let began = Instant::now();
            for turn in 0..count {
                let query = by_city!(fixture.city(turn)).into_boxed::<Pg>();
                black_box(db.cached(query).ttl(TTL).load::<Restaurant>().await?);
            }
            Ok(began.elapsed())
        },
    );
    race.add(
        "raw_sql",
        "raw SQL with a named parameter",
        move |count| async move {
            let began = Instant::now();
            for turn in 0..count {
                let raw = db.sql(RAW).bind("city", fixture.city(turn));
                black_box(raw.cached().ttl(TTL).fetch::<Listed>().await?);
            }
            Ok(began.elapsed())
        },
    );
    race.add(
        "several",
        "several statements kept as one",
        move |count| async move {
            let began = Instant::now();
            for turn in 0..count {
                black_box(several(db, fixture.city(turn)).await?);
            }
            Ok(began.elapsed())
        },
    );
}

/// Calls of a service of ours, each with its checks, its statistics and its operation.
fn add_services<'a>(race: &mut Race<'a>, fixture: &'a Fixture, service: &'a RestaurantService) {
    race.add(
        "service_by_id",
        "RestaurantService::by_id",
        move |count| async move {
            let began = Instant::now();
            for turn in 0..count {
                black_box(service.by_id(fixture.ids[turn % KEYS]).await?);
            }
            Ok(began.elapsed())
        },
    );
    race.add(
        "service_nearby",
        "RestaurantService::nearby",
        move |count| async move {
            let began = Instant::now();
            for turn in 0..count {
                black_box(service.nearby(place(turn), kilometers(1.0)).load().await?);
            }
            Ok(began.elapsed())
        },
    );
}

/// Where it is searched when it is a turn's.
fn place(turn: usize) -> Result<Point, larder_services::Error> {
    Point::new(25.79 + (turn % KEYS) as f64 / 1_000.0, -80.2)
}

/// Two statements whose results are kept together.
async fn several(db: &Database, city: &str) -> Result<Arc<(i64, i64)>> {
    let city = city.to_owned();
    let read = db.cached_read("bench", "summary", &city).ttl(TTL);
    let summary = read.load(async move |conn| {
        let count = restaurants::table.count();
        let all: i64 = diesel_async::RunQueryDsl::get_result(count, conn).await?;
        let here = restaurants::table.filter(restaurants::city.eq(&city));
        let here: i64 = diesel_async::RunQueryDsl::get_result(here.count(), conn).await?;
        Ok::<_, diesel::result::Error>((all, here))
    });
    Ok(summary.await?)
}

/// Caches of others, with the same values.
struct Peers {
    sync: moka::sync::Cache<String, Rows>,
    future: moka::future::Cache<String, Rows>,
    keys: Arc<[String]>,
}

fn key_of(city: &str) -> String {
    format!("restaurants:city:{city}:order:name")
}

impl Peers {
    async fn filled(fixture: &Fixture) -> Result<Self> {
        let peers = Self {
            sync: moka::sync::Cache::new(100_000),
            future: moka::future::Cache::new(100_000),
            keys: (0..KEYS).map(|turn| key_of(fixture.city(turn))).collect(),
        };
        for (turn, key) in peers.keys.iter().enumerate() {
            let cached = fixture.observed.cached(by_city!(fixture.city(turn)));
            let rows = cached.ttl(TTL).load::<Restaurant>().await?;
            peers.sync.insert(key.clone(), Arc::clone(&rows));
            peers.future.insert(key.clone(), rows).await;
        }
        Ok(peers)
    }

    fn add<'a>(self, race: &mut Race<'a>, fixture: &'a Fixture) {
        let Self { sync, future, keys } = self;
        let cache = sync.clone();
        race.add(
            "moka_formatted",
            "moka::sync, its key formatted for each read",
            move |count| {
                let cache = cache.clone();
                async move {
                    let began = Instant::now();
                    for turn in 0..count {
                        black_box(cache.get(&key_of(fixture.city(turn))));
                    }
                    Ok(began.elapsed())
                }
            },
        );
        let ready = Arc::clone(&keys);
        race.add("moka_ready", "moka::sync, its key at hand", move |count| {
            let (cache, keys) = (sync.clone(), Arc::clone(&ready));
            async move {
                let began = Instant::now();
                for turn in 0..count {
                    black_box(cache.get(&keys[turn % KEYS]));
                }
                Ok(began.elapsed())
            }
        });
        race.add(
            "moka_future",
            "moka::future, its key at hand",
            move |count| {
                let (cache, keys) = (future.clone(), Arc::clone(&keys));
                async move {
                    let began = Instant::now();
                    for turn in 0..count {
                        black_box(cache.get(&keys[turn % KEYS]).await);
                    }
                    Ok(began.elapsed())
                }
            },
        );
    }
}
