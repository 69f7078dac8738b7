//! What the dashboard shows, as JSON.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Given};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use larder_analysis::{AnalysisFinding, plan_advice};
use larder_database::StatementSummary;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::Problem;
use crate::admin::State;
use crate::picture::{Picture, StatementLine};

/// What does not change while a page is open, and what it has to repeat to act.
pub(super) async fn context(Given(state): Given<Arc<State>>) -> Json<Value> {
    let parts = &state.parts;
    Json(json!({
        "instance": parts.database.instance_name(),
        "profile": parts.profile,
        "database": parts.database_kind,
        "server_version": parts.database.server_version(),
        "version": env!("CARGO_PKG_VERSION"),
        "check_interval_seconds": parts.monitor.options().interval.as_secs_f64(),
        "actions": parts.config.actions,
        "has_token": state.guard.has_token(),
        "csrf": state.guard.csrf(),
    }))
}

/// At most a quarter of a second old.
pub(super) async fn overview(Given(state): Given<Arc<State>>) -> Result<Response, Problem> {
    let shown = Arc::clone(&state);
    let make = move || serde_json::to_string(&Picture::take(&shown)).ok();
    let page = state.picture.of_now(make).await;
    page.map(json_page)
        .ok_or_else(|| Problem::unmade("the overview"))
}

pub(super) async fn history(Given(state): Given<Arc<State>>) -> Result<Response, Problem> {
    // Written while it is locked, which takes a millisecond, in place of a copy.
    let make = move || serde_json::to_string(&state.sampler.history().columns());
    written("the history", make).await
}

/// A page that is made for this request alone, beside the threads of the service.
async fn written(
    what: &str,
    make: impl FnOnce() -> serde_json::Result<String> + Send + 'static,
) -> Result<Response, Problem> {
    match spawn_blocking(make).await {
        Ok(Ok(page)) => Ok(json_page(page.into())),
        _ => Err(Problem::unmade(what)),
    }
}

fn json_page(page: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], page).into_response()
}

/// Which statements, and how many.
#[derive(Deserialize)]
pub(super) struct Wanted {
    limit: Option<usize>,
}

pub(super) async fn statements(
    Given(state): Given<Arc<State>>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    const MOST: usize = 500;
    let limit = wanted.limit.unwrap_or(50).min(MOST);
    let make = move || serde_json::to_string(&StatementLine::slowest(&state.parts.database, limit));
    written("the statements", make).await
}

/// A statement with its plan, and what that suggests.
#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    statement: StatementSummary,
    advice: Vec<AnalysisFinding>,
}

/// One statement with its plan.
pub(super) async fn statement(
    Given(state): Given<Arc<State>>,
    Path(fingerprint): Path<String>,
) -> Result<Response, Problem> {
    let statement = state.parts.database.statement(&fingerprint);
    let statement = statement.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "there is no statement of this fingerprint, or no more",
        )
    })?;
    let make = move || {
        let plan = statement.plan.as_ref();
        let advice = plan.map_or_else(Vec::new, |plan| plan_advice(&plan.json));
        serde_json::to_string(&Explained { statement, advice })
    };
    written("the statement", make).await
}
