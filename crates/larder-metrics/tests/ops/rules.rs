//! Prometheus takes the rules, they do what their tests say, and each has one.

use std::collections::BTreeSet;

use yaml_rust2::Yaml;

use crate::tool::{promtool, said};
use crate::{documents, files, place, text};

fn paths(files: &[String]) -> Vec<String> {
    let paths = files.iter().map(|file| place(file));
    paths
        .map(|path| path.to_str().unwrap().to_owned())
        .collect()
}

fn passes(command: &[&str], files: &[String]) {
    let paths = paths(files);
    let arguments: Vec<&str> = command
        .iter()
        .copied()
        .chain(paths.iter().map(String::as_str))
        .collect();
    let output = promtool(&arguments, "");
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn promtool_takes_the_rules_and_the_configuration() {
    passes(&["check", "rules"], &files("prometheus", ".rules.yml"));
    passes(
        &["check", "config"],
        &["prometheus/prometheus.yml".to_owned()],
    );
}

#[test]
fn promtool_runs_the_tests_of_the_rules() {
    passes(&["test", "rules"], &files("prometheus/tests", ".test.yml"));
}

fn rules(kind: &str) -> Vec<Yaml> {
    let mut found = Vec::new();
    for file in files("prometheus", ".rules.yml") {
        for document in documents(&file) {
            for group in document["groups"].as_vec().unwrap() {
                let rules = group["rules"].as_vec().unwrap().iter();
                found.extend(rules.filter(|rule| !rule[kind].is_badvalue()).cloned());
            }
        }
    }
    found
}

#[test]
fn every_rule_has_a_test() {
    let mut tests = String::new();
    for file in files("prometheus/tests", ".test.yml") {
        tests += &text(&file);
    }
    for rule in rules("alert") {
        let name = rule["alert"].as_str().unwrap();
        let fires = format!("ALERTS{{alertname=\"{name}\", alertstate=\"firing\"");
        assert!(tests.contains(&fires), "no test in which {name} fires");
    }
    for rule in rules("record") {
        let name = rule["record"].as_str().unwrap();
        assert!(tests.contains(name), "no test of {name}");
    }
}

#[test]
fn every_alert_says_what_it_means_and_what_to_do() {
    let severities = BTreeSet::from(["critical", "info", "warning"]);
    let alerts = rules("alert");
    assert!(alerts.len() >= 10);
    for alert in alerts {
        let name = alert["alert"].as_str().unwrap();
        assert!(name.starts_with("Larder"), "{name}");
        let severity = alert["labels"]["severity"].as_str().unwrap_or_default();
        assert!(severities.contains(severity), "{name}: {severity}");
        for annotation in ["summary", "description", "action"] {
            let said = alert["annotations"][annotation].as_str();
            assert!(
                said.is_some_and(|said| said.len() > 20),
                "{name}: {annotation}"
            );
        }
    }
}
