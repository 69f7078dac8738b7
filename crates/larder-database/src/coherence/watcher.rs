//! Hears from the pool what was written, and tells the cache before the writer hears of it.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use larder_cache::{Cache, Cause, Doubt, TransactionId};
use larder_metrics::{OperationScope, PoolRecorder, QueryRecorder};
use larder_pool::{
    BeginningStatement, Companion, ConnectError, Effects, EndedStatement, PoolObserver, RetryEvent,
    RetryRefusal, SessionSettings, TransactionEvent, Written,
};
use larder_sql::catalog::{CATALOG_QUERY, DIGEST_QUERY, RowWrite, WriteSet};
use larder_sql::{Effect, Fingerprint, SessionEffect, StatementKind, StatementProfile, classify};

use super::Picture;
use super::heat::Heat;
use super::writes::{touched, writes_log};
use crate::fleet::{Fleet, apply};
use crate::observation;
use crate::scope::{CallScope, Context};
use crate::slow::Notice;

/// What is told to the observer of the pool.
pub(crate) struct Watcher {
    pub(crate) cache: Cache,
    pub(crate) picture: Arc<Picture>,
    pub(crate) queries: QueryRecorder,
    pub(crate) connections: PoolRecorder,
    pub(crate) heat: Heat,
    /// The other processes; `None` where there are none.
    fleet: Option<Arc<Fleet>>,
    /// What becomes of slow and of repeated statements.
    notice: Notice,
    /// Our own statements, which are nobody's query.
    own: [Fingerprint; 2],
    doubts: Mutex<Vec<(Instant, Doubt)>>,
}

impl Watcher {
    /// How long a write whose outcome nobody knows keeps its tables out of the cache. A COMMIT
    /// can take effect after its connection was lost; it seldom takes longer than seconds.
    const DOUBT: Duration = Duration::from_secs(60);

    pub(crate) fn new(
        cache: Cache,
        picture: Arc<Picture>,
        queries: QueryRecorder,
        connections: PoolRecorder,
        heat: Heat,
        fleet: Option<Arc<Fleet>>,
        notice: Notice,
    ) -> Self {
        Self {
            cache,
            picture,
            queries,
            connections,
            heat,
            fleet,
            notice,
            own: [CATALOG_QUERY, DIGEST_QUERY].map(|text| classify(text).fingerprint),
            doubts: Mutex::default(),
        }
    }

    /// Lets go of doubts whose time is up.
    pub(crate) fn settle_doubts(&self) {
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.retain(|(since, _)| since.elapsed() < Self::DOUBT);
    }

    /// Keeps what was written out of the cache, for as long as the doubt lives.
    fn doubt(&self, effects: &Effects) -> Option<Doubt> {
        let versions = self.cache.versions();
        let touched = touched(&self.picture, effects);
        if touched.is_everything() {
            return Some(versions.doubt_everything());
        }
        (!touched.is_empty()).then(|| versions.doubt(touched.iter()))
    }

    /// Since when connections lead to the server whose log is followed; `None` if that is since
    /// the start.
    pub(crate) fn begun(&self) -> Option<Instant> {
        self.fleet.as_ref()?.begun()
    }

    fn is_own(&self, effects: &Effects) -> bool {
        let mut statements = effects.written().iter();
        effects.notes().is_empty()
            && statements.all(|written| self.is_own_statement(&written.profile))
    }

    /// Tells the call that the current task works for, if there is one for this database.
    fn tell_call(&self, tell: impl FnOnce(&CallScope)) {
        Context::look(|context| {
            if let Some(call) = context
                .call
                .as_deref()
                .filter(|call| call.is_for(&self.picture))
            {
                tell(call);
            }
        });
    }

    fn is_own_statement(&self, profile: &StatementProfile) -> bool {
        self.own.contains(&profile.fingerprint) || writes_log(profile)
    }
}

