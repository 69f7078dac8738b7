//! Every metric and every label that is used in `ops/` is in the table, or is what a rule records.

use std::collections::BTreeSet;

use larder_metrics::names::{ALL, LABELS};
use larder_metrics::{Definition, Kind};

use crate::expressions::{self, Selector};
use crate::{documents, files, text};

/// The labels that Prometheus itself adds.
const OF_PROMETHEUS: [&str; 2] = ["job", "instance"];

/// What rules record.
fn recorded() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files("prometheus", ".rules.yml") {
        for document in documents(&file) {
            for group in document["groups"].as_vec().unwrap() {
                let rules = group["rules"].as_vec().unwrap().iter();
                names.extend(rules.filter_map(|rule| rule["record"].as_str().map(str::to_owned)));
            }
        }
    }
    names
}

/// The metric of this name in the exposition, where a histogram has three.
fn exposed(name: &str) -> Option<(&'static Definition, &'static str)> {
    let known = |name: &str| ALL.iter().find(|known| known.name == name);
    if let Some(definition) = known(name) {
        return Some((definition, ""));
    }
    ["_bucket", "_sum", "_count"]
        .into_iter()
        .find_map(|suffix| {
            let definition = known(name.strip_suffix(suffix)?)?;
            let is_histogram = matches!(definition.kind, Kind::Histogram(_));
            is_histogram.then_some((definition, suffix))
        })
}

/// What is wrong with a selector.
fn fault(selector: &Selector, recorded: &BTreeSet<String>) -> Option<String> {
    let Selector { metric, labels } = selector;
    let known: Vec<&str> = if recorded.contains(metric) {
        LABELS.iter().map(|label| label.name).collect()
    } else {
        let Some((definition, suffix)) = exposed(metric) else {
            return Some(format!("{metric} is not in the table"));
        };
        if matches!(definition.kind, Kind::Histogram(_)) && suffix.is_empty() {
            return Some(format!("{metric} has no series: it is a histogram"));
        }
        let bound = (suffix == "_bucket").then_some("le");
        definition.labels.iter().copied().chain(bound).collect()
    };
    let unknown = labels
        .iter()
        .find(|label| !known.contains(&label.as_str()) && !OF_PROMETHEUS.contains(&label.as_str()));
    unknown.map(|label| format!("{metric} has no label {label}"))
}

#[test]
fn every_metric_and_label_in_an_expression_is_there() {
    let recorded = recorded();
    let mut used = 0;
    for expression in expressions::all() {
        for selector in expressions::selectors(&expression.text) {
            used += 1;
            if let Some(fault) = fault(&selector, &recorded) {
                panic!("{}: {fault}: {}", expression.place, expression.text);
            }
        }
        for list in expressions::grouping(&expression.text) {
            for label in expressions::words(&list) {
                let is_known = LABELS.iter().any(|known| known.name == label);
                assert!(
                    is_known || label == "le" || OF_PROMETHEUS.contains(&label),
                    "{}: nothing has the label {label}",
                    expression.place
                );
            }
        }
    }
    assert!(used >= 100, "{used}");
}

#[test]
fn every_metric_in_a_text_is_there() {
    let recorded = recorded();
    let mut seen = files("prometheus", ".yml");
    seen.extend(files("prometheus/tests", ".yml"));
    seen.extend(files("kubernetes", ".yml"));
    seen.extend(["README.md".to_owned(), "grafana/larder.json".to_owned()]);
    for file in seen {
        for word in expressions::words(&text(&file)) {
            let is_label = LABELS.iter().any(|label| label.name == word);
            if expressions::is_ours(word) && !is_label {
                let is_known = recorded.contains(word) || exposed(word).is_some();
                assert!(is_known, "{file}: {word} is not in the table");
            }
        }
    }
}

#[test]
fn what_is_recorded_is_used_and_has_what_operators_ask_for() {
    let recorded = recorded();
    for name in [
        "larder:statement_errors:ratio_rate5m",
        "larder:pool_utilisation:ratio",
    ] {
        assert!(recorded.contains(name), "{name}");
    }
    let mut used: BTreeSet<String> = BTreeSet::new();
    let expressions = expressions::of_rules().into_iter();
    for expression in expressions.chain(expressions::of_dashboard()) {
        let selectors = expressions::selectors(&expression.text).into_iter();
        used.extend(selectors.map(|selector| selector.metric));
    }
    for name in recorded {
        assert!(used.contains(&name), "nobody uses {name}");
    }
}

#[test]
fn a_wrong_name_or_label_is_told() {
    let recorded = BTreeSet::from(["larder:x:ratio".to_owned()]);
    let fault = |text: &str| fault(&expressions::selectors(text)[0], &recorded);
    assert_eq!(fault(r#"db_client_connection_count{state="used"}"#), None);
    assert_eq!(fault(r#"larder:x:ratio{pool="main", job="larder"}"#), None);
    assert_eq!(
        fault("db_client_connection_wait_time_seconds_bucket{le=\"1\"}"),
        None
    );
    for (text, expected) in [
        ("larder_sessions_count", "is not in the table"),
        ("larder:y:ratio", "is not in the table"),
        ("larder_redis_available{pool=\"main\"}", "has no label pool"),
        ("larder_redis_available_bucket", "is not in the table"),
        ("db_client_connection_use_time_seconds", "has no series"),
    ] {
        assert!(fault(text).unwrap().contains(expected), "{text}");
    }
}
