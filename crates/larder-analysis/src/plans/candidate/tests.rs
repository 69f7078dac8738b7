//! Which index is proposed for which plan.

use serde_json::{Value, json};

use super::*;
use crate::plans::tables::Column;

fn scan(filter: &str, rows: f64) -> Value {
    json!({
        "Node Type": "Seq Scan", "Relation Name": "orders", "Schema": "shop", "Alias": "o",
        "Total Cost": 5000.0, "Plan Rows": rows, "Plan Width": 50, "Filter": filter,
    })
}

fn orders() -> Tables {
    let columns = vec![
        Column::of("customer_id", "bigint", 1_000.0),
        Column::of("status", "character varying", 4.0),
        Column::of("created_at", "timestamp with time zone", -1.0),
        Column::of("shipped_at", "timestamp with time zone", -0.9).with_nulls(0.05),
        Column::of("paid", "boolean", 2.0).with_trues(0.95),
        Column::of("id", "bigint", -1.0),
    ];
    let mut table = Table::with(100_000.0, columns);
    table.indexes = vec![vec!["id".to_owned()]];
    Tables::knowing("shop", "orders", table)
}

fn proposed(plan: Value, tables: &Tables) -> Vec<String> {
    let root = Node::root(&json!([{ "Plan": plan }])).unwrap();
    let found = candidates(&root, tables, &Thresholds::default());
    found.iter().map(|one| one.sql("")).collect()
}

#[test]
fn equality_comes_first_with_most_values_before_the_others() {
    let filter = "((o.created_at > $3) AND ((o.status)::text = $2) AND (o.customer_id = $1))";
    let expected = "CREATE INDEX ON shop.orders (customer_id, status, created_at)";
    assert_eq!(proposed(scan(filter, 10.0), &orders()), [expected]);
}

#[test]
fn what_few_rows_have_bounds_the_index() {
    let filter = "((o.shipped_at IS NULL) AND (NOT o.paid) AND (o.customer_id = $1))";
    let expected =
        "CREATE INDEX ON shop.orders (customer_id) WHERE shipped_at IS NULL AND NOT paid";
    assert_eq!(proposed(scan(filter, 2.0), &orders()), [expected]);
    // That most rows have says nothing.
    let filter = "(o.paid AND (o.customer_id = $1))";
    let expected = "CREATE INDEX ON shop.orders (customer_id)";
    assert_eq!(proposed(scan(filter, 90.0), &orders()), [expected]);
    let alone = "CREATE INDEX ON shop.orders (shipped_at) WHERE shipped_at IS NULL";
    assert_eq!(
        proposed(scan("(o.shipped_at IS NULL)", 5000.0), &orders()),
        [alone]
    );
}

#[test]
fn a_sort_with_a_limit_follows_what_is_equal() {
    let sort = json!({ "Node Type": "Sort", "Sort Key": ["o.created_at DESC"],
        "Plans": [scan("(o.customer_id = $1)", 100.0)] });
    let expected = "CREATE INDEX ON shop.orders (customer_id, created_at DESC)";
    let limited = json!({ "Node Type": "Limit", "Plans": [sort] });
    assert_eq!(proposed(limited, &orders()), [expected]);
    // Without a limit all rows are sorted anyway.
    let expected = "CREATE INDEX ON shop.orders (customer_id)";
    assert_eq!(proposed(sort, &orders()), [expected]);
}

#[test]
fn a_join_with_few_rows_looks_for_the_others() {
    let few = json!({ "Node Type": "Seq Scan", "Relation Name": "chosen", "Alias": "c",
        "Plan Rows": 5, "Total Cost": 1.0 });
    let join = json!({ "Node Type": "Hash Join", "Hash Cond": "(o.customer_id = c.id)",
        "Plans": [scan("", 100_000.0), { "Node Type": "Hash", "Plan Rows": 5, "Plans": [few] }] });
    let expected = "CREATE INDEX ON shop.orders (customer_id)";
    assert_eq!(proposed(join, &orders()), [expected]);
}

#[test]
fn nothing_is_proposed_that_would_not_help() {
    let nothing: [String; 0] = [];
    // Most rows are read.
    assert_eq!(
        proposed(scan("(o.created_at > $1)", 50_000.0), &orders()),
        nothing
    );
    // There is an index, and the planner has its reasons.
    assert_eq!(proposed(scan("(o.id = $1)", 1.0), &orders()), nothing);
    // A number that is compared as a text.
    assert_eq!(
        proposed(scan("((o.customer_id)::text = $1)", 1.0), &orders()),
        nothing
    );
    // A small table.
    let small = Tables::knowing("shop", "orders", Table::with(500.0, Vec::new()));
    assert_eq!(proposed(scan("(o.customer_id = $1)", 1.0), &small), nothing);
}

#[test]
fn without_a_catalog_the_plan_alone_decides() {
    let plan = scan("((o.\"Owner\" = 7) AND (o.created_at > $1))", 10.0);
    let expected = "CREATE INDEX ON shop.orders (\"Owner\", created_at)";
    assert_eq!(proposed(plan, &Tables::default()), [expected]);
}
