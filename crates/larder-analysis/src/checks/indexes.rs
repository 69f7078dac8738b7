//! Indexes that nobody uses, and indexes that cannot be used.

use serde::Deserialize;

use super::check::{ANY, of_users};
use super::{Check, Context, Need, judge_with};
use crate::quantity::{bytes, count, seconds};
use crate::{AnalysisFinding, Confidence, Severity};

pub(super) const CHECKS: &[Check] = &[
    Check {
        codes: &["index-unused"],
        title: "indexes that nobody uses",
        versions: ANY,
        needs: &[Need::OldStatistics, Need::Primary],
        sql: UNUSED,
        judge: |rows, context| judge_with(rows, context, unused),
    },
    Check {
        codes: &["index-invalid"],
        title: "indexes that are not valid",
        versions: ANY,
        needs: &[],
        sql: INVALID,
        judge: |rows, context| judge_with(rows, context, invalid),
    },
];

/// Never one that keeps a rule (unique, constraint, replica identity), and never the only one under
/// a foreign key: nothing reads it until somebody deletes from the parent, and then it is missed.
const UNUSED: &str = concat!(
    "
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS index,
           pg_catalog.format('%I.%I', tn.nspname, t.relname) AS table,
           pg_catalog.pg_relation_size(c.oid)::int8 AS bytes,
           coalesce(u.seq_scan, 0) + coalesce(u.idx_scan, 0) AS reads,
           u.n_tup_ins + u.n_tup_upd + u.n_tup_del AS writes,
           i.indexprs IS NOT NULL AS is_of_expression,
           pg_catalog.pg_get_indexdef(c.oid) AS definition,
           CASE WHEN pg_catalog.current_setting('track_commit_timestamp')::bool
                THEN extract(epoch FROM pg_catalog.now()
                       - pg_catalog.pg_xact_commit_timestamp(i.xmin))::float8 END AS age,
           (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication) AS standbys
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
    JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
    JOIN pg_catalog.pg_stat_all_indexes s ON s.indexrelid = c.oid
    JOIN pg_catalog.pg_stat_all_tables u ON u.relid = t.oid
    WHERE ",
    of_users!(),
    "
      AND c.relkind = 'i' AND NOT c.relispartition
      AND i.indisvalid AND NOT i.indisunique AND NOT i.indisexclusion AND NOT i.indisreplident
      AND coalesce(s.idx_scan, 0) = 0
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint f
                      WHERE f.conindid = c.oid)
      AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint f
        WHERE f.contype = 'f' AND f.conrelid = t.oid
          AND f.conkey <@ ARRAY(SELECT i.indkey[k]
                FROM pg_catalog.generate_series(0, pg_catalog.cardinality(f.conkey) - 1) k))"
);

#[derive(Deserialize)]
struct Unused {
    index: String,
    table: String,
    bytes: i64,
    reads: i64,
    writes: i64,
    is_of_expression: bool,
    definition: String,
    /// Seconds; `None` where it is not known.
    age: Option<f64>,
    standbys: i64,
}

fn unused(row: Unused, context: &Context<'_>) -> Option<AnalysisFinding> {
    /// A table that nobody reads says nothing of its indexes.
    const FEWEST_READS: i64 = 10;
    let wanted = context.thresholds.statistics_age.as_secs_f64();
    let is_young = row.age.is_some_and(|age| age < wanted);
    if row.bytes < context.thresholds.index_bytes || row.reads < FEWEST_READS || is_young {
        return None;
    }
    let facts = &context.server.facts;
    let finding = AnalysisFinding::new(
        "index-unused",
        Severity::Notice,
        &row.index,
        format!("nothing reads the index {}", row.index),
    )
    .evidence("table", &row.table)
    .evidence("size", bytes(row.bytes as f64))
    .evidence("scans of the index", 0)
    .evidence("scans of the table", count(row.reads as f64))
    .evidence("rows written", count(row.writes as f64))
    .evidence("statistics count for", seconds(facts.statistics_age))
    .evidence("definition", &row.definition);
    let mut confidence = Confidence::Low;
    let mut advice = match (row.standbys, row.is_of_expression) {
        (0, false) => {
            confidence = Confidence::Medium;
            "drop it, unless it is kept for a report that runs less often than the statistics are old"
        }
        (0, true) => {
            "drop it, unless the planner needs what it knows of its expression: compare plans before"
        }
        _ => "drop it, unless the standbys read it: each counts its own reads",
    }
    .to_owned();
    let age = match row.age {
        Some(age) => seconds(age),
        None => {
            confidence = Confidence::Low;
            advice += "; it may be new, and nothing has had the time to use it: how old it is is not known where track_commit_timestamp is off or was off when it was built";
            "not known".to_owned()
        }
    };
    let finding = finding.evidence("age of the index", age);
    Some(finding.advice(advice).confidence(confidence).cure(
        format!("DROP INDEX CONCURRENTLY {};", row.index),
        format!(
            "seconds; waits for transactions that use {}, and lets others read and write; gives back {}",
            row.table,
            bytes(row.bytes as f64)
        ),
    ))
}

