//! Tables that the planner knows nothing of, that nobody cleans, and that are read from end to end.

use serde::Deserialize;

use super::check::{ANY, of_users};
use super::{Check, Context, Need, judge_with};
use crate::quantity::{bytes, count, time_class};
use crate::{AnalysisFinding, Confidence, Severity};

pub(crate) const SEQUENTIAL_SCANS: &str = "table-sequential-scans";

pub(super) const CHECKS: &[Check] = &[
    Check {
        codes: &["table-never-analyzed"],
        title: "tables without statistics",
        versions: 140_000..u32::MAX,
        needs: &[],
        sql: NEVER_ANALYZED,
        judge: |rows, context| judge_with(rows, context, never_analyzed),
    },
    Check {
        codes: &["table-dead-rows"],
        title: "rows that are dead",
        versions: ANY,
        needs: &[Need::Primary],
        sql: DEAD_ROWS,
        judge: |rows, context| judge_with(rows, context, dead_rows),
    },
    Check {
        codes: &[SEQUENTIAL_SCANS],
        title: "tables that are read from end to end",
        versions: ANY,
        needs: &[],
        sql: SCANS,
        judge: |rows, context| judge_with(rows, context, scans),
    },
];

/// What cannot be read has statistics that cannot be seen. Below a thousand rows nothing is wrong.
const NEVER_ANALYZED: &str = concat!(
    "
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS table,
           c.relkind = 'p' AS is_partitioned,
           coalesce(u.n_live_tup, 0) AS rows,
           pg_catalog.pg_relation_size(c.oid)::int8 AS bytes
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_stat_all_tables u ON u.relid = c.oid
    WHERE ",
    of_users!(),
    "
      AND (c.relkind = 'r' AND u.n_live_tup >= 1000
           OR c.relkind = 'p' AND EXISTS (SELECT FROM pg_catalog.pg_inherits h
                JOIN pg_catalog.pg_stat_all_tables v ON v.relid = h.inhrelid
                WHERE h.inhparent = c.oid AND v.n_live_tup >= 1000))
      AND u.last_analyze IS NULL AND u.last_autoanalyze IS NULL
      AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
      AND (c.reltuples = -1 OR NOT EXISTS (
        SELECT FROM pg_catalog.pg_stats s
        WHERE s.schemaname = n.nspname AND s.tablename = c.relname))"
);

#[derive(Deserialize)]
struct NeverAnalyzed {
    table: String,
    is_partitioned: bool,
    rows: i64,
    bytes: i64,
}

fn never_analyzed(row: NeverAnalyzed, _: &Context<'_>) -> Option<AnalysisFinding> {
    let table = &row.table;
    let why = match row.is_partitioned {
        true => "autovacuum analyses partitions, and never the table that they make up",
        false => "it was filled after the last run of autovacuum, or autovacuum does not reach it",
    };
    let finding = AnalysisFinding::new(
        "table-never-analyzed",
        Severity::Warning,
        table,
        format!("the planner guesses at {table}: it was never analysed"),
    )
    .evidence("why", why);
    let finding = match row.is_partitioned {
        true => finding,
        false => finding
            .evidence("rows", count(row.rows as f64))
            .evidence("size", bytes(row.bytes as f64)),
    };
    Some(finding.advice("analyse it").cure(
        format!("ANALYZE {table};"),
        "seconds: it reads a sample; lets others read and write",
    ))
}

/// When autovacuum would begin, and what keeps rows alive that nobody can see.
const DEAD_ROWS: &str = concat!(
    "
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS table,
           u.n_dead_tup AS dead, u.n_live_tup AS live,
           pg_catalog.pg_table_size(c.oid)::int8 AS bytes,
           u.last_autovacuum::text AS last_autovacuum, u.last_vacuum::text AS last_vacuum,
           (coalesce((SELECT o.option_value FROM pg_catalog.pg_options_to_table(c.reloptions) o
                      WHERE o.option_name = 'autovacuum_vacuum_threshold'),
                     pg_catalog.current_setting('autovacuum_vacuum_threshold'))::float8
            + coalesce((SELECT o.option_value FROM pg_catalog.pg_options_to_table(c.reloptions) o
                        WHERE o.option_name = 'autovacuum_vacuum_scale_factor'),
                       pg_catalog.current_setting('autovacuum_vacuum_scale_factor'))::float8
              * greatest(c.reltuples, 0)) AS begins_at,
           coalesce((SELECT o.option_value FROM pg_catalog.pg_options_to_table(c.reloptions) o
                     WHERE o.option_name = 'autovacuum_enabled'), 'on') IN ('off', 'false', '0', 'no')
             AS is_switched_off,
           EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum v WHERE v.relid = c.oid) AS is_running
    FROM pg_catalog.pg_stat_all_tables u
    JOIN pg_catalog.pg_class c ON c.oid = u.relid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE ",
    of_users!(),
    " AND u.n_dead_tup > 0"
);