impl PoolObserver for Watcher {
    fn may_write(&self, profile: &StatementProfile) -> bool {
        if writes_log(profile) {
            return false;
        }
        if !matches!(profile.effect, Effect::None | Effect::Read)
            || self.session_effect(profile) != SessionEffect::None
        {
            return true;
        }
        if profile.effect == Effect::None {
            return false;
        }
        // A view can call a function that writes, and so can an operator. Only the catalog knows.
        match self.picture.current().or_else(|| self.picture.last()) {
            Some(state) => !matches!(state.writes(profile), WriteSet::Nothing),
            None => !self.is_own_statement(profile),
        }
    }

    fn session_effect(&self, profile: &StatementProfile) -> SessionEffect {
        match profile.session_effect() {
            // By a function that the text does not know. The catalog may: one of an extension, or
            // a user's that says that it is stable.
            SessionEffect::State if !profile.functions.is_empty() => {
                let is_harmless = self.own.contains(&profile.fingerprint)
                    || self
                        .picture
                        .current()
                        .is_some_and(|state| state.leaves_nothing(profile));
                if is_harmless {
                    SessionEffect::None
                } else {
                    SessionEffect::State
                }
            }
            effect => effect,
        }
    }

    fn may_share_connection(&self, profile: &StatementProfile) -> bool {
        // What it calls, and what the views call that it reads, is known to the catalog alone.
        profile.is_plain_read()
            && profile.session_effect() != SessionEffect::Names
            && self
                .picture
                .current()
                .is_some_and(|state| state.leaves_nothing(profile))
    }

    fn knows(&self, settings: &SessionSettings) -> bool {
        let state = self.picture.current();
        state.is_none_or(|state| state.settings == *settings)
    }

    fn knows_role(&self, role: &str) -> bool {
        let state = self.picture.current();
        state.is_none_or(|state| state.roles.see_the_same(role) == Some(true))
    }

    fn unread(&self, effects: &Effects) -> Option<Box<dyn Any + Send>> {
        let doubt = self.doubt(effects)?;
        Some(Box::new(doubt))
    }

    fn key_parameters(&self, profile: &StatementProfile) -> Option<Arc<[u16]>> {
        let state = self.picture.current()?;
        let access = match state.row_write(profile) {
            Some(RowWrite::Rows(access)) => access,
            Some(RowWrite::NewRows(_)) => return None,
            None => state.row_read(profile)?,
        };
        Some(access.parameters.into())
    }

    fn statement_begins(&self, statement: &BeginningStatement<'_>) {
        let mut repeated = (statement.repetition, "session");
        Context::look(|context| {
            if self.is_own_statement(statement.profile) {
                return;
            }
            if let Some(request) = &context.repetitions {
                repeated = (request.count(statement.profile), "request");
            }
            if let Some(trace) = &context.trace {
                trace.sent(statement.profile);
            }
            if let Some(call) = &context.call {
                call.note(self, statement);
            }
        });
        let (repetition, place) = repeated;
        let profile = statement.profile;
        let is_own = || self.is_own_statement(profile);
        self.notice
            .repeated(&self.queries, profile, repetition, place, is_own);
    }

    fn transaction(&self, transaction: u64, event: TransactionEvent) {
        self.tell_call(|call| match event {
            TransactionEvent::Began => call.began_transaction(transaction),
            TransactionEvent::Committed => call.committed_transaction(transaction),
            // What was read in it, or returned by it, never was, or nobody knows.
            _ => call.refuse("a transaction in it was not committed"),
        });
    }

    fn statement_ended(&self, statement: &EndedStatement<'_>) {
        if !self.is_own_statement(statement.profile) {
            let recorded = observation::record(&self.queries, self.connections.pool(), statement);
            if recorded.slow {
                let profile = statement.profile;
                let only_reads = || profile.is_plain_read() && !self.may_write(profile);
                self.notice.slow(&self.queries, statement, only_reads);
            }
            OperationScope::record_query();
            self.tell_call(|call| call.ended(statement));
        }
    }

