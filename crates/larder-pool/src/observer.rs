//! Who is told of what happens on a pool's connections.
//!
//! The pool knows nothing of caches and metrics. It tells one observer what was
//! written and committed, how statements ended, and how long callers waited.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_sql::{Effect, SessionEffect, StatementProfile};

use crate::admission::OverloadedError;
use crate::advisor::PoolAdvice;
use crate::connect_error::ConnectError;
use crate::holders::{Holder, NestedCheckoutError};
use crate::retry::RetryReason;
use crate::server_error::{ServerError, SqlState};
use crate::written::Effects;
use crate::{BeginningStatement, SentStatement, SessionSettings, TransactionSettings};

/// Told of what happens on the connections of a pool. Every method is called on the path of
/// the work itself, so it has to be quick and must not wait.
pub trait PoolObserver: Send + Sync {
    /// A statement of a user's is about to be sent: typed, raw, or several in one text. Not those
    /// that begin and end transactions and savepoints, companions, and what the pool does for
    /// itself. Each is told once, in the task that sends it. It may yet fail to be prepared.
    fn statement_begins(&self, _: &BeginningStatement<'_>) {}

    /// What has become of a transaction, in the task that did it. Its number tells it from all
    /// others of this process.
    fn transaction(&self, _transaction: u64, _: TransactionEvent) {}

    /// Which values of a statement, by the numbers of their parameters from 0, name the rows that
    /// it writes or reads. They are told with what was [written](crate::Written), and with what
    /// was [recorded](crate::Recorded). Asked for statements that may write, and for all while
    /// somebody records. By default none.
    fn key_parameters(&self, _: &StatementProfile) -> Option<Arc<[u16]>> {
        None
    }

    /// A statement has ended: its answer was read to the end, it failed, or its caller left.
    fn statement_ended(&self, _: &EndedStatement<'_>) {}

    /// What has to take effect together with these writes, in their transaction. Asked before
    /// COMMIT is sent, and before a statement outside of a transaction is, which then runs in a
    /// transaction of its own. If it fails, so do the writes, and nothing has taken effect.
    ///
    /// The one exception is a transaction that may only read (SQLSTATE 25006): it is rolled back
    /// and counts as committed, since nothing of what is told here can have been written in it.
    fn companion(&self, _: &Effects) -> Option<Companion> {
        None
    }

    /// Writes have taken effect. Called before the caller hears of it, for a transaction as
    /// well as for a statement outside of one. It may be called for a statement that failed.
    ///
    /// With the transaction id that the [`companion`](Self::companion) returned, where there was
    /// one and its answer was read. Who sees what that transaction did sees these writes too.
    fn committed(&self, _: &Effects, _transaction: Option<u64>) {}

    /// Writes that no companion can go with, because they cannot run inside a transaction:
    /// VACUUM, CREATE INDEX CONCURRENTLY, a procedure that commits. The companion is sent before
    /// them and after them, as statements of their own. What this gives is kept until it is
    /// known that they are over and that has been told.
    fn unaccompanied(&self, _: &Effects) -> Option<Box<dyn Any + Send>> {
        None
    }

    /// Whether a statement may write something that others read. Where it says yes, the end of
    /// the statement, or of its transaction, is told. By default what its text tells decides.
    fn may_write(&self, profile: &StatementProfile) -> bool {
        may_write_by_its_text(profile)
    }

    /// What a statement leaves behind on its session. By default what its text tells, which
    /// knows the functions of PostgreSQL itself only.
    fn session_effect(&self, profile: &StatementProfile) -> SessionEffect {
        profile.session_effect()
    }

    /// Whether a statement may be sent on a connection that many share at the same time: it does
    /// nothing but read, quickly as far as its text tells, and leaves nothing behind on its
    /// session, nor does anything that it calls. Asked for each. By default none may, because
    /// that takes somebody who knows the catalog.
    fn may_share_connection(&self, _: &StatementProfile) -> bool {
        false
    }

    /// Whether names mean under these settings of a session what the observer takes them for.
    fn knows(&self, _: &SessionSettings) -> bool {
        true
    }

    /// Whether names mean under this role, which transactions are
    /// [under](crate::TransactionSettings), what the observer takes them for: a role may see other
    /// schemas in its search path.
    fn knows_role(&self, _: &str) -> bool {
        true
    }

    /// Writes outside of a transaction whose answer their caller did not read to its end: they
    /// take effect at any moment. What this gives is kept until it is known that they are over
    /// and [`committed`](Self::committed) or [`in_doubt`](Self::in_doubt) has been told.
    fn unread(&self, _: &Effects) -> Option<Box<dyn Any + Send>> {
        None
    }

    /// Nobody knows whether these writes have taken effect, or will: the connection was lost
    /// before the answer came.
    fn in_doubt(&self, _: &Effects) {}

    /// A connection was made in this time.
    fn connected(&self, _: Duration) {}

    /// A connection could not be made.
    fn connect_failed(&self, _: &ConnectError) {}

    /// A caller got a connection after this time.
    fn acquired(&self, _: Duration) {}

    /// What a statement that this span follows is to carry to the server as a comment: the
    /// `traceparent` of its trace. Where it gives one the statement is sent without a name. The
    /// span may be none; then it is what the current task does. By default nothing.
    fn trace_context(&self, _: &tracing::Span) -> Option<String> {
        None
    }

    /// A caller waited in vain.
    fn acquire_timed_out(&self) {}

    /// In whose name the current task asks for a connection, where it did not say so by
    /// [`holding_as`](crate::holding_as).
    fn holder_name(&self) -> Option<Arc<str>> {
        None
    }

    /// A caller was sent away because more is asked of the pool than it can do.
    fn shed(&self, _: &OverloadedError) {}

    /// A caller asked for a connection who has all of them already.
    fn nested_checkout(&self, _: &NestedCheckoutError) {}

    /// A connection has been held for longer than [`PoolOptions::held_warning`](crate::PoolOptions::held_warning). Told once.
    fn held_long(&self, _: &Holder) {}

    /// The limit of connections in use was moved to that of this advice.
    fn limit_moved(&self, _: &PoolAdvice) {}

    /// A caller got no connection, for whatever reason, gave up waiting for one, or could not begin a
    /// transaction on it. Told in the task of the caller.
    fn acquire_failed(&self) {}

    /// Something failed and is run again after a pause.
    fn retried(&self, _: &RetryEvent) {}

    /// Something of this name succeeded that had failed before, and was run again.
    fn retry_recovered(&self, _name: &'static str) {}

    /// Something of this name failed in a way that might have been run again, and is not.
    fn retry_refused(&self, _name: &'static str, _: RetryRefusal) {}

    /// A caller gave its connection back after this time.
    fn released(&self, _: Duration) {}
}

/// What has become of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransactionEvent {
    /// The outermost one has begun. Savepoints are not told.
    Began,
    /// The outermost one has been committed. What was written has been told to
    /// [`PoolObserver::committed`] before; what is to be done after the commit follows.
    Committed,
    /// The outermost one has been rolled back, or cannot be committed any more. Where a future was
    /// dropped that ran a transaction, it is rolled back by another task, and nothing is told.
    RolledBack,
    /// A savepoint in it has been rolled back.
    RolledBackToSavepoint,
    /// The connection was lost before COMMIT was answered: nobody knows whether it took effect.
    InDoubt,
}

/// Something that failed and is run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryEvent {
    /// What was run, by the name that its program gave it.
    pub name: &'static str,
    /// How often it has been run so far.
    pub attempt: u32,
    /// Why it may be run again.
    pub reason: RetryReason,
    /// How long it waits before that.
    pub pause: Duration,
    /// The SQLSTATE with which it failed, where the server gave one.
    pub state: Option<SqlState>,
}

/// Why something is not run again that might have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetryRefusal {
    /// It was run as often as its policy allows.
    Attempts,
    /// Its policy or the deadline of its request leaves no time.
    Time,
    /// The budget of the pool was spent.
    Budget,
    /// It runs inside a transaction or a retry, which has to be run again as a whole.
    Nested,
}

impl RetryRefusal {
    /// The refusal as a word for logs and series.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attempts => "attempts",
            Self::Time => "time",
            Self::Budget => "budget",
            Self::Nested => "nested",
        }
    }
}

