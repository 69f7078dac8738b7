//! What is found in plans as `EXPLAIN` gives them.

use serde_json::json;

use super::*;

#[test]
fn what_is_no_plan_has_no_findings() {
    for value in [
        json!(null),
        json!([]),
        json!({"a": 1}),
        json!([{"Plan": {}}]),
        json!("Seq Scan"),
    ] {
        assert_eq!(plan_advice(&value), [], "{value}");
    }
    let fine = json!([{ "Plan": { "Node Type": "Index Scan", "Index Name": "orders_pkey",
        "Relation Name": "orders", "Total Cost": 8.3, "Plan Rows": 1, "Plan Width": 60 } }]);
    assert_eq!(plan_advice(&fine), []);
}

#[test]
fn a_sort_that_spilled_is_told_with_its_cure() {
    let plan = |space: &str, used: u32| {
        json!([{ "Plan": { "Node Type": "Sort", "Sort Key": ["orders.total"], "Plan Rows": 100000,
            "Plan Width": 20, "Actual Rows": 100000, "Actual Loops": 1,
            "Sort Space Type": space, "Sort Space Used": used } }])
    };
    let found = plan_advice(&plan("Disk", 2952));
    assert_eq!(found[0].code, "plan-sort-spills");
    assert!(
        found[0].advice.contains("SET LOCAL work_mem = '16MB'"),
        "{found:?}"
    );
    // Set for everybody, each sort of each session takes as much.
    assert_eq!(found[0].cure_sql, None);
    assert_eq!(plan_advice(&plan("Memory", 2952)), []);
    // No sensible setting holds a sort of that size.
    let large = plan_advice(&plan("Disk", 4_000_000));
    assert!(!large[0].advice.contains("SET LOCAL"), "{large:?}");
}

#[test]
fn hashes_that_spilled_are_told() {
    let join = json!([{ "Plan": { "Node Type": "Hash", "Hash Batches": 8, "Original Hash Batches": 8,
        "Peak Memory Usage": 3800, "Plan Rows": 500000, "Plan Width": 8 } }]);
    assert_eq!(plan_advice(&join)[0].code, "plan-hash-spills");
    let aggregate = json!([{ "Plan": { "Node Type": "Aggregate", "HashAgg Batches": 5,
        "Disk Usage": 9000, "Peak Memory Usage": 4000, "Plan Rows": 500000 } }]);
    assert_eq!(plan_advice(&aggregate)[0].code, "plan-hash-spills");
}

#[test]
fn estimates_far_off_are_told_unless_somebody_stopped_early() {
    let scan = json!({ "Node Type": "Index Scan", "Relation Name": "people", "Schema": "public",
        "Alias": "people", "Index Name": "i", "Index Cond": "(people.city = 'Rome'::text)",
        "Filter": "(people.\"Land\" = 'Italy'::text)", "Total Cost": 100.0, "Plan Rows": 10,
        "Actual Rows": 5000, "Actual Loops": 1 });
    let found = plan_advice(&json!([{ "Plan": scan }]));
    assert_eq!(found[0].code, "plan-row-estimate");
    let cure = found[0].cure_sql.as_deref().unwrap();
    let expected = "CREATE STATISTICS \"people_Land_city_stats\" (dependencies, ndistinct, mcv) \
                    ON \"Land\", city FROM public.people;\nANALYZE public.people;";
    assert_eq!(cure, expected);
    // It expected more than a LIMIT let it read.
    let stopped = json!({ "Node Type": "Limit", "Actual Rows": 1, "Plans": [{
        "Node Type": "Index Scan", "Relation Name": "people", "Plan Rows": 100000,
        "Actual Rows": 1, "Actual Loops": 1 }] });
    assert_eq!(plan_advice(&json!([{ "Plan": stopped }])), []);
}

#[test]
fn of_a_table_that_nobody_knows_it_is_told_in_words_what_might_help() {
    let scan = |filter: &str, rows: f64| {
        json!([{ "Plan": { "Node Type": "Seq Scan", "Relation Name": "orders", "Alias": "orders",
            "Total Cost": 4500.0, "Plan Rows": rows, "Plan Width": 60, "Filter": filter } }])
    };
    let found = plan_advice(&scan("(created_at > ?)", 20.0));
    let codes: Vec<&str> = found.iter().map(|one| one.code).collect();
    assert_eq!(codes, ["plan-sequential-scan"]);
    assert!(found[0].advice.contains("(created_at) might"), "{found:?}");
    assert_eq!(found[0].cure_sql, None);
    assert_eq!(found[0].confidence, Confidence::Low);
    // Of some 200,000 rows most are wanted.
    assert_eq!(plan_advice(&scan("(created_at > ?)", 180_000.0)), []);
    // A number that is compared as a text, or a text: no index on it may serve.
    assert_eq!(plan_advice(&scan("((id)::text = ?)", 1.0)), []);
}
