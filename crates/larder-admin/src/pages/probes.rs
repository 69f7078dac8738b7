//! What load balancers and Kubernetes ask.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use larder_health::{HealthReport, Status};

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

/// The full report, with causes and cures, as monitoring systems read it.
pub(super) async fn healthz(Given(state): Given<Arc<State>>) -> Response {
    let report = state.parts.monitor.report();
    let page = axum::Json(report.as_health_json());
    let mut response = (code(report.status), page).into_response();
    let content_type = HeaderValue::from_static(HealthReport::MEDIA_TYPE);
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