/// Not one that is being built. Which one that is, the server does not tell of other roles' sessions;
/// their locks it shows to everybody, and whoever builds an index holds one on the table.
const INVALID: &str = concat!(
    "
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS index,
           pg_catalog.format('%I.%I', tn.nspname, t.relname) AS table,
           c.relname ~ '_cc(new|old)[0-9]*$' AS is_remainder,
           c.relkind = 'I' AS is_partitioned,
           i.indisunique AS is_unique,
           pg_catalog.pg_table_size(t.oid)::int8 AS table_bytes,
           pg_catalog.pg_get_indexdef(c.oid) AS definition
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
    JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
    WHERE ",
    of_users!(),
    "
      AND NOT (i.indisvalid AND i.indisready AND i.indislive)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p
                      WHERE p.index_relid = c.oid OR p.relid = t.oid
                         OR (p.relid IS NULL
                             AND EXISTS (SELECT FROM pg_catalog.pg_locks l
                                         JOIN pg_catalog.pg_database d ON d.oid = l.database
                                         WHERE d.datname = pg_catalog.current_database()
                                           AND l.pid = p.pid AND l.relation = t.oid)))"
);

#[derive(Deserialize)]
struct Invalid {
    index: String,
    table: String,
    is_remainder: bool,
    is_partitioned: bool,
    is_unique: bool,
    table_bytes: i64,
    definition: String,
}

fn invalid(row: Invalid, _: &Context<'_>) -> Option<AnalysisFinding> {
    let finding = AnalysisFinding::new(
        "index-invalid",
        Severity::Warning,
        &row.index,
        format!(
            "the index {} is not valid: it costs writes and serves no read",
            row.index
        ),
    )
    .evidence("table", &row.table)
    .evidence("definition", &row.definition);
    let reads = format!(
        "reads all of {} ({}): {}",
        row.table,
        bytes(row.table_bytes as f64),
        crate::quantity::time_class(row.table_bytes as f64)
    );
    Some(match row {
        Invalid { is_partitioned: true, .. } => finding
            .advice("build the index on each partition that has none, and attach it with ALTER INDEX ... ATTACH PARTITION")
            .costs(reads),
        Invalid { is_remainder: true, .. } => finding
            .advice("drop it: a REINDEX CONCURRENTLY that failed has left it")
            .cure(
                format!("DROP INDEX CONCURRENTLY {};", row.index),
                "seconds; waits for transactions that use the table, and lets others read and write",
            ),
        Invalid { is_unique, .. } => finding
            .advice(match is_unique {
                true => "build it again; where it fails, remove the rows that are there twice first",
                false => "build it again: a CREATE INDEX CONCURRENTLY that failed has left it",
            })
            .cure(
                format!("REINDEX INDEX CONCURRENTLY {};", row.index),
                format!("{reads}; lets others read and write"),
            ),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::Thresholds;
    use crate::server::Server;

    fn judged(age: Option<f64>) -> Option<AnalysisFinding> {
        let row = Unused {
            index: "public.i".to_owned(),
            table: "public.t".to_owned(),
            bytes: 1 << 30,
            reads: 1_000,
            writes: 0,
            is_of_expression: false,
            definition: String::new(),
            age,
            standbys: 0,
        };
        let context = Context {
            server: &Server::default(),
            thresholds: &Thresholds::default(),
        };
        unused(row, &context)
    }

    #[test]
    fn an_index_that_may_be_new_is_accused_with_doubt() {
        const DAY: f64 = 86_400.0;
        let known = judged(Some(30.0 * DAY)).unwrap();
        assert_eq!(known.confidence, Confidence::Medium);
        assert!(!known.advice.contains("new"), "{}", known.advice);
        let unknown = judged(None).unwrap();
        assert_eq!(unknown.confidence, Confidence::Low);
        assert!(
            unknown.advice.contains("it may be new"),
            "{}",
            unknown.advice
        );
        assert_eq!(judged(Some(DAY)), None);
    }
}
