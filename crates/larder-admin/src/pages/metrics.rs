//! What scrapers ask.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::Problem;
use crate::admin::State;

pub(super) async fn metrics(Given(state): Given<Arc<State>>) -> Result<impl IntoResponse, Problem> {
    let page = state
        .parts
        .exporter
        .as_ref()
        .and_then(|exporter| exporter.render());
    let page = page.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "metrics are switched off, or the program has a recorder of its own; the setting \
             metrics.enabled switches them on",
        )
    })?;
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], page))
}
