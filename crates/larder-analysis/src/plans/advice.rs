//! What a plan shows to be wrong.

use serde_json::Value;

use super::candidate::{Candidate, candidates, is_large};
use super::condition::{Key, Use, uses};
use super::node::Node;
use super::tables::Tables;
use super::trial::Trial;
use crate::checks::with_memory;
use crate::identifier::{qualified, quoted};
use crate::quantity::{bytes, count, percent, time_class};
use crate::server::Server;
use crate::{AnalysisFinding, Confidence, Severity, Thresholds};

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests;

/// What a plan shows to be wrong, by what `EXPLAIN (FORMAT JSON)` gives: large tables read from end
/// to end for few of their rows, and, where the statement was run (`ANALYZE`), sorts and hashes that
/// spilled to disk and estimates of rows that were far off.
///
/// Nothing is asked of the database: which columns and indexes a table has is not known here. So of
/// what an index might spare it says so in words, and gives no SQL. [`analyze`](crate::analyze)
/// knows the tables and tries indexes out. What is no plan has no findings.
///
/// # Examples
///
/// ```
/// let explained = serde_json::json!([{ "Plan": {
///     "Node Type": "Seq Scan", "Relation Name": "orders", "Schema": "public", "Alias": "orders",
///     "Total Cost": 2137.0, "Plan Rows": 12, "Plan Width": 60,
///     "Filter": "(customer_id = 7)",
/// }}]);
/// let advice = larder_analysis::plan_advice(&explained);
/// assert_eq!(advice[0].code, "plan-sequential-scan");
/// assert!(advice[0].advice.contains("an index on (customer_id)"));
/// assert_eq!(advice[0].cure_sql, None);
/// ```
#[must_use]
pub fn plan_advice(explained: &Value) -> Vec<AnalysisFinding> {
    let Some(root) = Node::root(explained) else {
        return Vec::new();
    };
    let (tables, thresholds) = (Tables::default(), Thresholds::default());
    let ground = Ground {
        tables: &tables,
        thresholds: &thresholds,
        server: None,
    };
    let mut findings = judge(&root, &ground);
    let candidates = candidates(&root, &tables, &thresholds);
    findings.extend(unserved(&root, &ground, &candidates));
    findings.extend(candidates.iter().map(conjecture));
    findings
}

/// An index that might spare reading a table of which nothing is known but what a plan says.
pub(super) fn conjecture(candidate: &Candidate) -> AnalysisFinding {
    let table = candidate.known_table();
    let keys = candidate.keys.join(", ");
    let title = format!("{table} is read from end to end for few of its rows");
    let mut finding = AnalysisFinding::new("plan-sequential-scan", Severity::Notice, table, title);
    if let Some(read) = candidate.read {
        finding = finding.evidence("rows read", count(read));
    }
    finding
        .evidence("rows found", count(candidate.found))
        .evidence("columns", &keys)
        .advice(format!(
            "an index on ({keys}) might spare it, unless there is one: larder analyze knows the tables and tries indexes out"
        ))
        .costs("none before an index is built")
        .confidence(Confidence::Low)
}

/// What a plan is judged by.
pub(super) struct Ground<'a> {
    pub(super) tables: &'a Tables,
    pub(super) thresholds: &'a Thresholds,
    /// `None` where nothing is known but the plan.
    pub(super) server: Option<&'a Server>,
}

/// Spills and estimates.
pub(super) fn judge(root: &Node, ground: &Ground<'_>) -> Vec<AnalysisFinding> {
    let mut findings = Vec::new();
    walk(root, &mut Path::default(), &mut |node, path| {
        findings.extend(sort(node, path, ground));
        findings.extend(hash(node, ground));
        findings.extend(estimate(node, path, ground));
    });
    findings
}

/// What stands above a node.
#[derive(Debug, Default, Clone, Copy)]
struct Path {
    /// Only the first rows of a sort are kept.
    keeps_first: bool,
    /// It may have been stopped before its end.
    ends_early: bool,
}

fn walk(node: &Node, path: &mut Path, see: &mut impl FnMut(&Node, Path)) {
    see(node, *path);
    let stops = matches!(node.kind.as_str(), "Limit" | "Merge Join" | "Nested Loop");
    for child in &node.children {
        let mut beneath = Path {
            keeps_first: node.kind == "Limit"
                || path.keeps_first && matches!(node.kind.as_str(), "Gather" | "Gather Merge"),
            ends_early: path.ends_early || stops,
        };
        walk(child, &mut beneath, see);
    }
}

