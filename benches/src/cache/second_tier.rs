//! A hit in the second tier, beside a raw GET of the same bytes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use larder_cache::l2::{RedisOptions, RedisServer};
use larder_database::{Database, DatabaseOptions};
use larder_services::restaurants::Restaurant;
use larder_services::schema::restaurants;
use redis::aio::MultiplexedConnection;

use super::TTL;
use super::fixture::{Fixture, MAX_STALENESS, by_city};
use crate::error::{Error, Result};
use crate::race::{Effort, Race};
use crate::report::Group;
use crate::servers::redis_url;

/// Different reads that take turns.
const READS: usize = 32;

/// Nothing is to be a miss because other work on the machine kept Redis from answering.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long Redis may take until it has what it was given.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is read.
#[derive(Debug, Clone, Copy)]
enum Size {
    Point,
    List,
}

impl Size {
    /// The names of the contenders, and what they read.
    fn names(self) -> ([&'static str; 4], &'static str) {
        match self {
            Self::Point => (
                [
                    "get_point",
                    "get_with_life_point",
                    "second_tier_point",
                    "database_point",
                ],
                "one row",
            ),
            Self::List => (
                [
                    "get_list",
                    "get_with_life_list",
                    "second_tier_list",
                    "database_list",
                ],
                "20 rows",
            ),
        }
    }
}

pub(super) async fn measure(fixture: &Fixture, effort: Effort) -> Result<Group> {
    let tiers = [
        Tier::filled(fixture, Size::Point).await?,
        Tier::filled(fixture, Size::List).await?,
    ];
    let mut race = Race::new(effort.choose(401, 61));
    for tier in &tiers {
        tier.add(&mut race);
    }
    let figures = race.run().await?;
    let mut group = Group::new("second_tier", "A hit in the second tier (Redis)", figures);
    for tier in &tiers {
        let ([get, others @ ..], _) = tier.size.names();
        for name in others {
            group = group.compare(name, get);
        }
    }
    let [point, list] = [&tiers[0], &tiers[1]].map(|tier| tier.bytes / READS);
    for tier in tiers {
        tier.remove().await?;
    }
    Ok(group.note(format!(
        "{READS} reads take turns, one at a time, and the process keeps nothing before each \
         round. The ratio is to a GET of the same bytes ({point} and {list} on average) on a \
         multiplexed connection of the redis crate."
    )))
}

/// A database with results in Redis, and a connection that reads the same by itself.
struct Tier<'a> {
    size: Size,
    fixture: &'a Fixture,
    db: Database,
    raw: MultiplexedConnection,
    keys: Vec<String>,
    /// What the values have together.
    bytes: usize,
}

