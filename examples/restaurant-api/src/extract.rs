//! Extractors whose rejections have the error shape of this API.

use std::result::Result;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::MAX_BODY;
use crate::errors::{ApiError, Fault, Kind};
use crate::inputs;

/// The parameters behind the question mark.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(inputs::from_query(query)?))
    }
}

/// The parameters of a page that has none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParameters {}

/// The id in the path.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: From<i64>, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Ok(Path(text)) = path else {
            return Err(Fault::of("id", "must be a whole number").into());
        };
        let number = inputs::whole_number("id", &text)?;
        Ok(Self(T::from(inputs::id("id", number)?)))
    }
}

/// The object in the body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::new(
                Kind::UnsupportedMediaType,
                "send the body as JSON, with the header `Content-Type: application/json`",
            ));
        }
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(
                Kind::BodyTooLarge,
                format!("the body must have at most {MAX_BODY} bytes"),
            ),
            _ => Fault::new("the body broke off").into(),
        })?;
        let fields = serde_json::from_slice(&body).map_err(|error| match error.classify() {
            Category::Data => {
                Fault::new(format_args!("the body must be an object: {error}")).into()
            }
            _ => ApiError::new(Kind::MalformedJson, format!("the body is no JSON: {error}")),
        })?;
        Ok(Self(inputs::from_fields(fields)?))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json"))
}
