//! How much the server finds in its own memory.

use serde::Deserialize;

use super::check::ANY;
use super::{Check, Context, judge_with};
use crate::quantity::{bytes, count, percent};
use crate::{AnalysisFinding, Confidence, Severity};

pub(super) const CHECKS: &[Check] = &[Check {
    codes: &["server-cache-share"],
    title: "what the server finds in its memory",
    versions: ANY,
    needs: &[],
    sql: SHARE,
    judge: |rows, context| judge_with(rows, context, share),
}];

const SHARE: &str = "
    SELECT blks_hit AS hit, blks_read AS read
    FROM pg_catalog.pg_stat_database
    WHERE datname = pg_catalog.current_database()";

#[derive(Deserialize)]
struct Blocks {
    hit: i64,
    read: i64,
}

fn share(row: Blocks, context: &Context<'_>) -> Option<AnalysisFinding> {
    let Context { server, thresholds } = context;
    let all = row.hit + row.read;
    let share = row.hit as f64 / (all as f64).max(1.0);
    if all < thresholds.hit_blocks || share >= thresholds.hit_share {
        return None;
    }
    let buffers = server.number("shared_buffers").unwrap_or_default() * server.block_size();
    let size = server.facts.database_size as f64;
    let finding = AnalysisFinding::new(
        "server-cache-share",
        Severity::Notice,
        &server.facts.quoted_database,
        format!(
            "the server finds {} of the blocks that it needs in its memory",
            percent(share)
        ),
    )
    .evidence("blocks found", count(row.hit as f64))
    .evidence("blocks asked of the system", count(row.read as f64))
    .evidence("shared_buffers", bytes(buffers))
    .evidence("size of the database", bytes(size))
    // The system may have had them in memory: that cannot be seen from here.
    .confidence(Confidence::Low);
    const MIB: f64 = 1_048_576.0;
    let wanted = (2.0 * buffers).min(size) / MIB;
    Some(match size > buffers {
        true => finding
            .advice("see first which statements read most (--only statement-slow, index-missing); then give the server more memory, up to a quarter of what the machine has")
            .cure(
                format!("ALTER SYSTEM SET shared_buffers = '{}MB';", wanted.ceil()),
                "a restart of the server; that much memory of the machine",
            )
            .reaching_others(),
        false => finding
            .advice("the database fits into the memory of the server: it has been started lately, or reads tables that were dropped since")
            .costs("none"),
    })
}
