//! Spans of sessions and statements, for whoever follows requests from process to process.
//!
//! Their target is `larder::span` and their level trace, so that nobody gets them who did not ask
//! for them by name. Where nobody does, each costs a look at one number. Their fields are those of
//! OpenTelemetry's conventions for database clients; no value is ever in them.

use larder_sql::StatementProfile;
use tracing::Span;
use tracing::field::Empty;
use tracing::span::Id;

use crate::observer::StatementOutcome;

/// Whether anybody may want spans. The macro makes their fields also where nobody does, for the
/// crate `log`, if any crate of the program has switched that on.
fn is_wanted() -> bool {
    tracing::span_enabled!(target: "larder::span", tracing::Level::TRACE)
}

/// A connection on loan.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionSpan {
    span: Option<Span>,
    /// What its user was at when he got it.
    around: Option<Id>,
}

impl SessionSpan {
    /// A connection has been lent.
    pub(crate) fn begin(pool: &str) -> Self {
        if !is_wanted() {
            return Self::default();
        }
        let span = tracing::trace_span!(
            target: "larder::span",
            "session",
            otel.kind = "internal",
            db.system.name = "postgresql",
            db.client.connection.pool.name = pool,
        );
        if span.is_disabled() {
            return Self::default();
        }
        Self {
            span: Some(span),
            around: Span::current().id(),
        }
    }

    /// This, if its user is still at what he was when he got the connection. Else what he is at
    /// now says more of why a statement runs.
    fn parent(&self) -> Option<&Span> {
        let span = self.span.as_ref()?;
        (Span::current().id() == self.around).then_some(span)
    }
}

/// A statement is about to be sent, in a session or else in what the current task does.
pub(crate) fn statement(profile: &StatementProfile, pool: &str, session: &SessionSpan) -> Span {
    if !is_wanted() {
        return Span::none();
    }
    // With a parent or without: the macro writes down which of both it is.
    macro_rules! span {
        ($($parent:tt)*) => {
            tracing::trace_span!(
                target: "larder::span",
                $($parent)*
                "statement",
                otel.name = summary(profile),
                otel.kind = "client",
                otel.status_code = Empty,
                db.system.name = "postgresql",
                db.operation.name = profile.kind.operation(),
                db.collection.name = profile.collection(),
                db.query.summary = summary(profile),
                db.query.text = &*profile.normalised,
                db.client.connection.pool.name = pool,
                db.response.returned_rows = Empty,
                db.response.status_code = Empty,
                error.type = Empty,
            )
        };
    }
    match session.parent() {
        Some(session) => span!(parent: session,),
        None => span!(),
    }
}

/// The statement has ended.
pub(crate) fn end(span: &Span, outcome: &StatementOutcome<'_>, rows: u64) {
    if span.is_disabled() {
        return;
    }
    let state;
    let error = match outcome {
        StatementOutcome::Answered => {
            span.record("db.response.returned_rows", rows);
            return;
        }
        StatementOutcome::Refused(error) => {
            state = error.state();
            span.record("db.response.status_code", state.as_str());
            state.as_str()
        }
        StatementOutcome::Lost => "connection",
        // Whoever reads no further than he needs to has no error.
        StatementOutcome::Abandoned if rows > 0 => return,
        // Nor is it the fault of anybody that a caller left: it is told, and is no error.
        StatementOutcome::Abandoned => {
            span.record("error.type", "cancelled");
            return;
        }
    };
    span.record("error.type", error);
    span.record("otel.status_code", "ERROR");
}

/// What it does in a few words, without values: `SELECT restaurants`.
fn summary(profile: &StatementProfile) -> String {
    let operation = profile.kind.operation();
    match profile.collection() {
        Some(collection) => format!("{operation} {collection}"),
        None => operation.to_owned(),
    }
}
