//! The one shape of every error that this API answers with.
//!
//! `{"error": {"kind": "invalid_input", "message": "...", "field": "radius_km"}}`: a kind for
//! programs, a message for people, and the input that it is about, where it is about one. What goes
//! wrong inside is logged, and a client learns no more of it than whether to try again.

use std::borrow::Cow;
use std::fmt;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use larder::database::ErrorKind as DatabaseErrorKind;
use larder::pool::ErrorKind as PoolErrorKind;
use larder::services::{Error as ServiceError, InvalidInput};
use serde::Serialize;

/// An answer, or an error in the shape of this API.
pub(crate) type Result<T> = std::result::Result<T, ApiError>;

/// An error as a client sees it.
#[derive(Debug, Serialize)]
pub(crate) struct ApiError {
    kind: Kind,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

/// What kind of error it is. Each kind has its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// An input breaks a rule, is missing, unknown or given twice.
    InvalidInput,
    /// The body is no JSON.
    MalformedJson,
    /// There is no such thing, or no such page.
    NotFound,
    /// The page is there, but not with this method.
    MethodNotAllowed,
    /// A value that may occur only once is taken.
    Conflict,
    /// The body is larger than this API reads.
    BodyTooLarge,
    /// The URL is longer than this API reads.
    UrlTooLong,
    /// The body is not said to be JSON.
    UnsupportedMediaType,
    /// This service failed.
    Internal,
    /// This service cannot reach its database.
    Unavailable,
}

impl Kind {
    fn status(self) -> StatusCode {
        match self {
            Self::InvalidInput | Self::MalformedJson => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UrlTooLong => StatusCode::URI_TOO_LONG,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl ApiError {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            field: None,
        }
    }

    /// Says which input it is about.
    pub(crate) fn of_field(self, field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }

    /// What the database did not do. Its words go to the log: they hold names and statements.
    fn of_database(error: &ServiceError) -> Self {
        tracing::error!("failed to {error}");
        let kind = error.database_error().map(larder::database::Error::kind);
        match kind {
            Some(DatabaseErrorKind::Pool(
                PoolErrorKind::Connect
                | PoolErrorKind::AcquireTimeout
                | PoolErrorKind::ShutDown
                | PoolErrorKind::Lost,
            )) => Self::new(
                Kind::Unavailable,
                "the database cannot be reached now; try again in a moment",
            ),
            Some(DatabaseErrorKind::Pool(PoolErrorKind::CommitOutcomeUnknown)) => Self::new(
                Kind::Internal,
                "it is not known whether this was written; look before you send it again",
            ),
            _ => Self::new(
                Kind::Internal,
                "something went wrong inside this service; it is in the service's log",
            ),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            error: ApiError,
        }

        let kind = self.kind;
        let mut response = (kind.status(), Json(Body { error: self })).into_response();
        if kind == Kind::Unavailable {
            let seconds = HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::InvalidInput(fault) => Fault::from(fault).into(),
            ServiceError::NotFound { what, key } => {
                Self::new(Kind::NotFound, format!("there is no {what} {key}"))
            }
            ServiceError::Conflict { field, .. } => Self::new(
                Kind::Conflict,
                format!("another one has this {field} already; choose another"),
            )
            .of_field(field),
            error => Self::of_database(&error),
        }
    }
}

/// What is wrong with an input, told so that whoever sent it can mend it.
#[derive(Debug)]
pub(crate) struct Fault {
    field: Option<String>,
    message: String,
}

impl Fault {
    /// About the inputs as a whole.
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self {
            field: None,
            message: message.to_string(),
        }
    }

    /// About one input: `rule` reads after its name, as in "must be a number".
    pub(crate) fn of(field: &str, rule: impl fmt::Display) -> Self {
        Self {
            field: Some(field.to_owned()),
            message: format!("{field} {rule}"),
        }
    }

    /// The same, with what was given.
    pub(crate) fn of_value(field: &str, rule: impl fmt::Display, value: &str) -> Self {
        Self::of(field, format_args!("{rule}; it was {:?}", shortened(value)))
    }
}

/// The beginning of what was sent, to be repeated to who sent it.
pub(crate) fn shortened(sent: &str) -> Cow<'_, str> {
    const CHARS: usize = 60;
    match sent.char_indices().nth(CHARS) {
        None => sent.into(),
        Some((end, _)) => format!("{}…", &sent[..end]).into(),
    }
}

impl From<InvalidInput> for Fault {
    /// Two inputs have another name in a URL than in the services.
    fn from(fault: InvalidInput) -> Self {
        let field = match fault.input() {
            "radius" => "radius_km",
            "search term" => "q",
            same => same,
        };
        Self::of_value(field, fault.rule(), fault.value())
    }
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        Self {
            kind: Kind::InvalidInput,
            message: fault.message,
            field: fault.field,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of(field, "is missing")
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::of(field, "is there twice; give it once")
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let cure = match known {
            [] => "leave it out".to_owned(),
            names => format!("there are {}", names.join(", ")),
        };
        let field = shortened(field);
        Self {
            message: format!("{field:?} is not known here; {cure}"),
            field: Some(field.into_owned()),
        }
    }
}
