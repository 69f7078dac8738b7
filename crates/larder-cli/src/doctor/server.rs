//! What the server is, how safe it keeps commits, and what time it has.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder_database::{Database, Error};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::check::{Outcome, Verdict};

/// The first version with all that the log of invalidations needs.
const OLDEST: i32 = 140_000;

/// How far the clocks may be apart before it is worth a warning, and before it is a failure: rows
/// of the log are kept by the hour.
const CLOCKS_APART: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

const VERSION: &str = "
    SELECT pg_catalog.pg_is_in_recovery() AS standby,
           pg_catalog.current_setting('transaction_read_only') = 'on' AS read_only,
           pg_catalog.current_setting('server_version_num')::int4 AS version,
           pg_catalog.current_setting('max_connections') AS max_connections,
           pg_catalog.current_setting('wal_level') AS wal_level";

const DURABILITY: &str = "
    SELECT pg_catalog.current_setting('fsync') AS fsync,
           pg_catalog.current_setting('synchronous_commit') AS synchronous_commit,
           pg_catalog.current_setting('full_page_writes') AS full_page_writes";

const CLOCK: &str = "SELECT extract(epoch FROM pg_catalog.clock_timestamp())::float8 AS time";

#[derive(Deserialize)]
struct Version {
    standby: bool,
    read_only: bool,
    version: i32,
    max_connections: String,
    wal_level: String,
}

#[derive(Deserialize)]
struct Durability {
    fsync: String,
    synchronous_commit: String,
    full_page_writes: String,
}

#[derive(Deserialize)]
struct Clock {
    time: f64,
}

/// The version, and whether it can be written to.
pub(super) async fn version(database: &Database) -> Outcome {
    let server: Version = match ask(database, VERSION).await {
        Ok(server) => server,
        Err(verdict) => return verdict.into(),
    };
    let seen = format!(
        "PostgreSQL {}, max_connections {}, wal_level {}",
        database.server_version(),
        server.max_connections,
        server.wal_level,
    );
    let mut verdicts = Vec::new();
    if server.version < OLDEST {
        verdicts.push(Verdict::failure(&seen, "use PostgreSQL 14 or newer"));
    } else {
        verdicts.push(Verdict::ok(&seen));
    }
    if server.standby {
        verdicts.push(Verdict::warning(
            "it is a standby: nothing can be written, and the log of invalidations arrives late",
            "let database.url name the primary",
        ));
    } else if server.read_only {
        verdicts.push(Verdict::warning(
            "transactions are read-only by default: nothing can be written",
            "set default_transaction_read_only to off for the role or the database",
        ));
    }
    verdicts.into()
}

/// Whether a commit that was acknowledged outlives a crash.
pub(super) async fn durability(database: &Database) -> Outcome {
    let settings: Durability = match ask(database, DURABILITY).await {
        Ok(settings) => settings,
        Err(verdict) => return verdict.into(),
    };
    let mut verdicts = Vec::new();
    let mut warn = |is_off: bool, seen: &str, cure: &str| {
        if is_off {
            verdicts.push(Verdict::warning(seen, cure));
        }
    };
    warn(
        settings.fsync == "off",
        "fsync is off: a crash of the machine can destroy the database",
        "set fsync to on, unless the data may be lost",
    );
    warn(
        settings.full_page_writes == "off",
        "full_page_writes is off: a crash of the machine can leave half a page",
        "set full_page_writes to on, unless the data may be lost",
    );
    warn(
        settings.synchronous_commit == "off",
        "synchronous_commit is off: a crash loses the last commits that were acknowledged",
        "set synchronous_commit to on, unless these may be lost",
    );
    if verdicts.is_empty() {
        let commit = &settings.synchronous_commit;
        verdicts.push(Verdict::ok(format!(
            "fsync on, synchronous_commit {commit}"
        )));
    }
    verdicts.into()
}

/// Whether the server has the same time as this machine.
pub(super) async fn clock(database: &Database) -> Outcome {
    let asked = now();
    let clock: Clock = match ask(database, CLOCK).await {
        Ok(clock) => clock,
        Err(verdict) => return verdict.into(),
    };
    // Half of the round trip has passed when the server looks at its clock.
    let off = clock.time - (asked + now()) / 2.0;
    let [warned, failed] = CLOCKS_APART.map(|apart| apart.as_secs_f64());
    let seen = match off.abs() {
        apart if apart < warned => format!("{:+.0} ms from the one here", off * 1e3),
        _ => format!("{off:+.1} s from the one here"),
    };
    const CURE: &str = "set both by NTP";
    match off.abs() {
        apart if apart >= failed => Verdict::failure(seen, CURE),
        apart if apart >= warned => Verdict::warning(seen, CURE),
        _ => Verdict::ok(seen),
    }
    .into()
}

fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs_f64()
}

/// The only row of an answer.
pub(super) async fn ask<T: DeserializeOwned>(
    database: &Database,
    question: &str,
) -> Result<T, Verdict> {
    let rows = database.sql(question).fetch_json().await;
    let row = rows.map_err(unanswered)?.into_iter().next();
    serde_json::from_value(row.unwrap_or_default()).map_err(|error| {
        let seen = format!("failed to read what the server says: {error}");
        Verdict::failure(seen, "see whether it is a PostgreSQL")
    })
}

/// A question that the server did not answer.
pub(super) fn unanswered(error: Error) -> Verdict {
    Verdict::failure(
        format!("failed to {error}"),
        "see the log of the server; the role needs no rights beyond those of every role",
    )
}