    fn companion(&self, effects: &Effects) -> Option<Companion> {
        let fleet = self.fleet.as_ref()?;
        if self.is_own(effects) {
            return None;
        }
        let touched = touched(&self.picture, effects);
        (!touched.is_empty()).then(|| Companion {
            sql: fleet.row(&touched),
            // It writes nothing where nothing was written, and is refused for nothing else.
            may_be_refused: false,
        })
    }

    fn unaccompanied(&self, effects: &Effects) -> Option<Box<dyn Any + Send>> {
        let fleet = self.fleet.as_ref()?;
        let touched = touched(&self.picture, effects);
        if touched.is_empty() {
            return None;
        }
        Some(Box::new((self.doubt(effects), fleet.unlogged(touched))))
    }

    fn committed(&self, effects: &Effects, transaction: Option<u64>) {
        if self.is_own(effects) {
            return;
        }
        let touched = touched(&self.picture, effects);
        if touched.is_empty() {
            return;
        }
        self.heat.wrote(&touched);
        match (&self.fleet, transaction) {
            (Some(fleet), Some(transaction)) => {
                let transaction = TransactionId(transaction);
                let times = fleet.committed(&self.cache, &touched, transaction, Cause::Write);
                self.tell_call(|call| call.has_invalidated(&touched, times));
            }
            (Some(fleet), None) => {
                // Its transaction is not known, and so neither is what of the second tier is from
                // before it: nothing is, until the log was looked into.
                if let Some(doubt) = self.doubt(effects) {
                    fleet.hold_until_looked(self.cache.lease_clock().now(), doubt);
                }
                apply(&self.cache, &touched, Cause::Write);
                if !effects.notes().is_empty() {
                    // Of a transaction that may only read: nothing was written, but noted.
                    fleet.owe(&self.cache, &touched);
                }
                fleet.announce();
            }
            (None, _) => {
                let times = apply(&self.cache, &touched, Cause::Write);
                self.tell_call(|call| call.has_invalidated(&touched, times));
            }
        }
    }

    fn in_doubt(&self, effects: &Effects) {
        if self.is_own(effects) {
            return;
        }
        let Some(doubt) = self.doubt(effects) else {
            return;
        };
        if self.fleet.is_some() && !effects.written().iter().any(may_commit_inside) {
            // If it takes effect, its row in the log appears with it. What is kept goes all the
            // same, when the doubt is dropped here.
            tracing::warn!("the connection was lost under a write whose outcome is not known");
            return;
        }
        tracing::warn!(
            "the connection was lost under a write whose outcome is not known: what it may have written is not cached for {:?}",
            Self::DOUBT
        );
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.push((Instant::now(), doubt));
    }

    fn connected(&self, took: Duration) {
        self.connections.connected(took);
    }

    fn connect_failed(&self, error: &ConnectError) {
        self.connections.connect_failed(observation::cause(error));
    }

    fn acquired(&self, waited: Duration) {
        self.connections.acquired(waited);
    }

    fn acquire_timed_out(&self) {
        self.connections.acquire_timed_out();
    }

    fn retried(&self, event: &RetryEvent) {
        self.connections.retried(event.name, event.reason.as_str());
    }

    fn retry_refused(&self, name: &'static str, refusal: RetryRefusal) {
        self.connections.retry_refused(name, refusal.as_str());
    }

    fn holder_name(&self) -> Option<Arc<str>> {
        OperationScope::current().map(|service| service.shared_name())
    }

    fn acquire_failed(&self) {
        self.tell_call(CallScope::has_failed);
    }

    fn released(&self, used_for: Duration) {
        self.connections.released(used_for);
    }
}

/// Whether a statement may have been sent without its row in the log, because it commits by itself.
fn may_commit_inside(written: &Written) -> bool {
    matches!(
        written.profile.kind,
        StatementKind::Call | StatementKind::Do
    )
}
