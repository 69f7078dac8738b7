//! Settings of the server that are evidently wrong.

use serde::Deserialize;
use serde_json::Value;

use super::check::ANY;
use super::{Check, Context, rows};
use crate::quantity::{bytes, count, percent};
use crate::{AnalysisFinding, Confidence, Severity};

pub(super) const CHECKS: &[Check] = &[
    Check {
        codes: &["setting-off"],
        title: "settings that should be on",
        versions: ANY,
        needs: &[],
        sql: "SELECT 1 AS one",
        judge: |_, context| Ok(switched_off(context)),
    },
    Check {
        codes: &["setting-max-wal-size"],
        title: "checkpoints",
        versions: 0..170_000,
        needs: &[],
        sql: "SELECT checkpoints_timed AS timed, checkpoints_req AS requested
              FROM pg_catalog.pg_stat_bgwriter",
        judge: checkpoints,
    },
    Check {
        codes: &["setting-max-wal-size"],
        title: "checkpoints",
        versions: 170_000..u32::MAX,
        needs: &[],
        sql: "SELECT num_timed AS timed, num_requested AS requested
              FROM pg_catalog.pg_stat_checkpointer",
        judge: checkpoints,
    },
];

/// What should be on, what follows where it is off, and whether a restart is needed.
const SWITCHES: [(&str, Severity, &str); 6] = [
    (
        "fsync",
        Severity::Critical,
        "a crash of the machine can destroy the database",
    ),
    (
        "full_page_writes",
        Severity::Critical,
        "a crash of the machine can destroy the database",
    ),
    (
        "autovacuum",
        Severity::Warning,
        "dead rows stay, statistics get old, and transaction ids run out",
    ),
    (
        "track_counts",
        Severity::Warning,
        "autovacuum does not know what to do, and half of the checks here see nothing",
    ),
    (
        "enable_indexscan",
        Severity::Warning,
        "the planner avoids indexes",
    ),
    (
        "enable_hashjoin",
        Severity::Warning,
        "the planner avoids the fastest joins of large tables",
    ),
];

fn switched_off(context: &Context<'_>) -> Vec<AnalysisFinding> {
    let off = SWITCHES
        .iter()
        .filter(|(name, ..)| context.server.is_off(name));
    off.map(|(name, severity, follows)| {
        AnalysisFinding::new(
            "setting-off",
            *severity,
            *name,
            format!("{name} is off: {follows}"),
        )
        .evidence(name, "off")
        .advice("switch it on, unless the data may be lost; it may be set for the role or the database alone (pg_db_role_setting)")
        .cure(
            format!("ALTER SYSTEM SET {name} = on;\nSELECT pg_reload_conf();"),
            "at once, without a restart",
        )
        .reaching_others()
    })
    .collect()
}

#[derive(Deserialize)]
struct Checkpoints {
    timed: i64,
    requested: i64,
}

fn checkpoints(
    values: Vec<Value>,
    context: &Context<'_>,
) -> serde_json::Result<Vec<AnalysisFinding>> {
    /// Fewer say nothing: a backup and each new database ask for one.
    const FEWEST: i64 = 20;
    let found = rows::<Checkpoints>(values)?.into_iter().next();
    let Some(Checkpoints { timed, requested }) = found else {
        return Ok(Vec::new());
    };
    let share = requested as f64 / ((timed + requested) as f64).max(1.0);
    if requested < FEWEST || share < 0.5 {
        return Ok(Vec::new());
    }
    const MIB: f64 = 1_048_576.0;
    let now = context.server.number("max_wal_size").unwrap_or(1024.0);
    let finding = AnalysisFinding::new(
        "setting-max-wal-size",
        Severity::Notice,
        "max_wal_size",
        format!("{} of all checkpoints came early: each writes all changed blocks at once", percent(share)),
    )
    .evidence("checkpoints on time", count(timed as f64))
    .evidence("checkpoints asked for", count(requested as f64))
    .evidence("max_wal_size", bytes(now * MIB))
    .advice("let more be written between two checkpoints, unless it was backups or new databases that asked for them")
    .confidence(Confidence::Low)
    .cure(
        format!("ALTER SYSTEM SET max_wal_size = '{}MB';\nSELECT pg_reload_conf();", 2.0 * now),
        format!("at once, without a restart; up to {} more space, and a longer recovery after a crash", bytes(now * MIB)),
    )
    .reaching_others();
    Ok(vec![finding])
}

#[cfg(test)]
mod tests {
    use crate::checks::all;
    use crate::server::Server;

    #[test]
    fn each_version_is_asked_in_its_own_way_once() {
        for version in [140_000, 150_018, 170_000, 180_001] {
            let mut server = Server::default();
            server.facts.version_number = version;
            let of_checkpoints = all().filter(|check| check.codes == ["setting-max-wal-size"]);
            let made: Vec<_> = of_checkpoints
                .filter(|check| !check.is_for_others(&server))
                .map(|check| check.sql.contains("pg_stat_checkpointer"))
                .collect();
            assert_eq!(made, [version >= 170_000], "{version}");
        }
    }
}
