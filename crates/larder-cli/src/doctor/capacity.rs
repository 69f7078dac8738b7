//! Whether the server has a connection for everyone: the pools of all processes, and who else
//! is there.

use larder_config::Config;
use larder_database::Database;
use larder_pool::LANE_SUFFIX;
use serde::Deserialize;

use super::check::{Outcome, Verdict};
use super::pooler::Seen;
use super::server::unanswered;

/// How much of what is free may be needed before it is worth a warning.
const TIGHT: f64 = 0.8;

/// Who has another name than this service and its lanes is somebody else; names are cut off where
/// the server cuts them off. What a role may not see of others has no type, and is a client of
/// theirs.
const CONNECTIONS: &str = "
    SELECT pg_catalog.current_setting('max_connections')::int8 AS most,
           pg_catalog.current_setting('superuser_reserved_connections')::int8
             + coalesce(pg_catalog.current_setting('reserved_connections', true)::int8, 0) AS reserved,
           (SELECT rolconnlimit::int8 FROM pg_catalog.pg_roles
            WHERE rolname = current_user) AS role,
           (SELECT datconnlimit::int8 FROM pg_catalog.pg_database
            WHERE datname = pg_catalog.current_database()) AS database,
           (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity
            WHERE datid IS NOT NULL
              AND application_name NOT IN (:own::name::text, (:own || :lane)::name::text)
              AND coalesce(backend_type, 'client backend') = 'client backend') AS others";

#[derive(Debug, Deserialize)]
struct Connections {
    most: i64,
    reserved: i64,
    /// -1 is without a limit, here and below.
    role: i64,
    database: i64,
    others: i64,
}

/// Compares what all processes may open with what the server has left for them.
pub(super) async fn check(
    database: &Database,
    config: &Config,
    replicas: u32,
    pooler: Option<Seen>,
) -> Outcome {
    if pooler == Some(Seen::Transaction) {
        return Verdict::skipped("a pooler shares them out: see its own limits").into();
    }
    let asked = database
        .sql(CONNECTIONS)
        .bind("own", config.database.application_name.clone())
        .bind("lane", LANE_SUFFIX)
        .fetch_json()
        .await;
    let row = match asked {
        Ok(rows) => rows.into_iter().next().unwrap_or_default(),
        Err(error) => return unanswered(error).into(),
    };
    match serde_json::from_value::<Connections>(row) {
        Ok(connections) => compare(&connections, config, replicas).into(),
        Err(error) => Verdict::failure(
            format!("failed to read what the server says: {error}"),
            "see whether it is a PostgreSQL",
        )
        .into(),
    }
}

fn compare(connections: &Connections, config: &Config, replicas: u32) -> Verdict {
    let pool = &config.pool;
    let lanes = match pool.lanes {
        0 => 0,
        lanes => lanes.max(pool.lanes_max),
    };
    let each = i64::from(pool.size) + i64::from(pool.overflow) + i64::from(lanes);
    let needed = each * i64::from(replicas);
    let Connections {
        most,
        reserved,
        role,
        database,
        others,
    } = connections;
    let mut free = most - reserved - others;
    let mut bound = format!("{most} less {reserved} reserved and {others} of others");
    for (limit, whose) in [(*role, "role"), (*database, "database")] {
        if limit >= 0 && limit < free {
            free = limit;
            bound = format!("CONNECTION LIMIT of the {whose}");
        }
    }
    let seen = format!(
        "{replicas} x ({} + {} overflow + {lanes} lanes) = {needed} of {free} free ({bound})",
        pool.size, pool.overflow
    );
    // What every process may have, whole.
    let fits = (free / i64::from(replicas).max(1)).max(0);
    let cure = format!(
        "let pool.size + pool.overflow + pool.lanes_max be {fits} at most, raise max_connections, or put a pooler in between"
    );
    match needed {
        needed if needed > free => Verdict::failure(seen, cure),
        needed if needed as f64 > TIGHT * free as f64 => Verdict::warning(seen, cure),
        _ => Verdict::ok(seen),
    }
}
