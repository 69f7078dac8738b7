//! What load balancers and Kubernetes ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State as Given;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use larder_health::{HealthReport, ProbeReport, Status};
use serde::Serialize;

use crate::admin::State;

const PLAIN: [(header::HeaderName, &str); 1] =
    [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];

/// The process serves: it is answering.
pub(super) async fn livez() -> impl IntoResponse {
    (PLAIN, "alive\n")
}

/// Whether requests should be sent here. One word: anybody may ask.
pub(super) async fn readyz(Given(state): Given<Arc<State>>) -> impl IntoResponse {
    if state.is_stopped() {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            PLAIN,
            "shutting down\n".to_owned(),
        );
    }
    let status = state.parts.monitor.status();
    (code(status), PLAIN, format!("{status}\n"))
}

/// The full report, as `draft-inadarei-api-health-check` has it.
pub(super) async fn healthz(Given(state): Given<Arc<State>>) -> Response {
    let report = state.parts.monitor.report();
    let code = code(report.status);
    let mut response = (code, axum::Json(Document::of(&state, &report))).into_response();
    let content_type = HeaderValue::from_static("application/health+json");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

fn code(status: Status) -> StatusCode {
    match status.is_ready() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[derive(Serialize)]
struct Document<'a> {
    status: &'static str,
    version: &'static str,
    #[serde(rename = "serviceId")]
    service: &'a str,
    description: String,
    /// Why it is not better, or nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    output: String,
    checks: BTreeMap<String, [Check<'a>; 1]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Check<'a> {
    component_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_unit: Option<&'a str>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
}

impl<'a> Document<'a> {
    fn of(state: &'a State, report: &'a HealthReport) -> Self {
        let checks = report.probes.iter().map(|probe| {
            let check = Check::of(probe, report.last_check);
            (format!("{}:{}", probe.name, measurement(probe)), [check])
        });
        Self {
            status: in_a_word(report.status),
            version: env!("CARGO_PKG_VERSION"),
            service: state.parts.database.instance_name(),
            description: format!("the data layer of profile {}", state.parts.profile),
            output: report.reasons().join("; "),
            checks: checks.collect(),
        }
    }
}

impl<'a> Check<'a> {
    fn of(probe: &'a ProbeReport, time: Option<DateTime<Utc>>) -> Self {
        let observed = probe.observed.as_ref();
        Self {
            component_type: match probe.name.as_str() {
                "redis" | "database" => "datastore",
                _ => "component",
            },
            observed_value: observed.map(|observed| observed.value),
            observed_unit: observed
                .map(|observed| observed.unit)
                .filter(|unit| !unit.is_empty()),
            status: in_a_word(probe.status),
            time,
            output: probe.reason.as_deref(),
        }
    }
}

/// What is measured of a component.
fn measurement(probe: &ProbeReport) -> &'static str {
    match probe.observed.as_ref().map(|observed| observed.unit) {
        Some("ms" | "s") => "responseTime",
        Some("%") => "utilization",
        Some(_) => "observed",
        None => "status",
    }
}

/// What is not known yet is not good enough for requests, and has not failed either.
fn in_a_word(status: Status) -> &'static str {
    match status {
        Status::Healthy => "pass",
        Status::Degraded | Status::Unknown => "warn",
        Status::Unhealthy | Status::Critical => "fail",
    }
}
