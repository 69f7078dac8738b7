//! Statements that give far more or fewer rows than the planner expects of them.

use super::advice::Ground;
use super::node::Node;
use crate::identifier::qualified;
use crate::quantity::count;
use crate::{AnalysisFinding, Confidence, Severity};

/// Whether the planner has facts for its estimates without values. Of what is greater than any value
/// it expects a third, of `ANY` ten values: that says nothing.
fn is_estimated(root: &Node) -> bool {
    let is_guess = |text: &String| {
        text.contains('$') && (text.contains(['<', '>', '~', '@', '?']) || text.contains("ANY"))
    };
    let nodes = root.all().into_iter();
    let mut conditions = nodes.flat_map(|node| [&node.filter, &node.index_condition]);
    !conditions.any(|text| text.as_ref().is_some_and(is_guess))
}

/// Whether the statement gives far more or fewer rows than the planner expects of any values.
pub(super) fn off(
    calls: i64,
    rows: i64,
    root: &Node,
    ground: &Ground<'_>,
) -> Option<AnalysisFinding> {
    const MANY: f64 = 1_000.0;
    let thresholds = ground.thresholds;
    let is_read = root
        .all()
        .iter()
        .all(|node| !matches!(node.kind.as_str(), "ModifyTable" | "Limit"));
    if calls < thresholds.statement_calls || !is_read || !is_estimated(root) {
        return None;
    }
    let real = rows as f64 / calls as f64;
    let (less, more) = (real.min(root.rows).max(1.0), real.max(root.rows));
    // What is expected of any values is rougher than what is expected of one.
    if more < MANY || more / less < 10.0 * thresholds.estimate_factor {
        return None;
    }
    let relations = root.all().into_iter().filter_map(|node| {
        let relation = node.relation.as_deref()?;
        Some(qualified(node.schema.as_deref(), relation))
    });
    let tables: Vec<String> = relations.collect();
    let title = format!(
        "the planner expects {} rows of a statement that gives {}",
        count(root.rows),
        count(real)
    );
    let finding = AnalysisFinding::new("plan-row-estimate", Severity::Notice, tables.join(", "), title)
        .evidence("expected", count(root.rows))
        .evidence("real, in the mean", count(real))
        .advice("let the server learn the values again; where that changes nothing, run it with --run and usual values to see which table it is")
        .confidence(Confidence::Low);
    Some(finding.cure(
        format!("ANALYZE {};", tables.join(", ")),
        "seconds: it reads a sample; lets others read and write",
    ))
}