/// SQL that takes effect together with writes, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Companion {
    /// One statement, without a semicolon at its end. It returns one row with one column, as
    /// text: the id of its transaction (`pg_current_xact_id()`), or NULL where it has none.
    pub sql: String,
    /// Whether the server may refuse it because the transaction may only read (25006): then the
    /// transaction is rolled back and counts as done. Where the statement itself can tell whether
    /// anything was written, say no, so that nothing is lost.
    pub may_be_refused: bool,
}

/// A statement that has ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct EndedStatement<'a> {
    /// The name of the pool.
    pub pool: &'a str,
    /// What the statement does.
    pub profile: &'a StatementProfile,
    /// From sending it to reading the end of its answer.
    pub duration: Duration,
    /// When its answer had been read, or given up.
    pub ended: Instant,
    /// The rows that it returned.
    pub rows: u64,
    /// What these took on the wire, in bytes.
    pub bytes: u64,
    /// It may write, and what it writes takes effect with it and not with a transaction.
    pub writes_now: bool,
    /// How it ended.
    pub outcome: StatementOutcome<'a>,
    /// As what it was sent, with its values; `None` where it was not sent, or is several in one
    /// text.
    pub sent: Option<&'a SentStatement>,
    /// Under what transactions of its session run, if under anything.
    pub scope: Option<&'a TransactionSettings>,
}

