//! The form in front of the dashboard.

use std::sync::Arc;
use std::time::Duration;

use axum::Form;
use axum::extract::State as Given;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::time::sleep;

use crate::admin::State;
use crate::guard::{FOREIGN, Login};

const PAGE: &str = include_str!("../../assets/login.html");
/// Where the page tells that the token was wrong.
const MARK: &str = "<!-- problem -->";
const WRONG: &str = "<p class=\"problem\" role=\"alert\">This token is not the right one.</p>";
const TOO_MANY: &str = "<p class=\"problem\" role=\"alert\">This token is not the right one, and many \
                        others were wrong too. Wait a moment.</p>";

/// As with anything else that a foreign page has a browser send.
fn foreign() -> String {
    format!("<p class=\"problem\" role=\"alert\">This form was not taken: {FOREIGN}.</p>")
}

/// A wrong token is answered after this: nobody types faster.
const PAUSE: Duration = Duration::from_millis(400);

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Answers {
    token: String,
}

pub(super) async fn form(Given(state): Given<Arc<State>>) -> Response {
    match state.guard.has_token() {
        true => page(StatusCode::OK, ""),
        false => to_dashboard(),
    }
}

pub(super) async fn log_in(
    Given(state): Given<Arc<State>>,
    headers: HeaderMap,
    uri: Uri,
    Form(answers): Form<Answers>,
) -> Response {
    match state.guard.log_in(&answers.token, &headers, &uri) {
        Login::In(cookie) => {
            return ([(header::SET_COOKIE, cookie)], to_dashboard()).into_response();
        }
        Login::Foreign => return page(StatusCode::FORBIDDEN, &foreign()),
        Login::Wrong => {}
    }
    // Not to slow down guessing, for which a token is too long, but so that few of them are kept.
    let Ok(_place) = state.refused.try_acquire() else {
        let mut response = page(StatusCode::TOO_MANY_REQUESTS, TOO_MANY);
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    };
    sleep(PAUSE).await;
    page(StatusCode::UNAUTHORIZED, WRONG)
}

/// Only from a page of ours: leaving is harmless, but nobody else's to decide.
pub(super) async fn log_out(
    Given(state): Given<Arc<State>>,
    headers: HeaderMap,
    uri: Uri,
) -> impl IntoResponse {
    let cookie = state.guard.log_out(&headers, &uri);
    (
        StatusCode::SEE_OTHER,
        [
            (header::SET_COOKIE, cookie),
            (header::LOCATION, "login".to_owned()),
        ],
    )
}

fn page(status: StatusCode, problem: &str) -> Response {
    let content_type = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (status, content_type, PAGE.replace(MARK, problem)).into_response()
}

fn to_dashboard() -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, "dashboard")]).into_response()
}
