//! What scrapers ask.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::Problem;
use crate::admin::State;

/// At most a quarter of a second old: whoever scrapes a hundred times a second has it made four
/// times.
pub(super) async fn metrics(Given(state): Given<Arc<State>>) -> Result<impl IntoResponse, Problem> {
    let exporter = state.parts.exporter.clone();
    let exporter = exporter.filter(|exporter| exporter.can_render());
    let exporter = exporter.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "metrics are switched off, or the program has a recorder of its own; the setting \
             metrics.enabled switches them on",
        )
    })?;
    let page = state.metrics.of_now(move || exporter.render()).await;
    let page = page.ok_or_else(|| Problem::unmade("the metrics"))?;
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], page))
}
