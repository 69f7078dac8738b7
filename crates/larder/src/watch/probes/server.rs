//! The server: how many connections it has left, and its disk.

use std::path::Path;
use std::sync::Arc;

use larder_database::{Error, sql};
use larder_health::{Finding, Probe};
use larder_pool::Connection;

use super::{Context, asking, diagnosis};

/// Connections in use and those that there are for everybody. The statistics of databases are
/// visible to every role, those of sessions are not.
const CONNECTIONS: &str = "\
    SELECT pg_catalog.jsonb_build_array(
        (SELECT sum(numbackends) FROM pg_catalog.pg_stat_database),
        (SELECT sum(setting::int) FILTER (WHERE name = 'max_connections')
            - coalesce(sum(setting::int) FILTER (WHERE name <> 'max_connections'), 0)
         FROM pg_catalog.pg_settings
         WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')))";

/// Where the server keeps its data, if the role may know, and whether that is this machine.
const DIRECTORY: &str = "\
    SELECT pg_catalog.jsonb_build_array(
        CASE WHEN pg_catalog.pg_has_role(current_user, 'pg_read_all_settings', 'USAGE')
            THEN pg_catalog.current_setting('data_directory') END,
        coalesce(pg_catalog.inet_server_addr() <<= '127.0.0.0/8' OR pg_catalog.inet_server_addr() = '::1', true))";

pub(super) fn connections(context: &Context<'_>) -> Arc<dyn Probe> {
    let link = Arc::clone(&context.link);
    let max = context.config.health.max_server_connections;
    let ask = move || {
        let link = Arc::clone(&link);
        async move {
            let counts = link
                .ask(async |connection| pair(CONNECTIONS, connection).await)
                .await;
            match counts {
                Some(Ok((Some(used), Some(usable)))) => head_room(used, usable, max),
                _ => Finding::unknown("the connections of the server cannot be asked for now"),
            }
        }
    };
    Arc::new(asking(context, "server", ask))
}

fn head_room(used: f64, usable: f64, max: f64) -> Finding {
    let share = if usable > 0.0 { used / usable } else { 1.0 };
    let percent = |share: f64| (share * 1_000.0).round() / 10.0;
    let reason = format!("{used} of {usable} connections of the server are in use");
    let (fault, cure) = diagnosis::TOO_MANY;
    let finding = match share {
        share if share > max => {
            let reason = format!("{reason}: {} %, above {} %", percent(share), percent(max));
            Finding::degraded(reason).of_fault(fault).curing(cure)
        }
        share if share > max * 0.9 => Finding::warning(reason).of_fault(fault).curing(cure),
        _ => Finding::healthy(),
    };
    finding.observing(percent(share), "%")
}

pub(super) fn disk(context: &Context<'_>) -> Arc<dyn Probe> {
    let link = Arc::clone(&context.link);
    let max = context.config.health.max_disk_use;
    let ask = move || {
        let link = Arc::clone(&link);
        async move {
            let directory = async |connection: &mut Connection| {
                sql(DIRECTORY)
                    .fetch_scalar_on::<serde_json::Value>(connection)
                    .await
            };
            let Some(Ok(directory)) = link.ask(directory).await else {
                return Finding::unknown("the disk of the server cannot be asked for now");
            };
            match (directory[0].as_str(), directory[1].as_bool()) {
                (Some(directory), Some(true)) => disk_of(Path::new(directory), max),
                _ => Finding::unknown(
                    "PostgreSQL does not tell how full its disk is: watch it on the server",
                ),
            }
        }
    };
    Arc::new(asking(context, "disk", ask))
}

/// How full the disk is on which this lies, where that is a disk of this machine.
#[cfg(unix)]
fn disk_of(directory: &Path, max: f64) -> Finding {
    let Ok(disk) = rustix::fs::statvfs(directory) else {
        return Finding::unknown("the disk of the server is not one of this machine");
    };
    // As df counts it: what is kept for root is neither used nor free.
    let (used, free) = (disk.f_blocks - disk.f_bfree, disk.f_bavail);
    let share = used as f64 / (used + free).max(1) as f64;
    let percent = |share: f64| (share * 1_000.0).round() / 10.0;
    let finding = match share > max {
        true => Finding::degraded(format!(
            "the disk of the server is {} % full, above {} %",
            percent(share),
            percent(max)
        )),
        false => Finding::healthy(),
    };
    finding.observing(percent(share), "%").of_fault("disk").cured_by(|| {
        "free or add room: old logs and backups, replication slots that nobody reads (pg_replication_slots), bloat (larder analyze)".to_owned()
    })
}

#[cfg(not(unix))]
fn disk_of(_: &Path, _: f64) -> Finding {
    Finding::unknown("the disk of the server cannot be seen from here")
}

/// Two numbers, either of which may be NULL.
async fn pair(
    text: &str,
    connection: &mut Connection,
) -> Result<(Option<f64>, Option<f64>), Error> {
    let pair: serde_json::Value = sql(text).fetch_scalar_on(connection).await?;
    Ok((pair[0].as_f64(), pair[1].as_f64()))
}
