//! What the dashboard is told of the moment. All of it is in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use larder_database::{
    CacheMode, Database, FollowerStatistics, Holder, PoolStatus, RedisStatistics,
    ServiceStatistics, StatementSummary,
};
use larder_health::{HealthReport, Transition};
use serde::Serialize;

use crate::admin::State;
use crate::events::Event;
use crate::sampler::Sample;

/// The instance as it is now.
#[derive(Debug, Serialize)]
pub(crate) struct Picture {
    at: DateTime<Utc>,
    uptime_seconds: f64,
    health: HealthReport,
    /// The latest first.
    transitions: Vec<Transition>,
    /// The last second in numbers; `None` before the first is over.
    sample: Option<Sample>,
    pool: Pool,
    /// The longest first, and not all of them.
    sessions: Vec<Session>,
    held: Held,
    cache: Cache,
    services: BTreeMap<String, ServiceStatistics>,
    /// Those that took longest together.
    statements: Vec<StatementLine>,
    /// The duration of all statements together, of which these are a part.
    statements_total_ms: f64,
    /// The latest first.
    events: Vec<Event>,
}

#[derive(Debug, Serialize)]
struct Pool {
    name: String,
    size: usize,
    overflow: usize,
    limit: usize,
    used: usize,
    idle: usize,
    waiting: usize,
    connecting: usize,
    is_overloaded: bool,
    shed: u64,
    turned_away: u64,
    timeouts: u64,
    invalidated: u64,
    suggested: usize,
    lanes: usize,
    last_connect_error: Option<String>,
}

/// Somebody who has a connection.
#[derive(Debug, Serialize)]
struct Session {
    id: u64,
    name: Option<String>,
    location: String,
    held_ms: f64,
    is_busy: bool,
}

/// How many have a connection.
#[derive(Debug, Serialize)]
struct Held {
    /// Those who come and go within this are only counted.
    brief_ms: f64,
    /// How many have one for that long or longer.
    steady: usize,
    /// How many have one for less.
    brief: usize,
}

#[derive(Debug, Serialize)]
struct Cache {
    enabled: bool,
    mode: CacheMode,
    entries: u64,
    bytes: u64,
    evictions: u64,
    hit_rate: f64,
    invalidations: BTreeMap<&'static str, u64>,
    switched_off: Vec<String>,
    redis_available: Option<bool>,
    redis: Option<RedisStatistics>,
    follower: Option<FollowerStatistics>,
}

/// A statement without its plan.
#[derive(Debug, Serialize)]
pub(crate) struct StatementLine {
    fingerprint: String,
    text: String,
    operation: String,
    collections: Vec<String>,
    calls: u64,
    errors: u64,
    rows: u64,
    cached: u64,
    slow: u64,
    mean_ms: f64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    total_ms: f64,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
    has_plan: bool,
}

impl Picture {
    const TRANSITIONS: usize = 30;
    const STATEMENTS: usize = 12;
    const EVENTS: usize = 40;
    const SESSIONS: usize = 50;

    pub(crate) fn take(state: &State) -> Self {
        let parts = &state.parts;
        let database = &parts.database;
        let pool = database.pool_status();
        let mut transitions = parts.monitor.transitions();
        transitions.reverse();
        transitions.truncate(Self::TRANSITIONS);
        Self {
            at: Utc::now(),
            uptime_seconds: parts.since.elapsed().as_secs_f64(),
            health: parts.monitor.report(),
            transitions,
            sample: state.sampler.history().last().cloned(),
            sessions: pool
                .holders
                .iter()
                .take(Self::SESSIONS)
                .map(Session::of)
                .collect(),
            held: Held::of(&pool.holders),
            pool: Pool::of(pool, database.connection_statistics().timeouts),
            cache: Cache::of(database),
            services: database.services().statistics(),
            statements: StatementLine::slowest(database, Self::STATEMENTS),
            statements_total_ms: database.statement_time_ms(),
            events: state.sampler.events().latest(Self::EVENTS),
        }
    }
}

