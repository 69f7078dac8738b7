//! Space in tables and indexes that holds nothing: estimates from what the planner knows of their
//! rows.
//!
//! A row takes its header, its line pointer and the mean width of its columns, which ANALYZE has
//! taken from a sample. Padding between columns is counted as half of the most that there can be. So
//! the estimate is off by some percent, and only much empty space is told of.

use serde::Deserialize;

use super::check::{ANY, of_users};
use super::{Check, Context, judge_with};
use crate::quantity::{bytes, count, percent, time_class};
use crate::{AnalysisFinding, Confidence, Severity};

pub(super) const CHECKS: &[Check] = &[
    Check {
        codes: &["table-bloat"],
        title: "empty space in tables",
        versions: ANY,
        needs: &[],
        sql: TABLES,
        judge: |rows, context| judge_with(rows, context, table),
    },
    Check {
        codes: &["index-bloat"],
        title: "empty space in indexes",
        versions: ANY,
        needs: &[],
        sql: INDEXES,
        judge: |rows, context| judge_with(rows, context, index),
    },
];

/// Only tables of whose columns all is known. Dropped columns still take space, and are not counted.
const TABLES: &str = concat!(
    "
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
           c.reltuples::float8 AS rows,
           pg_catalog.pg_relation_size(c.oid)::int8 AS bytes,
           w.width, w.columns,
           coalesce((SELECT o.option_value::float8
                     FROM pg_catalog.pg_options_to_table(c.reloptions) o
                     WHERE o.option_name = 'fillfactor'), 100) AS fill
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_am m ON m.oid = c.relam AND m.amname = 'heap'
    CROSS JOIN LATERAL (
      SELECT pg_catalog.count(*) AS columns, pg_catalog.count(s.attname) AS known,
             coalesce(pg_catalog.sum(s.avg_width * (1 - s.null_frac)), 0)::float8 AS width
      FROM pg_catalog.pg_attribute a
      LEFT JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname
        AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) w
    WHERE ",
    of_users!(),
    " AND c.relkind IN ('r', 'm') AND c.reltuples > 0 AND w.known = w.columns"
);

/// Of an index on an expression the server keeps statistics under the name of the index. Since
/// equal entries share their key, the estimate is too small rather than too large.
const INDEXES: &str = concat!(
    "
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
           c.reltuples::float8 AS rows,
           pg_catalog.pg_relation_size(c.oid)::int8 AS bytes,
           w.width, w.columns,
           coalesce((SELECT o.option_value::float8
                     FROM pg_catalog.pg_options_to_table(c.reloptions) o
                     WHERE o.option_name = 'fillfactor'), 90) AS fill
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_am m ON m.oid = c.relam AND m.amname = 'btree'
    CROSS JOIN LATERAL (
      SELECT pg_catalog.count(*) AS columns, pg_catalog.count(s.attname) AS known,
             coalesce(pg_catalog.sum(s.avg_width * (1 - s.null_frac)), 0)::float8 AS width
      FROM pg_catalog.pg_attribute a
      LEFT JOIN pg_catalog.pg_attribute b ON b.attrelid = t.oid
        AND b.attnum = i.indkey[a.attnum - 1] AND i.indkey[a.attnum - 1] <> 0
      LEFT JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND NOT s.inherited
        AND (s.tablename, s.attname) = (CASE WHEN b.attname IS NULL THEN c.relname ELSE t.relname END,
                                        coalesce(b.attname, a.attname))
      WHERE a.attrelid = c.oid) w
    WHERE ",
    of_users!(),
    " AND c.relkind = 'i' AND i.indisvalid AND c.reltuples > 0 AND w.known = w.columns"
);

#[derive(Debug, Clone, Deserialize)]
struct Relation {
    name: String,
    rows: f64,
    bytes: i64,
    /// The mean of all columns together.
    width: f64,
    columns: f64,
    /// How full pages are made, in percent.
    fill: f64,
}

/// What a row takes beside its columns, and what a page takes beside its rows.
struct Overhead {
    row: f64,
    page: f64,
    /// The most that padding takes for each column, halved.
    padding: f64,
}

const OF_TABLES: Overhead = Overhead {
    row: 28.0,
    page: 24.0,
    padding: 2.0,
};
const OF_INDEXES: Overhead = Overhead {
    row: 12.0,
    page: 40.0,
    padding: 2.0,
};

