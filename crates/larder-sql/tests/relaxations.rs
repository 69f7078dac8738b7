//! Each place where a test may break a rule about rows really breaks it.
#![cfg(feature = "failpoints")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use fail::FailScenario;
use larder_sql::catalog::{
    Catalog, CatalogSnapshot, Declarations, EXAMPLE_DOCUMENT, KeyKind, RowWrite,
};
use larder_sql::classify;
use serde_json::{Value, json};

const DELETE: &str = "delete from restaurants where id = $1";

/// What is said of the rows of `text`, over the document of the examples with `part` in it.
fn said(part: (&str, Value), text: &str) -> String {
    let mut document: Value = serde_json::from_str(EXAMPLE_DOCUMENT).unwrap();
    document[part.0] = part.1;
    let snapshot: CatalogSnapshot = serde_json::from_value(document).unwrap();
    let declarations = Declarations::new().triggers_write::<&str>("restaurants", []);
    let catalog = Catalog::new(snapshot, &declarations);
    let profile = classify(text);
    let read = catalog.row_read(&profile);
    match (read, catalog.row_write(&profile)) {
        (Some(read), _) => format!("reads {:?} {}", read.parameters, read.non_empty_proves_row),
        (_, Some(RowWrite::Rows(rows))) => format!("writes {:?}", rows.parameters),
        (_, Some(RowWrite::NewRows(_))) => "adds".to_owned(),
        _ => "any".to_owned(),
    }
}

/// What is said by the rules, and with the rule `name` broken.
#[track_caller]
fn changes(name: &str, part: (&str, Value), text: &str, by_rule: &str, relaxed: &str) {
    let scenario = FailScenario::setup();
    assert_eq!(said(part.clone(), text), by_rule, "{name}: {text}");
    fail::cfg(name, "return").unwrap();
    assert_eq!(said(part, text), relaxed, "{name}: {text}");
    scenario.teardown();
}

fn nothing() -> (&'static str, Value) {
    ("casts", json!([]))
}

#[test]
fn what_belongs_to_the_table() {
    let trigger = json!([{"table": 16500, "name": "t", "function": 17000, "events": 255}]);
    changes(
        "row-with-trigger",
        ("triggers", trigger),
        DELETE,
        "any",
        "writes [0]",
    );
    let rule = json!([{"table": 16500, "name": "r", "event": "4"}]);
    changes(
        "row-with-rule",
        ("rules", rule),
        DELETE,
        "any",
        "writes [0]",
    );
    let children = ("inheritance", json!([[16510, 16500]]));
    changes("row-with-children", children, DELETE, "any", "writes [0]");
    let key = json!([
        {"table": 16500, "column": "id", "type": 25, "deterministic": false, "sole": true}
    ]);
    changes(
        "row-any-collation",
        ("row_keys", key),
        DELETE,
        "any",
        "writes [0]",
    );
    let itself = json!([{"from": 16500, "to": 16500, "on_update": "a", "on_delete": "c"}]);
    changes(
        "row-cascading",
        ("foreign_keys", itself),
        DELETE,
        "any",
        "writes [0]",
    );
}

#[test]
fn what_stands_in_the_statement() {
    let update = "update restaurants set id = $1 where id = $2";
    changes("row-assigned-key", nothing(), update, "any", "writes [1]");
    let upsert = "insert into restaurants (id, name) values ($1, $2) \
                  on conflict (name) do update set city = 'x'";
    changes("row-any-conflict", nothing(), upsert, "any", "writes [0]");
    let insert = "insert into restaurants (name) values ($1)";
    changes("row-unknown-key", nothing(), insert, "adds", "writes []");
    for condition in [
        "id = $1 or name = $2",
        "parent in (select parent from restaurants where id = $1)",
    ] {
        let read = format!("select * from restaurants where {condition}");
        changes(
            "row-any-condition",
            nothing(),
            &read,
            "any",
            "reads [0] true",
        );
    }
    let joined =
        "select 1 from restaurants a join restaurants b on a.id = b.parent where b.id = $1";
    changes(
        "row-any-condition",
        nothing(),
        joined,
        "any",
        "reads [0] true",
    );
    let count = "select count(*) from restaurants where id = $1";
    // Its name is not among the functions of the document.
    let functions = json!({"immutable": "count", "stable": "", "volatile": ""});
    let functions = ("system_functions", functions);
    changes(
        "row-nonempty",
        functions,
        count,
        "reads [0] false",
        "reads [0] true",
    );
}

#[test]
fn the_bytes_of_a_key() {
    let scenario = FailScenario::setup();
    let small = 7_i16.to_be_bytes();
    assert_eq!(KeyKind::Integer.normalise(21, &small).unwrap().len(), 8);
    fail::cfg("row-as-bound", "return").unwrap();
    assert_eq!(KeyKind::Integer.normalise(21, &small).unwrap(), small);
    scenario.teardown();
}
