//! A plan and its nodes.

use serde::Deserialize;
use serde_json::Value;

/// A node of a plan. What is not said of a kind of node is `None` or empty.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Node {
    #[serde(rename = "Node Type")]
    pub(super) kind: String,
    #[serde(rename = "Relation Name")]
    pub(super) relation: Option<String>,
    /// There with VERBOSE.
    #[serde(rename = "Schema")]
    pub(super) schema: Option<String>,
    #[serde(rename = "Alias")]
    pub(super) alias: Option<String>,
    #[serde(rename = "Index Name")]
    pub(super) index: Option<String>,
    #[serde(rename = "Total Cost")]
    pub(super) cost: f64,
    #[serde(rename = "Plan Rows")]
    pub(super) rows: f64,
    #[serde(rename = "Plan Width")]
    pub(super) width: f64,
    /// There with ANALYZE, for each loop.
    #[serde(rename = "Actual Rows")]
    pub(super) actual_rows: Option<f64>,
    #[serde(rename = "Actual Loops")]
    pub(super) loops: Option<f64>,
    #[serde(rename = "Rows Removed by Filter")]
    pub(super) removed: Option<f64>,
    #[serde(rename = "Filter")]
    pub(super) filter: Option<String>,
    #[serde(rename = "Index Cond")]
    pub(super) index_condition: Option<String>,
    #[serde(rename = "Hash Cond")]
    pub(super) hash_condition: Option<String>,
    #[serde(rename = "Sort Key")]
    pub(super) sort_keys: Vec<String>,
    /// `Disk` or `Memory`.
    #[serde(rename = "Sort Space Type")]
    pub(super) sort_space: Option<String>,
    /// In KiB, as the others.
    #[serde(rename = "Sort Space Used")]
    pub(super) sort_used: Option<f64>,
    #[serde(rename = "Hash Batches")]
    pub(super) hash_batches: Option<f64>,
    #[serde(rename = "HashAgg Batches")]
    pub(super) aggregate_batches: Option<f64>,
    #[serde(rename = "Peak Memory Usage")]
    pub(super) peak_memory: Option<f64>,
    #[serde(rename = "Disk Usage")]
    pub(super) disk: Option<f64>,
    #[serde(rename = "Plans")]
    pub(super) children: Vec<Self>,
}

impl Node {
    /// The root of what EXPLAIN gives: a list of one plan, a plan, or a node itself.
    pub(super) fn root(explained: &Value) -> Option<Self> {
        let plan = match explained {
            Value::Array(plans) => plans.first()?,
            plan => plan,
        };
        let node = plan.get("Plan").unwrap_or(plan);
        node.get("Node Type")?;
        serde_json::from_value(node.clone()).ok()
    }

    /// It and all beneath it.
    pub(super) fn all(&self) -> Vec<&Self> {
        let mut nodes = vec![self];
        let mut next = 0;
        while let Some(node) = nodes.get(next).copied() {
            nodes.extend(&node.children);
            next += 1;
        }
        nodes
    }

    pub(super) fn is_sequential_scan(&self) -> bool {
        self.kind == "Seq Scan" && self.relation.is_some()
    }

    /// The name by which conditions speak of the relation.
    pub(super) fn name(&self) -> Option<&str> {
        self.alias.as_deref().or(self.relation.as_deref())
    }

    /// How many rows it read, where it was run.
    pub(super) fn rows_read(&self) -> Option<f64> {
        Some(self.actual_rows? + self.removed.unwrap_or_default())
    }

    /// Whether any index of this name is used.
    pub(super) fn uses_index(&self, name: &str) -> bool {
        let is_of = |node: &&Self| node.index.as_deref() == Some(name);
        self.all().iter().any(is_of)
    }
}
