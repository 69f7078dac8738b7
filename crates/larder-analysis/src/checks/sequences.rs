//! Sequences that come to their end, by their own type or by that of the column that they fill.

use serde::Deserialize;

use super::check::{ANY, of_users};
use super::{Check, Context, judge_with};
use crate::quantity::{bytes, count, percent, time_class};
use crate::{AnalysisFinding, Confidence, Severity};

pub(super) const CHECKS: &[Check] = &[Check {
    codes: &["sequence-near-end"],
    title: "sequences that come to their end",
    versions: ANY,
    needs: &[],
    sql: SEQUENCES,
    judge: |rows, context| judge_with(rows, context, near_end),
}];

/// A sequence fills a column that it belongs to, or whose default calls it. One that falls, or
/// that begins again, has no end that hurts.
const SEQUENCES: &str = concat!(
    "
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS sequence,
           s.data_type::text AS sequence_type, s.last_value, s.min_value, s.max_value,
           pg_catalog.format('%I.%I', tn.nspname, t.relname) AS table,
           pg_catalog.quote_ident(a.attname) AS column,
           CASE WHEN a.attname IS NOT NULL
                THEN pg_catalog.format_type(a.atttypid, NULL) END AS column_type,
           CASE a.atttypid::int4 WHEN 21 THEN 32767 WHEN 23 THEN 2147483647 END AS column_max,
           pg_catalog.pg_total_relation_size(t.oid)::int8 AS bytes
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_sequences s ON s.schemaname = n.nspname AND s.sequencename = c.relname
    LEFT JOIN LATERAL (
      SELECT d.refobjid AS table_oid, d.refobjsubid AS number
      FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
      UNION
      SELECT f.adrelid, f.adnum
      FROM pg_catalog.pg_depend d
      JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
      WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid
      ) o ON true
    LEFT JOIN pg_catalog.pg_class t ON t.oid = o.table_oid
    LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = o.number
    WHERE ",
    of_users!(),
    " AND c.relkind = 'S' AND s.last_value IS NOT NULL AND NOT s.cycle AND s.increment_by > 0"
);

#[derive(Deserialize)]
struct Sequence {
    sequence: String,
    sequence_type: String,
    last_value: i64,
    min_value: i64,
    max_value: i64,
    table: Option<String>,
    column: Option<String>,
    column_type: Option<String>,
    column_max: Option<i64>,
    bytes: Option<i64>,
}

fn near_end(row: Sequence, context: &Context<'_>) -> Option<AnalysisFinding> {
    /// From here on there is no time to be lost.
    const CRITICAL: f64 = 0.9;
    let column_max = row.column_max.unwrap_or(i64::MAX);
    let last = row.max_value.min(column_max) as f64;
    let first = row.min_value as f64;
    let share = (row.last_value as f64 - first) / (last - first).max(1.0);
    if share < context.thresholds.sequence_share {
        return None;
    }
    let severity = match share >= CRITICAL {
        true => Severity::Critical,
        false => Severity::Warning,
    };
    let Sequence { sequence, .. } = &row;
    let finding = AnalysisFinding::new(
        "sequence-near-end",
        severity,
        sequence,
        format!(
            "the sequence {sequence} has used up {} of its values",
            percent(share)
        ),
    )
    .evidence("last value", count(row.last_value as f64))
    .evidence("end", count(last))
    .evidence("type of the sequence", &row.sequence_type);
    Some(cured(finding, &row).confidence(Confidence::High))
}

/// That the sequence goes on costs nothing, and is a statement to be run. That the column holds what
/// it gives stops everybody while the table is written anew, which is nothing to be run from a list.
fn cured(finding: AnalysisFinding, row: &Sequence) -> AnalysisFinding {
    const OF_BIGINT: i64 = i64::MAX;
    let mut finding = finding;
    let mut advice = Vec::new();
    let mut costs = Vec::new();
    if let (Some(table), Some(column), Some(kind)) = (&row.table, &row.column, &row.column_type) {
        finding = finding.evidence("fills", format!("{table}.{column}, {kind}"));
        if row.column_max.is_some() {
            let size = row.bytes.unwrap_or_default() as f64;
            advice.push(format!(
                "let the column be a bigint, and those that refer to it: where everybody can wait, ALTER TABLE {table} ALTER COLUMN {column} TYPE bigint; where nobody may, fill a new column in batches and swap the two"
            ));
            costs.push(format!(
                "changed in place, {table} and its indexes are written anew ({}): {}; everybody who reads or writes it waits meanwhile",
                bytes(size),
                time_class(size)
            ));
        }
    }
    let sql = (row.max_value < OF_BIGINT).then(|| match row.sequence_type.as_str() {
        "bigint" => format!("ALTER SEQUENCE {} NO MAXVALUE;", row.sequence),
        _ => format!("ALTER SEQUENCE {} AS bigint;", row.sequence),
    });
    if sql.is_some() {
        advice.push("let the sequence be a bigint".to_owned());
        costs.push("the change of the sequence is done at once".to_owned());
    }
    if advice.is_empty() {
        return finding
            .advice("there is no larger type: let keys be of another kind")
            .costs("a change of the schema");
    }
    let (finding, costs) = (finding.advice(advice.join("; ")), costs.join("; "));
    match sql {
        Some(sql) => finding.cure(sql, costs),
        None => finding.costs(costs),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::Thresholds;
    use crate::server::Server;

    fn judged(last_value: i64, max_value: i64, column_max: Option<i64>) -> Option<AnalysisFinding> {
        let (server, thresholds) = (Server::default(), Thresholds::default());
        let context = Context {
            server: &server,
            thresholds: &thresholds,
        };
        let sequence = Sequence {
            sequence: "public.s".to_owned(),
            sequence_type: "bigint".to_owned(),
            last_value,
            min_value: 1,
            max_value,
            table: Some("public.t".to_owned()),
            column: Some("id".to_owned()),
            column_type: Some("integer".to_owned()),
            column_max,
            bytes: Some(1 << 30),
        };
        near_end(sequence, &context)
    }

    #[test]
    fn the_narrower_of_sequence_and_column_decides() {
        let int4 = i64::from(i32::MAX);
        assert_eq!(judged(2_000_000_000, i64::MAX, None), None);
        let found = judged(2_000_000_000, i64::MAX, Some(int4)).unwrap();
        assert_eq!(found.severity, Severity::Critical);
        // It stops everybody for as long as it takes: nothing to be run from a list.
        let change = "ALTER TABLE public.t ALTER COLUMN id TYPE bigint";
        assert!(found.advice.contains(change), "{}", found.advice);
        assert_eq!(found.cure_sql, None);
        assert!(found.cost.contains("waits"), "{}", found.cost);
        assert_eq!(judged(1_000_000, i64::MAX, Some(int4)), None);
        let narrow = judged(1_600_000_000, int4, None).unwrap();
        assert_eq!(narrow.severity, Severity::Warning);
        assert_eq!(
            narrow.cure_sql.as_deref(),
            Some("ALTER SEQUENCE public.s NO MAXVALUE;")
        );
        let both = judged(2_000_000_000, int4, Some(int4)).unwrap();
        assert_eq!(both.cure_sql, narrow.cure_sql);
        assert!(both.advice.contains("TYPE bigint"), "{}", both.advice);
    }
}