impl Pool {
    fn of(pool: PoolStatus, timeouts: u64) -> Self {
        let error = pool.last_connect_error;
        Self {
            name: pool.name,
            size: pool.size,
            overflow: pool.overflow,
            limit: pool.limit,
            used: pool.in_use,
            idle: pool.idle,
            waiting: pool.waiting,
            connecting: pool.connecting,
            is_overloaded: pool.is_overloaded,
            shed: pool.shed,
            turned_away: pool.turned_away,
            timeouts,
            invalidated: pool.invalidated,
            suggested: pool.advice.suggested,
            lanes: pool.lanes.open,
            last_connect_error: error.map(|error| format!("failed to {error}")),
        }
    }
}

impl Session {
    fn of(holder: &Holder) -> Self {
        Self {
            id: holder.id,
            name: holder.name.as_deref().map(str::to_owned),
            location: format!(
                "{}:{}",
                short(holder.location.file()),
                holder.location.line()
            ),
            held_ms: holder.held_for.as_secs_f64() * 1e3,
            is_busy: holder.is_busy,
        }
    }
}

impl Held {
    /// They would only flicker.
    const BRIEF: Duration = Duration::from_millis(50);

    fn of(holders: &[Holder]) -> Self {
        let steady = |holder: &&Holder| holder.held_for >= Self::BRIEF;
        let steady = holders.iter().filter(steady).count();
        Self {
            brief_ms: Self::BRIEF.as_secs_f64() * 1e3,
            steady,
            brief: holders.len() - steady,
        }
    }
}

/// The end of a path: where a program was built is nobody's business.
fn short(path: &str) -> &str {
    let mut slashes = path.rmatch_indices(['/', '\\']).map(|(at, _)| at);
    slashes.nth(2).map_or(path, |at| &path[at + 1..])
}

impl Cache {
    fn of(database: &Database) -> Self {
        let cache = database.cache_statistics();
        let causes = cache.invalidations.iter();
        Self {
            enabled: database.cache().is_enabled(),
            mode: database.cache_mode(),
            entries: cache.entries,
            bytes: cache.bytes,
            evictions: cache.evictions,
            hit_rate: cache.hit_rate,
            invalidations: causes
                .filter(|(_, count)| **count > 0)
                .map(|(cause, count)| (cause.as_str(), *count))
                .collect(),
            switched_off: database.switched_off(),
            redis_available: database.redis_available(),
            redis: database.redis_statistics(),
            follower: database.follower_statistics(),
        }
    }
}

impl StatementLine {
    /// The longest text of a statement in a list.
    const LONGEST: usize = 600;

    /// Those that took longest together.
    pub(crate) fn slowest(database: &Database, limit: usize) -> Vec<Self> {
        let slowest = database.slowest_statements(limit).into_iter();
        slowest.map(Self::of).collect()
    }

    fn of(statement: StatementSummary) -> Self {
        let mut text = statement.text;
        if let Some((end, _)) = text.char_indices().nth(Self::LONGEST) {
            text.truncate(end);
            text.push('…');
        }
        Self {
            fingerprint: statement.fingerprint,
            text,
            operation: statement.operation,
            collections: statement.collections,
            calls: statement.calls,
            errors: statement.errors,
            rows: statement.rows,
            cached: statement.cached,
            slow: statement.slow,
            mean_ms: statement.mean_ms,
            p50_ms: statement.p50_ms,
            p95_ms: statement.p95_ms,
            p99_ms: statement.p99_ms,
            max_ms: statement.max_ms,
            total_ms: statement.total_ms,
            first_seen: statement.first_seen,
            last_seen: statement.last_seen,
            has_plan: statement.plan.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_code_is_the_end_of_its_path() {
        assert_eq!(
            short("/home/me/shop/src/routes/menus.rs"),
            "src/routes/menus.rs"
        );
        assert_eq!(short("src/main.rs"), "src/main.rs");
    }
}
