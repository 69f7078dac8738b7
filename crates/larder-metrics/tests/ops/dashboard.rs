//! The dashboard is one that Grafana can show: panels side by side, queries that Prometheus takes.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::Value;

use crate::tool::{promtool, said};
use crate::{expressions, text};

fn board() -> Value {
    serde_json::from_str(&text("grafana/larder.json")).unwrap()
}

fn panels(board: &Value) -> &Vec<Value> {
    board["panels"].as_array().unwrap()
}

#[test]
fn panels_have_numbers_titles_and_places_of_their_own() {
    let board = board();
    let mut numbers = BTreeSet::new();
    let mut places = BTreeSet::new();
    for panel in panels(&board) {
        let title = panel["title"].as_str().unwrap();
        assert!(!title.is_empty());
        assert!(numbers.insert(panel["id"].as_u64().unwrap()), "{title}");
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(side("x") + side("w") <= 24, "{title}");
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(places.insert((x, y)), "{title} lies on another panel");
            }
        }
    }
    assert!(numbers.len() >= 20);
}

#[test]
fn panels_ask_the_data_source_that_is_chosen() {
    let board = board();
    for panel in panels(&board) {
        let title = &panel["title"];
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            assert!(target["expr"].as_str().is_some(), "{title}");
        }
    }
}

#[test]
fn variables_that_are_used_are_there() {
    let board = board();
    let variables = board["templating"]["list"].as_array().unwrap().iter();
    let known: BTreeSet<&str> = variables
        .map(|known| known["name"].as_str().unwrap())
        .collect();
    let page = text("grafana/larder.json");
    let mut used = 0;
    for (at, _) in page.match_indices('$') {
        let rest = page[at + 1..].trim_start_matches('{');
        let name = expressions::words(rest).next().unwrap();
        // Grafana's own begin like that.
        if !name.starts_with("__") {
            used += 1;
            assert!(known.contains(name), "{name}");
        }
    }
    assert!(used > known.len());
}

/// Queries cannot be checked by themselves, rules can.
#[test]
fn prometheus_takes_the_queries() {
    let mut rules = "groups:\n- name: queries\n  rules:\n".to_owned();
    for (number, expression) in expressions::of_dashboard().iter().enumerate() {
        let query = expression.text.replace("$__rate_interval", "5m");
        if !query.starts_with("label_values") {
            let quoted = serde_json::to_string(&query).unwrap();
            writeln!(rules, "  - {{record: query_{number}, expr: {quoted}}}").unwrap();
        }
    }
    let file = std::env::temp_dir().join(format!("larder-queries-{}.yml", std::process::id()));
    std::fs::write(&file, rules).unwrap();
    let output = promtool(&["check", "rules", file.to_str().unwrap()], "");
    std::fs::remove_file(file).unwrap();
    assert!(output.status.success(), "{}", said(&output));
}
