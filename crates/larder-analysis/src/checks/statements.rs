//! Statements that are slow or spill to disk, as `pg_stat_statements` has counted them.

use serde::Deserialize;

use super::{Check, Context, Need, judge_with};
use crate::quantity::{bytes, count, milliseconds};
use crate::{AnalysisFinding, Confidence, Severity};

pub(super) const CHECKS: &[Check] = &[Check {
    codes: &["statement-slow", "statement-spills"],
    title: "statements that are slow or spill",
    versions: 130_000..u32::MAX,
    needs: &[Need::Extension("pg_stat_statements")],
    sql: STATEMENTS,
    judge: |rows, context| {
        let slow = judge_with(rows.clone(), context, slow)?;
        let spilling = judge_with(rows, context, spills)?;
        Ok([slow, spilling].concat())
    },
}];

/// Texts have `$1` where values were. Those of others are not seen by every role.
const STATEMENTS: &str = "
    SELECT s.queryid::text AS id, s.query AS text,
           pg_catalog.sum(s.calls)::int8 AS calls,
           pg_catalog.sum(s.total_exec_time)::float8 AS total,
           pg_catalog.max(s.max_exec_time)::float8 AS longest,
           pg_catalog.sum(s.rows)::int8 AS rows,
           pg_catalog.sum(s.temp_blks_written)::int8 AS spilled
    FROM {pg_stat_statements}.pg_stat_statements s
    JOIN pg_catalog.pg_database d ON d.oid = s.dbid
    WHERE d.datname = pg_catalog.current_database() AND s.queryid IS NOT NULL
      AND s.query ~* '^[[:space:](]*(select|with|insert|update|delete|merge|values)'
    GROUP BY s.queryid, s.query
    ORDER BY total DESC LIMIT 500";

#[derive(Deserialize)]
struct Statement {
    id: String,
    text: String,
    calls: i64,
    /// In milliseconds, as the others.
    total: f64,
    longest: f64,
    rows: i64,
    /// Blocks.
    spilled: i64,
}

impl Statement {
    fn mean(&self) -> f64 {
        self.total / (self.calls as f64).max(1.0)
    }

    fn finding(&self, code: &'static str, title: String) -> AnalysisFinding {
        AnalysisFinding::new(
            code,
            Severity::Notice,
            format!("statement {}", self.id),
            title,
        )
        .evidence("statement", one_line(&self.text))
        .evidence("calls", count(self.calls as f64))
        .evidence("mean", milliseconds(self.mean()))
        .evidence("longest", milliseconds(self.longest))
        .evidence("in all", milliseconds(self.total))
    }
}

fn slow(row: Statement, context: &Context<'_>) -> Option<AnalysisFinding> {
    let thresholds = context.thresholds;
    let limit = thresholds.slow_statement.as_secs_f64() * 1e3;
    if row.mean() < limit || row.calls < thresholds.statement_calls {
        return None;
    }
    let title = format!("a statement takes {} in the mean", milliseconds(row.mean()));
    let each = row.rows as f64 / (row.calls as f64).max(1.0);
    Some(
        row.finding("statement-slow", title)
            .evidence("rows of each call", format!("{each:.1}"))
            .advice("see its plan: larder analyze --statement 'SELECT ...' --run, with values that are usual")
            .costs("none before its cause is known"),
    )
}

fn spills(row: Statement, context: &Context<'_>) -> Option<AnalysisFinding> {
    if row.spilled < context.thresholds.spilled_blocks {
        return None;
    }
    let server = context.server;
    let each = row.spilled as f64 * server.block_size() / (row.calls as f64).max(1.0);
    let title = format!(
        "a statement writes {} to temporary files at each call",
        bytes(each)
    );
    let finding = row
        .finding("statement-spills", title)
        .evidence(
            "temporary files in all",
            bytes(row.spilled as f64 * server.block_size()),
        )
        .evidence("work_mem", bytes(server.work_mem()));
    Some(with_memory(finding, server, each).confidence(Confidence::Medium))
}

/// The cure of what does not fit into `work_mem` and takes that many bytes on disk. It is no
/// statement to be run: a setting that helps one statement, and holds for all of them, ends with a
/// server that is out of memory.
pub(crate) fn with_memory(
    finding: AnalysisFinding,
    server: &crate::server::Server,
    spilled: f64,
) -> AnalysisFinding {
    /// In memory it takes about three times as much as on disk.
    const IN_MEMORY: f64 = 3.0;
    /// Each sort of each session may take that much.
    const MOST: u64 = 256;
    const MIB: f64 = 1_048_576.0;
    let wanted = (IN_MEMORY * spilled / MIB).max(server.work_mem() / MIB * 2.0);
    let wanted = (wanted.ceil() as u64).next_power_of_two();
    if wanted > MOST {
        return finding
            .advice("let it sort or join fewer rows: by an index in the order that it asks for, or by a narrower condition; no sensible work_mem holds that much")
            .costs("none before the statement is changed");
    }
    finding
        .advice(format!(
            "an index in the order that it asks for saves the sort; else give this statement alone more memory, by SET LOCAL work_mem = '{wanted}MB' in its transaction, or ALTER ROLE .. SET work_mem for a role that runs nothing else"
        ))
        .costs(format!(
            "each sort and each hash of each session that has the setting may take {wanted} MiB at the same time: for the whole database, that is more than a server has"
        ))
}

/// A statement on one line, and not too long.
pub(crate) fn one_line(text: &str) -> String {
    const MOST: usize = 200;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