fn sort(node: &Node, path: Path, ground: &Ground<'_>) -> Option<AnalysisFinding> {
    if node.kind != "Sort" {
        return None;
    }
    let by = node.sort_keys.join(", ");
    let title = |how: &str| format!("a sort by {by} {how} to disk");
    let finding = |how: &str| {
        AnalysisFinding::new(
            "plan-sort-spills",
            Severity::Notice,
            format!("sort by {by}"),
            title(how),
        )
        .evidence("rows", count(node.actual_rows.unwrap_or(node.rows)))
    };
    let spilled = match node.sort_space.as_deref() {
        Some("Disk") => {
            let used = node.sort_used.unwrap_or_default() * 1024.0;
            let finding = finding("spilled").evidence("on disk", bytes(used));
            return Some(remembered(finding, ground, used));
        }
        Some(_) => return None,
        None => estimated_sort(node),
    };
    let memory = ground.server.map(Server::work_mem)?;
    if path.keeps_first || spilled <= memory {
        return None;
    }
    let finding = finding("would spill")
        .evidence("size of its rows, estimated", bytes(spilled))
        .evidence("work_mem", bytes(memory));
    Some(remembered(finding, ground, spilled).confidence(Confidence::Low))
}

/// The size of what is sorted, by the planner's estimates.
fn estimated_sort(node: &Node) -> f64 {
    /// Of each row in memory.
    const HEADER: f64 = 24.0;
    node.rows * (node.width + HEADER)
}

fn hash(node: &Node, ground: &Ground<'_>) -> Option<AnalysisFinding> {
    let peak = node.peak_memory.unwrap_or_default() * 1024.0;
    let (what, spilled) = match node.kind.as_str() {
        "Hash" if node.hash_batches.is_some_and(|batches| batches > 1.0) => {
            ("a hash join", peak * node.hash_batches.unwrap_or(1.0))
        }
        "Aggregate" if node.aggregate_batches.is_some_and(|batches| batches > 1.0) => {
            ("an aggregate", node.disk.unwrap_or_default() * 1024.0)
        }
        _ => return None,
    };
    let title = format!(
        "{what} of {} rows spilled to disk",
        count(node.actual_rows.unwrap_or(node.rows))
    );
    let finding = AnalysisFinding::new("plan-hash-spills", Severity::Notice, what, title)
        .evidence(
            "batches",
            node.hash_batches
                .or(node.aggregate_batches)
                .unwrap_or_default(),
        )
        .evidence("all of it", bytes(spilled));
    Some(remembered(finding, ground, spilled / 2.0))
}

fn remembered(finding: AnalysisFinding, ground: &Ground<'_>, spilled: f64) -> AnalysisFinding {
    match ground.server {
        Some(server) => with_memory(finding, server, spilled),
        None => with_memory(finding, &Server::default(), spilled),
    }
}

/// An estimate of what a table gives that is far from what it gave.
fn estimate(node: &Node, path: Path, ground: &Ground<'_>) -> Option<AnalysisFinding> {
    /// How many rows one has to be off by to choose a wrong plan.
    const MANY: f64 = 1_000.0;
    let relation = node.relation.as_deref()?;
    let actual = node
        .actual_rows
        .filter(|_| node.loops.is_some_and(|loops| loops > 0.0))?;
    let (less, more) = (actual.min(node.rows).max(1.0), actual.max(node.rows));
    let is_over = actual < node.rows;
    if more < MANY
        || more / less < ground.thresholds.estimate_factor
        || (is_over && path.ends_early)
    {
        return None;
    }
    let table = qualified(node.schema.as_deref(), relation);
    let title = format!(
        "the planner expects {} rows of {table} and gets {}",
        count(node.rows),
        count(actual)
    );
    let conditions =
        [&node.filter, &node.index_condition].map(|text| text.as_deref().unwrap_or_default());
    let finding = AnalysisFinding::new("plan-row-estimate", Severity::Notice, &table, title)
        .evidence("expected", count(node.rows))
        .evidence("real", count(actual))
        .evidence("condition", conditions.join(" ").trim());
    let columns = compared(node, &conditions);
    Some(match columns.as_slice() {
        [_, _, ..] => {
            let name = format!("{relation}_{}_stats", columns.join("_"));
            let listed: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
            finding
                .advice("let the server learn how these columns depend on each other")
                .confidence(Confidence::Medium)
                .cure(
                    format!(
                        "CREATE STATISTICS {} (dependencies, ndistinct, mcv) ON {} FROM {table};\nANALYZE {table};",
                        quoted(&name),
                        listed.join(", ")
                    ),
                    "seconds: ANALYZE reads a sample; lets others read and write",
                )
        }
        _ => finding
            .advice("let the server learn the values again; where that changes nothing, raise the statistics target of the column")
            .confidence(Confidence::Medium)
            .cure(
                format!("ANALYZE {table};"),
                "seconds: it reads a sample; lets others read and write",
            ),
    })
}

