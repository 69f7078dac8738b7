//! Lets a request in, or says what is missing.

use std::sync::Arc;

use axum::extract::{Request, State as Given};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use larder_config::{AdminConfig, AdminToken, HostPort};

use super::host;
use super::peer;
use super::secret::{random, same};
use super::visits::Visits;
use crate::admin::State;
use crate::pages::Problem;

/// The header that a page of ours puts on what it asks to be done.
pub(crate) const CSRF_HEADER: &str = "x-larder-csrf";

/// What has to be shown, and who has shown it.
pub(crate) struct Guard {
    token: Option<AdminToken>,
    hosts: Vec<HostPort>,
    visits: Visits,
    /// `None` where there are no random numbers: nothing is done then.
    csrf: Option<String>,
}

/// How somebody was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visitor {
    /// By the token in a header, which no browser sends by itself.
    Bearer,
    /// By a cookie, or from this machine where there is no token: a foreign page might have a
    /// browser do it.
    Browser,
}

impl Guard {
    pub(crate) fn new(config: &AdminConfig) -> Self {
        Self {
            token: config.token.clone(),
            hosts: config.hosts.clone(),
            visits: Visits::default(),
            csrf: random(),
        }
    }

    /// What a page of ours has to repeat to act.
    pub(crate) fn csrf(&self) -> Option<&str> {
        self.csrf.as_deref()
    }

    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether a request may be answered, or why not.
    fn admit(&self, request: &Request) -> Result<Visitor, Problem> {
        let (headers, uri) = (request.headers(), request.uri());
        let Some(token) = &self.token else {
            peer::is_of_this_machine(request.extensions(), headers)?;
            return self.admit_by_name(headers, uri);
        };
        if bearer(headers).is_some_and(|given| same(given, token.expose())) {
            return Ok(Visitor::Bearer);
        }
        let visit = cookie(headers, &cookie_name(headers, uri));
        if visit.is_some_and(|id| self.visits.is_open(id)) {
            return Ok(Visitor::Browser);
        }
        Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "the token is missing or wrong; send `Authorization: Bearer` with the token of the \
             setting admin.token",
        ))
    }

    fn admit_by_name(&self, headers: &HeaderMap, uri: &Uri) -> Result<Visitor, Problem> {
        let named = host::of(headers, uri);
        if named.is_some_and(|named| host::is_expected(&named, &self.hosts)) {
            return Ok(Visitor::Browser);
        }
        Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "without a token these pages answer only to the names of this machine, such as \
             localhost; set admin.token, or name this host in admin.hosts",
        ))
    }

    /// Whether this request to act was sent by a page of ours, or by no browser at all.
    pub(crate) fn is_own_wish(&self, visitor: Visitor, headers: &HeaderMap, uri: &Uri) -> bool {
        if visitor == Visitor::Bearer {
            return true;
        }
        let given = headers.get(CSRF_HEADER).and_then(|csrf| csrf.to_str().ok());
        let pair = given.zip(self.csrf());
        pair.is_some_and(|(given, right)| same(given, right)) && host::is_own_origin(headers, uri)
    }

    /// Lets somebody in by the form: gives the cookie; `None` if the token is wrong.
    pub(crate) fn log_in(&self, given: &str, headers: &HeaderMap, uri: &Uri) -> Option<String> {
        let right = self.token.as_ref();
        let right = right.is_some_and(|token| same(given.trim(), token.expose()));
        if !right || !host::is_own_origin(headers, uri) {
            return None;
        }
        let origin = headers.get(header::ORIGIN);
        let is_encrypted = origin.is_some_and(|origin| origin.as_bytes().starts_with(b"https:"));
        Some(format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{}",
            cookie_name(headers, uri),
            self.visits.begin()?,
            Visits::LONGEST.as_secs(),
            if is_encrypted { "; Secure" } else { "" },
        ))
    }

    /// Ends the visit of this cookie, and gives the cookie that replaces it.
    pub(crate) fn log_out(&self, headers: &HeaderMap, uri: &Uri) -> String {
        let name = cookie_name(headers, uri);
        if let Some(id) = cookie(headers, &name) {
            self.visits.end(id);
        }
        format!("{name}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
    }
}

/// Middleware: lets in, sends a person to the form, or says what is missing.
pub(crate) async fn let_in(
    Given(state): Given<Arc<State>>,
    mut request: Request,
    next: Next,
) -> Response {
    let admitted = state.guard.admit(&request);
    match admitted {
        Ok(visitor) => {
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
        Err(problem) if is_person(&request) && problem.is_unauthorized() => {
            // Relative, since the pages may be mounted anywhere.
            (StatusCode::SEE_OTHER, [(header::LOCATION, "login")]).into_response()
        }
        Err(problem) => {
            let is_unauthorized = problem.is_unauthorized();
            let mut response = problem.into_response();
            if is_unauthorized {
                let scheme = HeaderValue::from_static("Bearer realm=\"larder\"");
                let headers = response.headers_mut();
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            response
        }
    }
}

/// Whether somebody opens the dashboard.
fn is_person(request: &Request) -> bool {
    request.method() == Method::GET && request.uri().path().ends_with("/dashboard")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = given.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let pairs = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'));
    let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(known, value)| (known == name).then_some(value))
}

/// Browsers share cookies among the ports of a host: those of two instances must not replace each
/// other.
fn cookie_name(headers: &HeaderMap, uri: &Uri) -> String {
    let port = host::of(headers, uri).and_then(|authority| authority.port_u16());
    format!("larder_admin_{}", port.unwrap_or(0))
}