#[derive(Deserialize)]
struct DeadRows {
    table: String,
    dead: i64,
    live: i64,
    bytes: i64,
    last_autovacuum: Option<String>,
    last_vacuum: Option<String>,
    begins_at: f64,
    is_switched_off: bool,
    is_running: bool,
}

fn dead_rows(row: DeadRows, context: &Context<'_>) -> Option<AnalysisFinding> {
    /// Autovacuum may be on its way: it looks once a minute.
    const TIMES: f64 = 2.0;
    let is_behind = row.dead as f64 > TIMES * row.begins_at;
    if row.dead < context.thresholds.dead_rows || !is_behind || row.is_running {
        return None;
    }
    let table = &row.table;
    let never = || "never".to_owned();
    let finding = AnalysisFinding::new(
        "table-dead-rows",
        Severity::Warning,
        table,
        format!(
            "{} rows of {table} are dead, and autovacuum has not removed them",
            count(row.dead as f64)
        ),
    )
    .evidence("dead rows", count(row.dead as f64))
    .evidence("live rows", count(row.live as f64))
    .evidence(
        "autovacuum begins at",
        format!("{} dead rows", count(row.begins_at)),
    )
    .evidence("last autovacuum", row.last_autovacuum.unwrap_or_else(never))
    .evidence("last vacuum", row.last_vacuum.unwrap_or_else(never))
    .evidence("size", bytes(row.bytes as f64));
    let (advice, cure) = match row.is_switched_off {
        true => (
            "autovacuum is switched off for this table: switch it on",
            format!("ALTER TABLE {table} RESET (autovacuum_enabled);\nVACUUM (ANALYZE) {table};"),
        ),
        false => (
            "vacuum it; where dead rows remain, a long transaction, a replication slot or a prepared transaction keeps them: end that first",
            format!("VACUUM (ANALYZE) {table};"),
        ),
    };
    Some(finding.advice(advice).confidence(Confidence::Medium).cure(
        cure,
        format!(
            "reads {table} and its indexes ({} and more): {}; lets others read and write",
            bytes(row.bytes as f64),
            time_class(row.bytes as f64)
        ),
    ))
}

const SCANS: &str = concat!(
    "
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS table,
           u.seq_scan AS scans, u.seq_tup_read AS read, coalesce(u.idx_scan, 0) AS by_index,
           greatest(u.n_live_tup, c.reltuples, 0)::float8 AS rows,
           pg_catalog.pg_relation_size(c.oid)::int8 AS bytes
    FROM pg_catalog.pg_stat_all_tables u
    JOIN pg_catalog.pg_class c ON c.oid = u.relid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE ",
    of_users!(),
    " AND u.seq_scan > 0"
);

#[derive(Deserialize)]
struct Scans {
    table: String,
    scans: i64,
    read: i64,
    by_index: i64,
    rows: f64,
    bytes: i64,
}

fn scans(row: Scans, context: &Context<'_>) -> Option<AnalysisFinding> {
    /// Backups, builds of indexes and reports read tables from end to end, too.
    const FEWEST: i64 = 100;
    let each = row.read as f64 / (row.scans as f64).max(1.0);
    let is_large = row.rows >= context.thresholds.large_rows;
    // Those that stopped early, at a LIMIT, read little.
    if row.scans < FEWEST || !is_large || each < row.rows / 2.0 {
        return None;
    }
    let table = &row.table;
    Some(
        AnalysisFinding::new(
            SEQUENTIAL_SCANS,
            Severity::Notice,
            table,
            format!("{table} was read from end to end {} times", count(row.scans as f64)),
        )
        .evidence("rows", count(row.rows))
        .evidence("size", bytes(row.bytes as f64))
        .evidence("rows read by each", count(each))
        .evidence("scans by an index", count(row.by_index as f64))
        .advice("see which statement does it: install pg_stat_statements, or give the statement with --statement; an index may be missing")
        .costs("none before an index is built")
        .confidence(Confidence::Medium),
    )
}