/// The names of the columns that its conditions compare.
fn compared(node: &Node, conditions: &[&str]) -> Vec<String> {
    let of_name = |key: Key| key.column;
    let parts = conditions.iter().flat_map(|text| uses(text, node.name()));
    let mut columns: Vec<String> = parts
        .filter_map(|part| match part {
            Use::Equality(key) | Use::Range(key) | Use::Null(key) => of_name(key),
            Use::Prefix(key) | Use::Truth(key, _) => of_name(key),
        })
        .collect();
    columns.sort();
    columns.dedup();
    columns
}

/// Scans that read much, find little, and that no index of a common kind would spare.
pub(super) fn unserved(
    root: &Node,
    ground: &Ground<'_>,
    candidates: &[Candidate],
) -> Vec<AnalysisFinding> {
    const MOST: f64 = 0.1;
    let scans = root
        .all()
        .into_iter()
        .filter(|node| node.is_sequential_scan());
    let unserved = scans.filter_map(|scan| {
        let relation = scan.relation.as_deref()?;
        let filter = scan.filter.as_deref()?;
        let table = ground.tables.of(scan);
        let name = qualified(scan.schema.as_deref(), relation);
        let is_served = candidates.iter().any(|candidate| candidate.table == name);
        let read = table.map(|table| table.rows).or(scan.rows_read())?;
        let found = scan.actual_rows.unwrap_or(scan.rows);
        if is_served || found > MOST * read || !is_large(scan, table, ground.thresholds) {
            return None;
        }
        let share = percent(found / read.max(1.0));
        Some(
            AnalysisFinding::new(
                "plan-sequential-scan",
                Severity::Notice,
                &name,
                format!("{name} is read from end to end for {share} of its rows"),
            )
            .evidence("rows read", count(read))
            .evidence("rows found", count(found))
            .evidence("condition", filter)
            .advice(match table {
                None => "whether an index could serve this condition the plan alone does not tell: larder analyze knows the tables",
                Some(_) => "no common index serves this condition as it is written: compare a column with a value, not an expression over it; for parts of texts see pg_trgm, for JSON and arrays GIN; or the statement has its reasons to read all",
            })
            .costs("none before the statement or an index is changed")
            .confidence(Confidence::Low),
        )
    });
    unserved.collect()
}

/// An index that would spare reading a table from end to end: one, or one on each partition.
pub(super) fn missing_index(
    group: &[Candidate],
    root: &Node,
    trial: Option<Trial>,
) -> Option<AnalysisFinding> {
    let candidate = group.first()?;
    let table = candidate.known_table();
    let title = format!(
        "{table} is read from end to end: an index on ({}) would spare it",
        candidate.keys.join(", ")
    );
    let mut finding = AnalysisFinding::new("index-missing", Severity::Warning, table, title);
    let read: Option<f64> = group.iter().map(|one| one.read).sum();
    if let Some(read) = read {
        finding = finding.evidence("rows read", count(read));
    }
    let found: f64 = group.iter().map(|one| one.found).sum();
    finding = finding.evidence("rows found", count(found));
    finding = match trial {
        Some(trial) => finding
            .evidence("cost before", format!("{:.1}", trial.before))
            .evidence("cost after, at most", format!("{:.1}", trial.after))
            .evidence("tried out with", "hypopg")
            .confidence(Confidence::High),
        None => finding
            .evidence("cost before", format!("{:.1}", root.cost))
            .confidence(match read {
                Some(_) => Confidence::Medium,
                None => Confidence::Low,
            }),
    };
    let advice = match candidate.whole {
        Some(_) => {
            "build it; where writes cannot wait that long, build it CONCURRENTLY on each partition, create it ON ONLY the whole table, and attach them"
        }
        None => {
            "build it; outside of a transaction, and where that fails drop the invalid index that it leaves"
        }
    };
    let cure = format!("{};", candidate.cure());
    Some(finding.advice(advice).cure(cure, building(group, trial)))
}

/// What building these costs.
fn building(group: &[Candidate], trial: Option<Trial>) -> String {
    let is_partitioned = group.iter().any(|one| one.whole.is_some());
    let others = match is_partitioned {
        true => "writes to the table wait meanwhile",
        false => "lets others read and write",
    };
    let sizes: Option<Vec<(f64, f64)>> = group.iter().map(|one| one.bytes).collect();
    let Some(sizes) = sizes else {
        return format!(
            "reads the table twice; {others}; takes space, and each write costs a little more"
        );
    };
    let of_tables: f64 = sizes.iter().map(|(table, _)| table).sum();
    let estimated: f64 = sizes.iter().map(|(_, index)| index).sum();
    let space = trial.map_or(estimated, |trial| trial.bytes);
    format!(
        "reads the table twice ({}): {}; {others}; about {} of space, and each write costs a little more",
        bytes(of_tables),
        time_class(2.0 * of_tables),
        bytes(space)
    )
}
