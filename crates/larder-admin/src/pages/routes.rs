//! Which page is where, and what holds for all of them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::time::timeout;

use super::{Problem, actions, api, dashboard, live, login, metrics, probes};
use crate::admin::State;
use crate::guard::{let_in, secured};

/// Nobody sends more than a token or a tag.
const MAX_BODY: usize = 8 * 1024;

/// Longer than anything takes that is done here: who sends a form byte by byte is not waited for.
const LONGEST: Duration = Duration::from_secs(60);

pub(crate) fn router(state: Arc<State>) -> Router {
    let guarded = Router::new()
        .route("/healthz", get(probes::healthz))
        .route("/metrics", get(metrics::metrics))
        .route("/dashboard", get(dashboard::page))
        .route("/api/context", get(api::context))
        .route("/api/overview", get(api::overview))
        .route("/api/history", get(api::history))
        .route("/api/statements", get(api::statements))
        .route("/api/statements/{fingerprint}", get(api::statement))
        .route("/api/live", get(live::live))
        .route("/api/actions/invalidate", post(actions::invalidate))
        .route("/api/actions/cancel", post(actions::cancel))
        .route("/logout", post(login::log_out))
        .layer(middleware::from_fn_with_state(Arc::clone(&state), let_in));
    Router::new()
        .route("/livez", get(probes::livez))
        .route("/readyz", get(probes::readyz))
        .route("/login", get(login::form).post(login::log_in))
        // The files of the page say nothing of the instance.
        .route("/dashboard/{file}", get(dashboard::file))
        .merge(guarded)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(in_time))
        .layer(middleware::from_fn(secured))
        .with_state(state)
}

/// Until there is an answer; what is told live goes on after it.
async fn in_time(request: Request, next: Next) -> Response {
    let answered = timeout(LONGEST, next.run(request)).await;
    answered.unwrap_or_else(|_| {
        let text = "the request took too long; send it in one piece";
        Problem::new(StatusCode::REQUEST_TIMEOUT, text).into_response()
    })
}

async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this method is not possible here; the header Allow says what is",
    )
}
