//! Which expressions stand in `ops/`, and which metrics and labels they name.

use serde_json::Value;
use yaml_rust2::Yaml;

use crate::{documents, files, text};

/// An expression of PromQL and where it stands.
pub(crate) struct Expression {
    pub(crate) place: String,
    pub(crate) text: String,
}

/// A metric with the labels that are asked of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    pub(crate) metric: String,
    pub(crate) labels: Vec<String>,
}

/// All expressions: of rules, of their tests, of the dashboard.
pub(crate) fn all() -> Vec<Expression> {
    let mut found = of_rules();
    for file in files("prometheus/tests", ".yml") {
        for document in documents(&file) {
            collect_yaml(&document, &["expr", "series", "labels"], &file, &mut found);
        }
    }
    found.extend(of_dashboard());
    found
}

pub(crate) fn of_rules() -> Vec<Expression> {
    let mut found = Vec::new();
    for file in files("prometheus", ".rules.yml") {
        for document in documents(&file) {
            collect_yaml(&document, &["expr"], &file, &mut found);
        }
    }
    assert!(found.len() >= 20, "rules have {} expressions", found.len());
    found
}

pub(crate) fn of_dashboard() -> Vec<Expression> {
    let file = "grafana/larder.json";
    let board: Value = serde_json::from_str(&text(file)).unwrap();
    let mut found = Vec::new();
    collect_json(&board, file, &mut found);
    assert!(found.len() >= 20, "panels have {} queries", found.len());
    found
}

fn collect_yaml(value: &Yaml, keys: &[&str], place: &str, found: &mut Vec<Expression>) {
    if let Some(entries) = value.as_hash() {
        for (key, value) in entries {
            match (key.as_str(), value.as_str()) {
                (Some(key), Some(text)) if keys.contains(&key) => found.push(Expression {
                    place: place.to_owned(),
                    text: text.to_owned(),
                }),
                _ => collect_yaml(value, keys, place, found),
            }
        }
    }
    for value in value.as_vec().into_iter().flatten() {
        collect_yaml(value, keys, place, found);
    }
}

fn collect_json(value: &Value, place: &str, found: &mut Vec<Expression>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        match (key.as_str(), value.as_str()) {
            ("expr" | "definition", Some(text)) => found.push(Expression {
                place: place.to_owned(),
                text: text.to_owned(),
            }),
            _ => collect_json(value, place, found),
        }
    }
    for value in value.as_array().into_iter().flatten() {
        collect_json(value, place, found);
    }
}

/// The words of a text that may be metrics or labels.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .map(|word| word.trim_end_matches(':'))
        .filter(|word| !word.is_empty())
}

/// Whether a word has the form of one of our metrics or of a rule that records.
pub(crate) fn is_ours(word: &str) -> bool {
    ["db_", "larder_", "larder:"]
        .iter()
        .any(|beginning| word.starts_with(beginning))
}

/// Our metrics in an expression, each with the labels between the braces behind it.
pub(crate) fn selectors(expression: &str) -> Vec<Selector> {
    let mut found = Vec::new();
    let mut rest = without_strings(expression);
    for list in grouping(&rest) {
        rest = rest.replace(&list, "");
    }
    let mut rest = rest.as_str();
    while let Some(word) = words(rest).next() {
        let begin = rest.find(word).unwrap();
        let after = &rest[begin + word.len()..];
        let (inside, next) = match after.strip_prefix('{') {
            Some(inside) => inside.split_once('}').unwrap(),
            None => ("", after),
        };
        if is_ours(word) {
            let labels = inside.split(',').map(|matcher| matcher.trim());
            let labels = labels.map(|matcher| words(matcher).next().unwrap_or_default());
            found.push(Selector {
                metric: word.to_owned(),
                labels: labels
                    .filter(|label| !label.is_empty())
                    .map(str::to_owned)
                    .collect(),
            });
        }
        rest = next;
    }
    found
}

/// The lists of labels behind `by`, `on` and the like, parentheses included.
pub(crate) fn grouping(expression: &str) -> Vec<String> {
    let expression = without_strings(expression);
    let mut found = Vec::new();
    for keyword in ["by (", "without (", "on (", "ignoring ("] {
        let mut rest = expression.as_str();
        while let Some((_, after)) = rest.split_once(keyword) {
            let (list, next) = after.split_once(')').unwrap();
            found.push(format!("({list})"));
            rest = next;
        }
    }
    found
}

/// The expression with nothing between its quotes.
fn without_strings(expression: &str) -> String {
    let parts = expression.split('"');
    parts.step_by(2).collect::<Vec<_>>().join("\"\"")
}

#[test]
fn metrics_and_labels_are_found_in_expressions() {
    let text = r#"sum by (job, pool) (rate(db_a_total{x="db_no{", y=~".*"}[5m])) / larder:b:ratio{} > db_c"#;
    let selector = |metric: &str, labels: &[&str]| Selector {
        metric: metric.to_owned(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
    };
    assert_eq!(
        selectors(text),
        [
            selector("db_a_total", &["x", "y"]),
            selector("larder:b:ratio", &[]),
            selector("db_c", &[]),
        ]
    );
    assert_eq!(grouping(text), ["(job, pool)"]);
}
