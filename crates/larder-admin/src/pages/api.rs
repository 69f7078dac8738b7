//! What the dashboard shows, as JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State as Given};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use larder_analysis::{AnalysisFinding, plan_advice};
use larder_database::StatementSummary;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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

pub(super) async fn overview(Given(state): Given<Arc<State>>) -> Json<impl Serialize> {
    Json(Picture::take(&state))
}

pub(super) async fn history(Given(state): Given<Arc<State>>) -> Result<Response, Problem> {
    // Written while it is locked, which takes a millisecond, in place of a copy.
    let page = serde_json::to_string(&state.sampler.history().columns());
    let page = page.map_err(|error| {
        let text = format!("failed to write the history: {error}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, text)
    })?;
    Ok(([(header::CONTENT_TYPE, "application/json")], page).into_response())
}

/// Which statements, and how many.
#[derive(Deserialize)]
pub(super) struct Wanted {
    limit: Option<usize>,
}

pub(super) async fn statements(
    Given(state): Given<Arc<State>>,
    Query(wanted): Query<Wanted>,
) -> Json<Vec<StatementLine>> {
    const MOST: usize = 500;
    let limit = wanted.limit.unwrap_or(50).min(MOST);
    Json(StatementLine::slowest(&state.parts.database, limit))
}

/// A statement with its plan, and what that suggests.
#[derive(Serialize)]
pub(super) struct Explained {
    #[serde(flatten)]
    statement: StatementSummary,
    advice: Vec<AnalysisFinding>,
}

/// One statement with its plan.
pub(super) async fn statement(
    Given(state): Given<Arc<State>>,
    Path(fingerprint): Path<String>,
) -> Result<Json<Explained>, Problem> {
    let mut statements = state.parts.database.statements().into_iter();
    let found = statements.find(|statement| statement.fingerprint == fingerprint);
    let statement = found.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "there is no statement of this fingerprint, or no more",
        )
    })?;
    let plan = statement.plan.as_ref();
    let advice = plan.map_or_else(Vec::new, |plan| plan_advice(&plan.json));
    Ok(Json(Explained { statement, advice }))
}
