//! The routes, and what holds for all of them.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use larder::Larder;

use crate::errors::{ApiError, Kind, shortened};
use crate::routes::{observation, restaurants, reviews};

/// The most bytes that the body of a request may have: 64 KiB.
pub const MAX_BODY: usize = 64 * 1024;

/// The most bytes that the URL of a request may have: 40 KiB, so that a text of 10,000
/// characters still gets the answer that it is too long for a search.
pub const MAX_URL: usize = 40 * 1024;

/// The API on an instance whose tables are there ([`Larder::migrate`]).
pub fn router(larder: Larder) -> Router {
    Router::new()
        .route("/restaurants", post(restaurants::create))
        .route("/restaurants/nearby", get(restaurants::nearby))
        .route("/restaurants/search", get(restaurants::search))
        .route("/restaurants/{id}", get(restaurants::by_id))
        .route(
            "/restaurants/{id}/reviews",
            get(reviews::of_restaurant).post(reviews::add),
        )
        .route("/statistics", get(observation::statistics))
        .route("/health", get(observation::health))
        .route("/metrics", get(observation::metrics))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(short_url))
        .with_state(larder)
}

async fn unknown_route(request: Request) -> ApiError {
    let path = shortened(request.uri().path());
    let message = format!(
        "there is nothing at {path:?}; there are /restaurants, /restaurants/nearby, \
         /restaurants/search, /restaurants/{{id}}, /restaurants/{{id}}/reviews, /statistics, /health \
         and /metrics"
    );
    ApiError::new(Kind::NotFound, message)
}

async fn wrong_method(request: Request) -> ApiError {
    ApiError::new(
        Kind::MethodNotAllowed,
        format!(
            "{} is not possible here; the header Allow says what is",
            request.method()
        ),
    )
}

async fn short_url(request: Request, next: Next) -> Response {
    let length = request
        .uri()
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    if length > MAX_URL {
        let message = format!("the URL must have at most {MAX_URL} bytes, has {length}");
        return ApiError::new(Kind::UrlTooLong, message).into_response();
    }
    next.run(request).await
}
