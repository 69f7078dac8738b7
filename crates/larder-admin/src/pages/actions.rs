//! What may be done from the dashboard, where the settings allow it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, State as Given};
use axum::http::{HeaderMap, StatusCode, Uri};
use larder_database::CancelRequest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Problem;
use crate::admin::State;
use crate::events::Level;
use crate::guard::Visitor;

/// The longest tag that is taken.
const LONGEST_TAG: usize = 512;

/// The tag whose results are to go.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Invalidation {
    tag: String,
}

/// Whose statement is to end.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancellation {
    session: u64,
}

pub(super) async fn invalidate(
    Given(state): Given<Arc<State>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    uri: Uri,
    body: Result<Json<Invalidation>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    allow(&state, &visitor, &headers, &uri)?;
    let Json(Invalidation { tag }) = body.map_err(unreadable)?;
    if tag.is_empty() || tag.len() > LONGEST_TAG || tag.chars().any(char::is_control) {
        let text = format!("the tag must have 1 to {LONGEST_TAG} bytes, and no control characters");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, text));
    }
    let done = state.parts.database.invalidate().tag(&tag).await;
    let told = done.is_ok();
    let text = match &done {
        Ok(()) => format!("results with the tag {tag} were invalidated from the dashboard"),
        Err(error) => format!(
            "results with the tag {tag} were invalidated from the dashboard, here alone: \
             failed to {error}"
        ),
    };
    tracing::info!(target: "larder::admin", tag, told, "a tag was invalidated from the dashboard");
    let level = if told { Level::Info } else { Level::Warning };
    state
        .sampler
        .events()
        .note(level, "action", text.clone(), 1);
    match done {
        Ok(()) => Ok(Json(json!({ "outcome": "invalidated", "detail": text }))),
        Err(_) => Err(Problem::new(StatusCode::BAD_GATEWAY, text)),
    }
}

pub(super) async fn cancel(
    Given(state): Given<Arc<State>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    uri: Uri,
    body: Result<Json<Cancellation>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    allow(&state, &visitor, &headers, &uri)?;
    let Json(Cancellation { session }) = body.map_err(unreadable)?;
    let outcome = state.parts.database.cancel_statement(session).await;
    let outcome = outcome.map_err(|error| {
        let text = format!("failed to reach the server to cancel the statement: {error}");
        Problem::new(StatusCode::BAD_GATEWAY, text)
    })?;
    let (code, text) = match outcome {
        CancelRequest::Sent => {
            let text =
                format!("the statement of session {session} was cancelled from the dashboard");
            tracing::info!(target: "larder::admin", session, "a statement was cancelled from the dashboard");
            let mut events = state.sampler.events();
            events.note(Level::Warning, "action", text.clone(), 1);
            return Ok(Json(json!({ "outcome": "cancelled", "detail": text })));
        }
        CancelRequest::Idle => (
            StatusCode::CONFLICT,
            "the session runs no statement now: there is nothing to cancel",
        ),
        CancelRequest::Gone => (
            StatusCode::NOT_FOUND,
            "the session has given its connection back",
        ),
        _ => (
            StatusCode::NOT_IMPLEMENTED,
            "this database takes no requests to cancel",
        ),
    };
    Err(Problem::new(code, text))
}

fn allow(state: &State, visitor: &Visitor, headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    if !state.parts.config.actions {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "actions are off; the setting admin.actions switches them on",
        ));
    }
    state.guard.is_own_wish(visitor, headers, uri)
}

fn unreadable(rejection: JsonRejection) -> Problem {
    Problem::new(rejection.status(), rejection.body_text())
}
