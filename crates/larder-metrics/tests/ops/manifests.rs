//! The examples for Kubernetes and systemd hang together.

use std::collections::BTreeSet;

use yaml_rust2::Yaml;

use crate::{documents, text};

fn of_kind(documents: &[Yaml], kind: &str) -> Yaml {
    let found = documents
        .iter()
        .find(|document| document["kind"].as_str() == Some(kind));
    found.unwrap_or_else(|| panic!("no {kind}")).clone()
}

#[test]
fn probes_ask_what_they_are_for_at_a_port_that_is_there() {
    let deployment = of_kind(&documents("kubernetes/deployment.yml"), "Deployment");
    let pod = &deployment["spec"]["template"];
    let container = &pod["spec"]["containers"][0];
    let ports: BTreeSet<&str> = container["ports"]
        .as_vec()
        .unwrap()
        .iter()
        .map(|port| port["name"].as_str().unwrap())
        .collect();
    for (probe, path) in [
        ("startupProbe", "/livez"),
        ("livenessProbe", "/livez"),
        ("readinessProbe", "/readyz"),
    ] {
        let ask = &container[probe]["httpGet"];
        assert_eq!(ask["path"].as_str(), Some(path), "{probe}");
        assert!(ports.contains(ask["port"].as_str().unwrap()), "{probe}");
    }
}

#[test]
fn the_scrape_is_at_the_port_of_the_pages() {
    let all = documents("kubernetes/deployment.yml");
    let pod = of_kind(&all, "Deployment")["spec"]["template"].clone();
    let container = &pod["spec"]["containers"][0];
    let variables = container["env"].as_vec().unwrap();
    let address = variables
        .iter()
        .find(|variable| variable["name"].as_str() == Some("LARDER_ADMIN__ADDRESS"))
        .and_then(|variable| variable["value"].as_str())
        .unwrap();
    let (_, port) = address.rsplit_once(':').unwrap();
    let annotations = &pod["metadata"]["annotations"];
    assert_eq!(annotations["prometheus.io/port"].as_str(), Some(port));
    assert_eq!(annotations["prometheus.io/path"].as_str(), Some("/metrics"));

    let service = of_kind(&all, "Service");
    let monitor = of_kind(
        &documents("kubernetes/servicemonitor.yml"),
        "ServiceMonitor",
    );
    let endpoint = &monitor["spec"]["endpoints"][0];
    assert_eq!(endpoint["path"].as_str(), Some("/metrics"));
    let named = service["spec"]["ports"]
        .as_vec()
        .unwrap()
        .iter()
        .find(|known| known["name"] == endpoint["port"]);
    assert_eq!(named.unwrap()["port"].as_i64().unwrap().to_string(), port);
    assert_eq!(
        monitor["spec"]["selector"]["matchLabels"],
        service["metadata"]["labels"]
    );
}

#[test]
fn secrets_stand_in_no_example() {
    let deployment = of_kind(&documents("kubernetes/deployment.yml"), "Deployment");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    for variable in container["env"].as_vec().unwrap() {
        let name = variable["name"].as_str().unwrap();
        let is_secret = ["URL", "TOKEN"].iter().any(|end| name.ends_with(end));
        let from_secret = !variable["valueFrom"]["secretKeyRef"].is_badvalue();
        assert_eq!(is_secret, from_secret, "{name}");
    }
    let unit = text("systemd/restaurants.service");
    assert!(!unit.contains("Environment=DATABASE_URL"));
}

#[test]
fn the_unit_ends_the_service_as_it_wants_to_be_ended() {
    let unit = text("systemd/restaurants.service");
    let mut section = "";
    let mut seen = BTreeSet::new();
    for line in unit
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(name) = line.strip_prefix('[') {
            section = name.strip_suffix(']').unwrap();
            continue;
        }
        let (key, _) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
        seen.insert((section, key));
    }
    for expected in [
        ("Unit", "Description"),
        ("Service", "ExecStart"),
        ("Service", "TimeoutStopSec"),
        ("Service", "RestartPreventExitStatus"),
        ("Install", "WantedBy"),
    ] {
        assert!(seen.contains(&expected), "{expected:?}");
    }
}
