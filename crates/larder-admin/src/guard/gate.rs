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
const CSRF_HEADER: &str = "x-larder-csrf";

/// What has to be shown, and who has shown it.
pub(crate) struct Guard {
    token: Option<AdminToken>,
    hosts: Vec<HostPort>,
    visits: Visits,
    /// `None` where there are no random numbers: nothing is done then.
    csrf: Option<String>,
}

/// How somebody was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Visitor {
    /// By the token in a header, which no browser sends by itself.
    Bearer,
    /// By the cookie of this visit: a foreign page might have a browser send it.
    Visit(Arc<str>),
    /// From this machine, where there is no token: a foreign page might have a browser do it.
    Neighbour,
}

/// What becomes of a token that was given in the form.
#[derive(Debug)]
pub(crate) enum Login {
    /// It is right: the cookie of the visit.
    In(String),
    /// It is wrong.
    Wrong,
    /// The form was not one of these pages, as far as can be told: the token was not looked at.
    Foreign,
}

/// What to do where a page of ours is taken for a foreign one.
pub(crate) const FOREIGN: &str = "it came from another address than that of these pages; behind a \
    proxy, have it pass on the name that it is asked for by (nginx: proxy_set_header Host $host), \
    or name that in admin.hosts";

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
        if let Some(id) = visit.filter(|id| self.visits.is_open(id)) {
            return Ok(Visitor::Visit(id.into()));
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
            return Ok(Visitor::Neighbour);
        }
        Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "without a token these pages answer only to the names of this machine, such as \
             localhost; set admin.token, or name this host in admin.hosts",
        ))
    }

    /// Whether somebody who was let in is so still: he may have left, or stayed for too long.
    pub(crate) fn is_still_in(&self, visitor: &Visitor) -> bool {
        match visitor {
            Visitor::Visit(id) => self.visits.is_open(id),
            Visitor::Bearer | Visitor::Neighbour => true,
        }
    }

    /// Whether this request to act was sent by a page of ours, or by no browser at all; or why it
    /// is taken for neither.
    pub(crate) fn is_own_wish(
        &self,
        visitor: &Visitor,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> Result<(), Problem> {
        let refused = |why: &str| {
            let text = format!("this was not asked for by the dashboard: {why}");
            Err(Problem::new(StatusCode::FORBIDDEN, text))
        };
        if *visitor == Visitor::Bearer {
            return Ok(());
        }
        let given = headers.get(CSRF_HEADER).and_then(|csrf| csrf.to_str().ok());
        let pair = given.zip(self.csrf());
        if !pair.is_some_and(|(given, right)| same(given, right)) {
            return refused(&format!("the header {CSRF_HEADER} is missing or wrong"));
        }
        match host::is_own_origin(headers, uri, &self.hosts) {
            true => Ok(()),
            false => refused(FOREIGN),
        }
    }

    /// Lets somebody in by the form.
    pub(crate) fn log_in(&self, given: &str, headers: &HeaderMap, uri: &Uri) -> Login {
        // Before the token: a foreign page learns nothing of it.
        if !host::is_own_origin(headers, uri, &self.hosts) {
            return Login::Foreign;
        }
        let right = self.token.as_ref();
        let right = right.is_some_and(|token| same(given.trim(), token.expose()));
        let Some(visit) = right.then(|| self.visits.begin()).flatten() else {
            return Login::Wrong;
        };
        let origin = headers.get(header::ORIGIN);
        let is_encrypted = origin.is_some_and(|origin| origin.as_bytes().starts_with(b"https:"));
        Login::In(format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{}",
            cookie_name(headers, uri),
            visit,
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