impl<'a> Tier<'a> {
    async fn filled(fixture: &'a Fixture, size: Size) -> Result<Self> {
        let url = redis_url()?;
        let namespace = format!("bench-{:016x}", fastrand::u64(..));
        let mut options = DatabaseOptions::from_url(fixture.url())?;
        options.pool.size = 1;
        options.pool.name = format!("second_tier_{size:?}");
        options.cache.namespace.clone_from(&namespace);
        options.cache.max_staleness = MAX_STALENESS;
        let server = RedisServer::Single {
            url: url.clone().into(),
        };
        let mut redis = RedisOptions::new(server);
        redis.deadline = DEADLINE;
        options.redis = Some(redis);
        let client = redis::Client::open(url)?;
        let mut tier = Self {
            size,
            fixture,
            db: Database::open(options).await?,
            raw: client.get_multiplexed_async_connection().await?,
            keys: Vec::new(),
            bytes: 0,
        };
        let began = Instant::now();
        while tier.hits_of_a_round().await? < READS as u64 {
            if began.elapsed() > PATIENCE {
                return Err(Error::NoHit("a hit in the second tier"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tier.keys = tier.keys_like(&format!("larder:{namespace}:*")).await?;
        for key in &tier.keys {
            let value: Vec<u8> = redis::cmd("GET")
                .arg(key)
                .query_async(&mut tier.raw)
                .await?;
            tier.bytes += value.len();
        }
        if tier.keys.len() != READS {
            return Err(Error::NoHit("the same bytes by GET"));
        }
        Ok(tier)
    }

    async fn hits_of_a_round(&self) -> Result<u64> {
        let before = self.hits();
        self.forget();
        for turn in 0..READS {
            self.read(turn).await?;
        }
        Ok(self.hits() - before)
    }

    fn hits(&self) -> u64 {
        self.db.second_tier_statistics().map_or(0, |tier| tier.hits)
    }

    /// Lets go of what the process keeps. Redis keeps its own.
    fn forget(&self) {
        self.db.cache().set_enabled(false);
        self.db.cache().set_enabled(true);
    }

    async fn read(&self, turn: usize) -> Result<()> {
        match self.size {
            Size::Point => {
                let query = restaurants::table.find(self.fixture.ids[turn]);
                black_box(self.db.cached(query).ttl(TTL).first::<Restaurant>().await?);
            }
            Size::List => {
                let query = by_city!(self.fixture.city(turn));
                black_box(self.db.cached(query).ttl(TTL).load::<Restaurant>().await?);
            }
        }
        Ok(())
    }

    async fn read_past_the_cache(&self, turn: usize) -> Result<()> {
        match self.size {
            Size::Point => {
                let query = restaurants::table.find(self.fixture.ids[turn]);
                black_box(self.db.cached(query).bypass().first::<Restaurant>().await?);
            }
            Size::List => {
                let query = by_city!(self.fixture.city(turn));
                black_box(self.db.cached(query).bypass().load::<Restaurant>().await?);
            }
        }
        Ok(())
    }

    fn add<'r>(&'r self, race: &mut Race<'r>) {
        let ([get, get_with_life, hit, database], what) = self.size.names();
        let label = format!("GET by the redis crate, {what}");
        race.add_fixed(READS, get, label, move |count| async move {
            let mut raw = self.raw.clone();
            let began = Instant::now();
            for key in &self.keys[..count] {
                let value: Vec<u8> = redis::cmd("GET").arg(key).query_async(&mut raw).await?;
                black_box(value);
            }
            Ok(began.elapsed())
        });
        let label = "GET and PTTL in one message, as Larder asks";
        race.add_fixed(READS, get_with_life, label, move |count| async move {
            let mut raw = self.raw.clone();
            let began = Instant::now();
            for key in &self.keys[..count] {
                let mut both = redis::pipe();
                both.cmd("GET").arg(key).cmd("PTTL").arg(key);
                let both: (Vec<u8>, i64) = both.query_async(&mut raw).await?;
                black_box(both);
            }
            Ok(began.elapsed())
        });
        let label = format!("a cached read, a hit in Redis, {what}");
        race.add_fixed(READS, hit, label, move |count| async move {
            let before = self.hits();
            self.forget();
            let began = Instant::now();
            for turn in 0..count {
                self.read(turn).await?;
            }
            let taken = began.elapsed();
            if self.hits() - before != count as u64 {
                return Err(Error::NoHit("a hit in the second tier"));
            }
            Ok(taken)
        });
        let label = format!("from PostgreSQL, past the cache, {what}");
        race.add_fixed(READS, database, label, move |count| async move {
            let began = Instant::now();
            for turn in 0..count {
                self.read_past_the_cache(turn).await?;
            }
            Ok(began.elapsed())
        });
    }

    async fn keys_like(&mut self, pattern: &str) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(pattern);
            scan.arg("COUNT").arg(1_000);
            let keys: Vec<String>;
            (cursor, keys) = scan.query_async(&mut self.raw).await?;
            found.extend(keys);
            if cursor == 0 {
                found.sort_unstable();
                found.dedup();
                return Ok(found);
            }
        }
    }

    /// Leaves nothing behind in Redis.
    async fn remove(mut self) -> Result<()> {
        let mut delete = redis::cmd("DEL");
        delete.arg(&self.keys);
        delete.query_async::<()>(&mut self.raw).await?;
        Ok(())
    }
}
