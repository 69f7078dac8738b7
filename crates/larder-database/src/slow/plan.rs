//! What the server says of a plan, without the values in it, and in lines for people.

use std::fmt::Write;

use larder_metrics::statements::PlanSnapshot;
use larder_sql::classify;
use serde_json::{Map, Value};

/// What of a plan never has a value in it. All other texts are taken for expressions.
const NAMES: &[&str] = &[
    "Alias",
    "CTE Name",
    "Cache Mode",
    "Command",
    "Custom Plan Provider",
    "Full-sort Methods",
    "Function Name",
    "Grouping Sets",
    "Index Name",
    "Join Type",
    "Node Type",
    "Operation",
    "Parent Relationship",
    "Partial Mode",
    "Relation Name",
    "Scan Direction",
    "Schema",
    "Sort Method",
    "Sort Space Type",
    "Strategy",
    "Subplan Name",
    "Trigger Name",
    "Tuplestore Name",
    // Of the server, not of the statement.
    "Settings",
];

/// What each node hands on, column by column: long, and of use to nobody here.
const LEFT_OUT: &str = "Output";

/// The plan that this JSON is; `None` if it is none.
pub(super) fn snapshot(json: &str, analyzed: bool, show_values: bool) -> Option<PlanSnapshot> {
    let mut json: Value = serde_json::from_str(json).ok()?;
    leave_out(&mut json);
    if !show_values {
        redact(&mut json);
    }
    let root = json.get(0)?.get("Plan")?.as_object()?;
    let mut text = String::new();
    write_node(root, 0, &mut text);
    let mut plan = PlanSnapshot::default();
    plan.at = chrono::Utc::now();
    plan.analyzed = analyzed;
    plan.text = text.trim_end().to_owned();
    plan.json = json;
    Some(plan)
}

/// Takes out of every node what nobody reads.
fn leave_out(json: &mut Value) {
    match json {
        Value::Array(items) => items.iter_mut().for_each(leave_out),
        Value::Object(fields) => {
            fields.remove(LEFT_OUT);
            fields.values_mut().for_each(leave_out);
        }
        _ => {}
    }
}

/// Puts `?` in place of every value in an expression.
fn redact(json: &mut Value) {
    match json {
        Value::String(text) => *text = classify(text).normalised.into_string(),
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Object(fields) => {
            for (name, value) in fields {
                if !NAMES.contains(&name.as_str()) {
                    redact(value);
                }
            }
        }
        _ => {}
    }
}

/// A node with what it does, and below it what feeds it.
fn write_node(node: &Map<String, Value>, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth * 2);
    let arrow = if depth == 0 { "" } else { "-> " };
    // Writing to a string does not fail, here and below.
    let _ = writeln!(text, "{indent}{arrow}{}{}", title(node), numbers(node));
    let indent = format!("{indent}{}", if depth == 0 { "  " } else { "     " });
    for (name, value) in node {
        if let Some(value) = detail(name, value) {
            let _ = writeln!(text, "{indent}{name}: {value}");
        }
    }
    let plans = node.get("Plans").and_then(Value::as_array);
    for plan in plans.into_iter().flatten().filter_map(Value::as_object) {
        write_node(plan, depth + 1, text);
    }
}

/// `Index Scan using restaurants_pkey on restaurants r`.
fn title(node: &Map<String, Value>) -> String {
    let field = |name: &str| node.get(name).and_then(Value::as_str);
    let mut title = field("Node Type").unwrap_or("?").to_owned();
    if let Some(operation) = field("Operation") {
        title = operation.to_owned();
    }
    if let Some(index) = field("Index Name") {
        let _ = write!(title, " using {index}");
    }
    let about = field("Relation Name")
        .or(field("CTE Name"))
        .or(field("Function Name"));
    if let Some(about) = about {
        let _ = write!(title, " on {about}");
    }
    if let Some(alias) = field("Alias").filter(|alias| Some(*alias) != about) {
        let _ = write!(title, " {alias}");
    }
    title
}

/// What it is expected to cost, and what it took where it was run.
fn numbers(node: &Map<String, Value>) -> String {
    let number = |name: &str| node.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let mut numbers = format!(
        "  (cost={:.2}..{:.2} rows={} width={})",
        number("Startup Cost"),
        number("Total Cost"),
        number("Plan Rows"),
        number("Plan Width"),
    );
    if node.contains_key("Actual Rows") {
        let _ = write!(
            numbers,
            " (actual time={:.3}..{:.3} rows={} loops={})",
            number("Actual Startup Time"),
            number("Actual Total Time"),
            number("Actual Rows"),
            number("Actual Loops"),
        );
    }
    numbers
}

