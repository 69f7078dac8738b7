//! What the service says of itself: statistics, health, metrics.
//!
//! Load balancers and scrapers call these, some with parameters of their own, so unknown ones are
//! let through here.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use larder::Larder;
use larder::health::Status;
use serde::Serialize;

use crate::errors::{ApiError, Kind, Result};

pub(crate) async fn statistics(State(larder): State<Larder>) -> Json<impl Serialize> {
    Json(larder.statistics())
}

/// 503 tells a load balancer to send requests elsewhere: so it does not answer for what is merely
/// degraded.
pub(crate) async fn health(State(larder): State<Larder>) -> impl IntoResponse {
    let report = larder.health().await;
    let code = match report.status {
        Status::Healthy | Status::Degraded => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(report))
}

pub(crate) async fn metrics(State(larder): State<Larder>) -> Result<impl IntoResponse> {
    let page = larder.metrics().ok_or_else(|| {
        ApiError::new(
            Kind::NotFound,
            "metrics are switched off; the setting metrics.enabled switches them on",
        )
    })?;
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], page))
}
