//! Tests of the form that monitoring systems read.

use std::sync::Arc;

use serde_json::json;

use crate::{Finding, HealthMonitor, Hysteresis, MonitorOptions, Probe, probe};

fn monitor(probes: Vec<Arc<dyn Probe>>) -> HealthMonitor {
    let options = MonitorOptions {
        hysteresis: Hysteresis::IMMEDIATE,
        ..MonitorOptions::default()
    };
    HealthMonitor::new(options, probes)
}

#[tokio::test(start_paused = true)]
async fn each_probe_is_a_check_by_component_and_measurement() {
    let database = probe("database", || async {
        Finding::failed("refused")
            .observing(3.0, "ms")
            .curing("start it")
    });
    let cache = probe("cache", || async {
        Finding::warning("cold")
            .observing(12.5, "%")
            .measured("hitRate")
    });
    let follower = probe("follower", || async { Finding::degraded("late") });
    let replicas = probe("replicas", || async { Finding::unknown("none") });
    let monitor = monitor(vec![
        Arc::new(database.explaining(["follower"])),
        Arc::new(cache),
        Arc::new(follower),
        Arc::new(replicas),
    ]);
    assert_eq!(monitor.report().as_health_json()["status"], "warn");
    let report = monitor.check_now().await;
    let time = report.last_check;
    assert_eq!(
        report.as_health_json(),
        json!({
            "status": "warn",
            "output": "database: refused",
            "notes": ["start it"],
            "checks": {
                "database:responseTime": [{
                    "componentType": "datastore",
                    "observedValue": 3.0,
                    "observedUnit": "ms",
                    "status": "warn",
                    "time": time,
                    "output": "refused",
                    "cure": "start it",
                }],
                "cache:hitRate": [{
                    "componentType": "datastore",
                    "observedValue": 12.5,
                    "observedUnit": "%",
                    "status": "pass",
                    "time": time,
                    "output": "cold",
                }],
                "follower:status": [{
                    "componentType": "datastore",
                    "status": "warn",
                    "time": time,
                    "output": "late",
                    "follows": "database",
                }],
                "replicas:status": [{
                    "componentType": "datastore",
                    "time": time,
                    "output": "none",
                }],
            },
        })
    );
    monitor.check_now().await;
    let report = monitor.check_now().await;
    assert_eq!(report.as_health_json()["status"], "fail");
}

#[tokio::test(start_paused = true)]
async fn what_is_well_passes_without_output() {
    let database = probe("database", || async { Finding::healthy() });
    let report = monitor(vec![Arc::new(database)]).check_now().await;
    let json = report.as_health_json();
    assert_eq!(json["status"], "pass");
    assert_eq!((json.get("output"), &json["notes"]), (None, &json!([])));
}