/// What else is worth a line: conditions, keys, and what spilled or was thrown away.
fn detail(name: &str, value: &Value) -> Option<String> {
    const COUNTS: &[&str] = &[
        "Rows Removed by Filter",
        "Rows Removed by Index Recheck",
        "Rows Removed by Join Filter",
        "Temp Read Blocks",
        "Temp Written Blocks",
        "Heap Fetches",
        "Workers Planned",
    ];
    const WORDS: &[&str] = &["Sort Method", "Sort Space Type", "Join Type", "Strategy"];
    if name.ends_with("Cond") || name.ends_with("Filter") && !COUNTS.contains(&name) {
        return Some(value.as_str()?.to_owned());
    }
    if name.ends_with(" Key") {
        let keys = value.as_array()?.iter().filter_map(Value::as_str);
        return Some(keys.collect::<Vec<_>>().join(", "));
    }
    if COUNTS.contains(&name) {
        let count = value.as_i64()?;
        return (count > 0).then(|| count.to_string());
    }
    WORDS
        .contains(&name)
        .then(|| value.as_str().map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    const PLAN: &str = r#"[{"Plan": {"Node Type": "Sort", "Startup Cost": 10.5, "Total Cost": 11,
        "Plan Rows": 3, "Plan Width": 8, "Output": ["r.name", "'secret'::text"], "Sort Key": ["r.name", "(r.rank + 7)"], "Plans": [
        {"Node Type": "Index Scan", "Parent Relationship": "Outer", "Index Name": "r_pkey",
         "Relation Name": "Restaurants", "Schema": "Shop", "Alias": "r", "Output": ["r.name"], "Startup Cost": 0, "Total Cost": 8.29,
         "Plan Rows": 1, "Plan Width": 8, "Index Cond": "(id = ANY ('{1,2}'::bigint[]))",
         "Filter": "((name)::text = 'Ada''s secret'::text)", "Rows Removed by Filter": 0}]},
        "Settings": {"work_mem": "64MB"}}]"#;

    #[test]
    fn no_value_is_left_and_all_names_are() {
        let plan = snapshot(PLAN, false, false).unwrap();
        let json = plan.json.to_string();
        for value in ["secret", "Ada", "{1,2}", "+ 7"] {
            assert!(!json.contains(value), "{json}");
            assert!(!plan.text.contains(value), "{}", plan.text);
        }
        let scan = &plan.json[0]["Plan"]["Plans"][0];
        assert_eq!(scan["Relation Name"], "Restaurants");
        assert_eq!(scan["Schema"], "Shop");
        assert!(!json.contains("Output"), "{json}");
        assert_eq!(scan["Index Cond"], "(id = any (?::bigint[]))");
        assert_eq!(scan["Total Cost"], 8.29);
        assert_eq!(plan.json[0]["Settings"]["work_mem"], "64MB");
    }

    #[test]
    fn values_stay_where_they_may_be_shown() {
        let plan = snapshot(PLAN, true, true).unwrap();
        assert!(plan.analyzed);
        assert!(plan.text.contains("Ada''s secret"), "{}", plan.text);
    }

    #[test]
    fn the_text_has_a_line_for_each_node_and_below_it_what_feeds_it() {
        let plan = snapshot(PLAN, false, false).unwrap();
        let lines: Vec<&str> = plan.text.lines().collect();
        assert_eq!(lines[0], "Sort  (cost=10.50..11.00 rows=3 width=8)");
        assert_eq!(lines[1], "  Sort Key: r.name, (r.rank + ?)");
        assert_eq!(
            lines[2],
            "    -> Index Scan using r_pkey on Restaurants r  (cost=0.00..8.29 rows=1 width=8)"
        );
        assert!(
            lines[3..]
                .iter()
                .any(|line| line.contains("Index Cond: (id = any"))
        );
        assert!(!plan.text.contains("Removed"), "{}", plan.text);
    }

    #[test]
    fn what_is_no_plan_is_none() {
        for text in ["", "[]", "{}", "[{\"Plan\": 7}]", "Seq Scan on restaurants"] {
            assert_eq!(snapshot(text, false, false), None, "{text}");
        }
    }
}