/// How a statement ended.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum StatementOutcome<'a> {
    /// Its answer was read.
    Answered,
    /// The server refused it.
    Refused(&'a ServerError),
    /// The connection was lost, or the answer took too long.
    Lost,
    /// Its caller left before the end of the answer.
    Abandoned,
}

/// Whether a statement may write something that others read, by its text.
pub(crate) fn may_write_by_its_text(profile: &StatementProfile) -> bool {
    !matches!(profile.effect, Effect::None | Effect::Read)
        || profile.session_effect() != SessionEffect::None
}

/// An observer that may be missing, so that options can be compared and shown.
#[derive(Clone, Default)]
pub struct Observer(pub(crate) Option<Arc<dyn PoolObserver>>);

impl Observer {
    /// Tells this observer.
    pub fn new(observer: Arc<dyn PoolObserver>) -> Self {
        Self(Some(observer))
    }

    /// Whether there is nobody to be told.
    pub(crate) fn is_missing(&self) -> bool {
        self.0.is_none()
    }

    /// Whether anybody has to be told of what this statement does.
    pub(crate) fn may_write(&self, profile: &StatementProfile) -> bool {
        self.0
            .as_ref()
            .is_some_and(|observer| observer.may_write(profile))
    }

    /// What a statement leaves behind on its session.
    pub(crate) fn session_effect(&self, profile: &StatementProfile) -> SessionEffect {
        match &self.0 {
            Some(observer) => observer.session_effect(profile),
            None => profile.session_effect(),
        }
    }

    /// Whether names mean what the observer takes them for.
    pub(crate) fn knows_role(&self, role: &str) -> bool {
        let observer = self.0.as_ref();
        observer.is_none_or(|observer| observer.knows_role(role))
    }

    pub(crate) fn knows(&self, settings: &SessionSettings) -> bool {
        self.0
            .as_ref()
            .is_none_or(|observer| observer.knows(settings))
    }

    /// Whether a statement may be sent on a connection that many share.
    pub(crate) fn may_share_connection(&self, profile: &StatementProfile) -> bool {
        let observer = self.0.as_ref();
        observer.is_some_and(|observer| observer.may_share_connection(profile))
    }

    /// Which values of a statement name its rows.
    pub(crate) fn key_parameters(&self, profile: &StatementProfile) -> Option<Arc<[u16]>> {
        self.0.as_ref()?.key_parameters(profile)
    }

    pub(crate) fn unread(&self, effects: &Effects) -> Option<Box<dyn Any + Send>> {
        self.0.as_ref()?.unread(effects)
    }

    pub(crate) fn companion(&self, effects: &Effects) -> Option<Companion> {
        self.0.as_ref()?.companion(effects)
    }

    pub(crate) fn unaccompanied(&self, effects: &Effects) -> Option<Box<dyn Any + Send>> {
        self.0.as_ref()?.unaccompanied(effects)
    }

    pub(crate) fn holder_name(&self) -> Option<Arc<str>> {
        self.0.as_ref()?.holder_name()
    }

    pub(crate) fn tell(&self, event: impl FnOnce(&dyn PoolObserver)) {
        if let Some(observer) = &self.0 {
            event(&**observer);
        }
    }
}

impl PartialEq for Observer {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Eq for Observer {}

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Observer" } else { "None" })
    }
}
