//! The report in the form `application/health+json`, which monitoring systems read.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::{HealthReport, ProbeReport, Status};

#[cfg(test)]
mod tests;

#[derive(Serialize)]
struct Document<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    notes: Vec<String>,
    checks: BTreeMap<String, [Check<'a>; 1]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Check<'a> {
    component_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_unit: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cure: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    follows: Option<&'a str>,
}

impl HealthReport {
    /// The media type of [`as_health_json`](Self::as_health_json).
    pub const MEDIA_TYPE: &'static str = "application/health+json";

    /// The report in the form `application/health+json`: `status` is `pass` for healthy, `warn` for
    /// degraded and while nothing is known, `fail` for unhealthy and critical; `output` has the
    /// causes, `notes` their cures, and `checks` what each probe found, by
    /// `component:measurement`.
    #[must_use]
    pub fn as_health_json(&self) -> Value {
        let causes: Vec<String> = self
            .causes
            .iter()
            .map(|cause| format!("{}: {}", cause.probe, cause.reason))
            .collect();
        let cures = self.causes.iter().filter_map(|cause| cause.cure.clone());
        let document = Document {
            status: word(self.status).unwrap_or("warn"),
            output: (!causes.is_empty()).then(|| causes.join("; ")),
            notes: cures.collect(),
            checks: self
                .probes
                .iter()
                .map(|probe| (key(probe), [check(probe, self.last_check)]))
                .collect(),
        };
        // There is nothing in it that is no JSON.
        serde_json::to_value(document).unwrap_or_default()
    }
}

fn word(status: Status) -> Option<&'static str> {
    match status {
        Status::Unknown => None,
        Status::Healthy => Some("pass"),
        Status::Degraded => Some("warn"),
        Status::Unhealthy | Status::Critical => Some("fail"),
    }
}

/// `component:measurement`.
fn key(probe: &ProbeReport) -> String {
    let by_unit = |unit| match unit {
        "ms" | "s" => "responseTime",
        "%" => "utilization",
        "bytes" => "size",
        _ => "count",
    };
    let measurement = probe.observed.map(|observed| {
        observed
            .measurement
            .unwrap_or_else(|| by_unit(observed.unit))
    });
    format!("{}:{}", probe.name, measurement.unwrap_or("status"))
}

fn check(probe: &ProbeReport, time: Option<DateTime<Utc>>) -> Check<'_> {
    let unit = probe.observed.map(|observed| observed.unit);
    Check {
        component_type: match probe.name.as_str() {
            "process" => "system",
            _ => "datastore",
        },
        observed_value: probe.observed.map(|observed| observed.value),
        observed_unit: unit.filter(|unit| !unit.is_empty()),
        status: word(probe.status),
        time,
        output: probe.reason.as_deref(),
        cure: probe.cure.as_deref(),
        follows: probe.follows.as_deref(),
    }
}