impl Relation {
    /// How many bytes hold nothing, and which share that is.
    fn empty(&self, overhead: &Overhead, block: f64) -> (f64, f64) {
        // Rows begin at multiples of eight.
        let width = self.width + overhead.padding * self.columns;
        let row = overhead.row + (width / 8.0).ceil() * 8.0;
        let page = (block - overhead.page) * (self.fill / 100.0).clamp(0.1, 1.0);
        let needed = (self.rows * row / page).ceil() * block;
        let empty = (self.bytes as f64 - needed).max(0.0);
        (empty, empty / (self.bytes as f64).max(1.0))
    }

    fn finding(
        &self,
        code: &'static str,
        overhead: &Overhead,
        context: &Context<'_>,
    ) -> Option<AnalysisFinding> {
        let (empty, share) = self.empty(overhead, context.server.block_size());
        let thresholds = context.thresholds;
        if empty < thresholds.bloat_bytes as f64 || share < thresholds.bloat_share {
            return None;
        }
        let title = format!(
            "about {} of {} hold nothing, by an estimate",
            bytes(empty),
            self.name
        );
        Some(
            AnalysisFinding::new(code, Severity::Notice, &self.name, title)
                .evidence("size", bytes(self.bytes as f64))
                .evidence(
                    "empty, estimated",
                    format!("{} ({})", bytes(empty), percent(share)),
                )
                .evidence("rows", count(self.rows))
                .evidence("mean width of a row", bytes(self.width))
                .confidence(Confidence::Low),
        )
    }
}

fn table(row: Relation, context: &Context<'_>) -> Option<AnalysisFinding> {
    let size = row.bytes as f64;
    let (empty, _) = row.empty(&OF_TABLES, context.server.block_size());
    let name = &row.name;
    Some(
        row.finding("table-bloat", &OF_TABLES, context)?
            // It is an estimate, and its cure stops everybody: nothing to be run without a thought.
            .advice(format!("let it be where the table will grow again: new rows fill the space. Else, when pgstattuple_approx has told exactly, write it anew: with pg_repack, or, where everybody may wait, with VACUUM (FULL, ANALYZE) {name}"))
            .costs(format!(
                "with VACUUM FULL everybody who reads or writes {name} waits until it is done ({}); written anew it needs {} of space meanwhile",
                time_class(size - empty),
                bytes(size - empty)
            )),
    )
}

fn index(row: Relation, context: &Context<'_>) -> Option<AnalysisFinding> {
    let size = row.bytes as f64;
    let (empty, _) = row.empty(&OF_INDEXES, context.server.block_size());
    Some(
        row.finding("index-bloat", &OF_INDEXES, context)?
            .advice("build it anew")
            .cure(
                format!("REINDEX INDEX CONCURRENTLY {};", row.name),
                format!(
                    "reads the table: {}; lets others read and write; needs {} of space meanwhile",
                    time_class(size),
                    bytes(size - empty)
                ),
            ),
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::Thresholds;
    use crate::server::Server;

    #[test]
    fn what_is_full_is_not_bloated() {
        // 100,000 rows of one bigint: measured 4,431,872 bytes, and their index 2,260,992.
        let full = Relation {
            name: "public.t".to_owned(),
            rows: 100_000.0,
            bytes: 3_629_056,
            width: 8.0,
            columns: 1.0,
            fill: 100.0,
        };
        let (_, share) = full.empty(&OF_TABLES, 8192.0);
        assert!(share < 0.2, "{share}");
        let index = Relation {
            bytes: 2_260_992,
            fill: 90.0,
            ..full.clone()
        };
        let (_, share) = index.empty(&OF_INDEXES, 8192.0);
        assert!(share < 0.2, "{share}");
        let emptied = Relation {
            rows: 10_000.0,
            ..full
        };
        let (_, share) = emptied.empty(&OF_TABLES, 8192.0);
        assert!((0.8..0.95).contains(&share), "{share}");
    }

    #[test]
    fn what_stops_everybody_is_advised_and_no_cure_to_be_run() {
        let emptied = Relation {
            name: "public.t".to_owned(),
            rows: 1_000_000.0,
            bytes: 1 << 30,
            width: 8.0,
            columns: 1.0,
            fill: 100.0,
        };
        let context = Context {
            server: &Server::default(),
            thresholds: &Thresholds::default(),
        };
        let finding = table(emptied, &context).unwrap();
        assert_eq!(finding.cure_sql, None);
        let statement = "VACUUM (FULL, ANALYZE) public.t";
        assert!(finding.advice.contains(statement), "{}", finding.advice);
        assert!(finding.cost.contains("waits"), "{}", finding.cost);
    }
}
