//! Constraints that are not checked, and foreign keys that no index helps.

use serde::Deserialize;

use super::check::{ANY, of_users};
use super::{Check, Context, judge_with};
use crate::quantity::{bytes, count, time_class};
use crate::{AnalysisFinding, Confidence, Severity};

pub(super) const CHECKS: &[Check] = &[
    Check {
        codes: &["constraint-not-valid"],
        title: "constraints that are not valid",
        versions: ANY,
        needs: &[],
        sql: NOT_VALID,
        judge: |rows, context| judge_with(rows, context, not_valid),
    },
    Check {
        codes: &["foreign-key-without-index"],
        title: "foreign keys without an index",
        versions: ANY,
        needs: &[],
        sql: FOREIGN_KEYS,
        judge: |rows, context| judge_with(rows, context, foreign_key),
    },
];

const NOT_VALID: &str = concat!(
    "
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS table,
           pg_catalog.quote_ident(f.conname) AS name,
           f.contype::text AS kind,
           pg_catalog.pg_table_size(c.oid)::int8 AS bytes,
           pg_catalog.pg_get_constraintdef(f.oid, true) AS definition
    FROM pg_catalog.pg_constraint f
    JOIN pg_catalog.pg_class c ON c.oid = f.conrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE ",
    of_users!(),
    " AND NOT f.convalidated AND f.conparentid = 0"
);

#[derive(Deserialize)]
struct NotValid {
    table: String,
    name: String,
    kind: String,
    bytes: i64,
    definition: String,
}

fn not_valid(row: NotValid, _: &Context<'_>) -> Option<AnalysisFinding> {
    let NotValid { table, name, .. } = &row;
    let also = match row.kind.as_str() {
        "f" => {
            ", and takes a lock on the referenced table that only changes of its definition wait for"
        }
        _ => "",
    };
    let finding = AnalysisFinding::new(
        "constraint-not-valid",
        Severity::Warning,
        format!("{table}.{name}"),
        format!("the constraint {name} of {table} holds for new rows only: older ones were never checked"),
    )
    .evidence("definition", &row.definition)
    .evidence("size of the table", bytes(row.bytes as f64));
    Some(
        finding
            .advice("validate it; where rows break it, the error names the first, and they have to be put right before")
            .cure(
                format!("ALTER TABLE {table} VALIDATE CONSTRAINT {name};"),
                format!(
                    "reads all of {table} ({}): {}; lets others read and write{also}",
                    bytes(row.bytes as f64),
                    time_class(row.bytes as f64)
                ),
            ),
    )
}

/// The columns may stand in any order at the beginning of the key of an index. Columns that it only
/// includes find no row, and other methods than these two do not find rows by each of their columns
/// as fast as a foreign key needs it. An index may leave out rows in which these columns are NULL: no
/// key of the parent is looked for there.
const FOREIGN_KEYS: &str = concat!(
    "
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS table,
           pg_catalog.quote_ident(f.conname) AS name,
           pg_catalog.format('%I.%I', pn.nspname, p.relname) AS parent,
           c.relkind = 'p' AS is_partitioned,
           (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY k.place)
            FROM pg_catalog.unnest(f.conkey) WITH ORDINALITY k(number, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number) AS columns,
           greatest(c.reltuples, u.n_live_tup, 0)::float8 AS rows,
           pg_catalog.pg_table_size(c.oid)::int8 AS bytes,
           coalesce(w.n_tup_del, 0) + coalesce(w.n_tup_upd, 0) AS parent_changes,
           f.confdeltype IN ('c', 'n', 'd') AS carries_on
    FROM pg_catalog.pg_constraint f
    JOIN pg_catalog.pg_class c ON c.oid = f.conrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_class p ON p.oid = f.confrelid
    JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
    LEFT JOIN pg_catalog.pg_stat_all_tables u ON u.relid = c.oid
    LEFT JOIN pg_catalog.pg_stat_all_tables w ON w.relid = p.oid
    WHERE ",
    of_users!(),
    "
      AND f.contype = 'f' AND f.conparentid = 0
      AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
        JOIN pg_catalog.pg_am m ON m.oid = x.relam
        WHERE i.indrelid = c.oid AND i.indisvalid
          AND (i.indpred IS NULL
               OR pg_catalog.string_to_array(
                    pg_catalog.translate(pg_catalog.pg_get_expr(i.indpred, c.oid), '()', ''), ' AND ')
                  <@ ARRAY(SELECT pg_catalog.quote_ident(a.attname) || ' IS NOT NULL'
                           FROM pg_catalog.pg_attribute a
                           WHERE a.attrelid = c.oid AND a.attnum = ANY (f.conkey)))
          AND m.amname IN ('btree', 'hash')
          AND i.indnkeyatts >= pg_catalog.cardinality(f.conkey)
          AND f.conkey <@ ARRAY(SELECT i.indkey[k]
                FROM pg_catalog.generate_series(0, pg_catalog.cardinality(f.conkey) - 1) k))"
);

#[derive(Deserialize)]
struct ForeignKey {
    table: String,
    name: String,
    parent: String,
    is_partitioned: bool,
    columns: String,
    rows: f64,
    bytes: i64,
    parent_changes: i64,
    /// A delete in the parent deletes or changes rows here.
    carries_on: bool,
}

fn foreign_key(row: ForeignKey, context: &Context<'_>) -> Option<AnalysisFinding> {
    // A small table is read as a whole anyway, and a partitioned one has no rows of its own.
    if row.rows < context.thresholds.large_rows && !row.is_partitioned {
        return None;
    }
    let ForeignKey {
        table,
        name,
        parent,
        columns,
        ..
    } = &row;
    let severity = match row.parent_changes > 0 || row.carries_on {
        true => Severity::Warning,
        false => Severity::Notice,
    };
    let finding = AnalysisFinding::new(
        "foreign-key-without-index",
        severity,
        format!("{table}.{name}"),
        format!("each delete from {parent} reads all of {table}: no index begins with ({columns})"),
    )
    .evidence("constraint", name)
    .evidence("rows in the table", count(row.rows))
    .evidence("size of the table", bytes(row.bytes as f64))
    .evidence("rows deleted or updated in the parent", count(row.parent_changes as f64))
    .advice("build an index on the columns of the foreign key, unless nothing is ever deleted from the parent and nothing joins by them")
    .confidence(Confidence::High);
    let size = index_bytes(row.rows);
    Some(match row.is_partitioned {
        true => finding.cure(
            format!("CREATE INDEX ON {table} ({columns});"),
            "writes to the table wait until it is built: where that is too long, build it CONCURRENTLY on each partition, then create it ON ONLY the table and attach them",
        ),
        false => finding.cure(
            format!("CREATE INDEX CONCURRENTLY ON {table} ({columns});"),
            format!(
                "reads the table twice ({}): {}; lets others read and write; about {} of space, and each write costs a little more",
                bytes(row.bytes as f64),
                time_class(2.0 * row.bytes as f64),
                bytes(size)
            ),
        ),
    })
}

/// The size of an index on a number, roughly: an entry and its line pointer, pages nine tenths full.
pub(super) fn index_bytes(rows: f64) -> f64 {
    rows * 20.0 / 0.9
}
