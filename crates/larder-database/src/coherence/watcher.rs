//! Hears from the pool what was written, and tells the cache before the writer hears of it.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use larder_cache::{Cache, Cause, Dependency, Doubt};
use larder_metrics::{OperationScope, PoolRecorder, QueryRecorder};
use larder_pool::{ConnectError, Effects, EndedStatement, PoolObserver, SessionSettings};
use larder_sql::catalog::{CATALOG_QUERY, DIGEST_QUERY, WriteSet};
use larder_sql::{Effect, Fingerprint, SessionEffect, StatementProfile, classify};

use super::Picture;
use crate::observation;

/// What is told to the observer of the pool.
pub(crate) struct Watcher {
    pub(crate) cache: Cache,
    pub(crate) picture: Arc<Picture>,
    pub(crate) queries: QueryRecorder,
    pub(crate) connections: PoolRecorder,
    /// Our own statements, which are nobody's query.
    own: [Fingerprint; 2],
    doubts: Mutex<Vec<(Instant, Doubt)>>,
}

/// What a write invalidates.
enum Touched {
    Tables(BTreeSet<u32>),
    Everything,
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
    ) -> Self {
        Self {
            cache,
            picture,
            queries,
            connections,
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
        match self.touched(effects) {
            Touched::Tables(tables) if tables.is_empty() => None,
            Touched::Tables(tables) => {
                Some(versions.doubt(tables.into_iter().map(Dependency::table)))
            }
            Touched::Everything => Some(versions.doubt_everything()),
        }
    }

    fn is_own(&self, effects: &Effects) -> bool {
        let mut statements = effects.statements().iter();
        statements.all(|profile| self.own.contains(&profile.fingerprint))
    }

    /// What was written, by the picture of the catalog. Notes where definitions may have changed.
    fn touched(&self, effects: &Effects) -> Touched {
        let statements = effects.statements();
        let state = self.picture.current();
        let changes_schema = |profile: &Arc<StatementProfile>| match &state {
            Some(state) => state.catalog.may_change_schema(profile),
            None => profile.writes_everything(),
        };
        if statements.iter().any(changes_schema) {
            // Before anything is invalidated: what is loaded from then on is judged by a
            // picture that was taken later.
            self.picture.changed();
            return Touched::Everything;
        }
        let Some(state) = state else {
            return Touched::Everything;
        };
        let mut tables = BTreeSet::new();
        let mut wrote = false;
        for profile in statements {
            let writes = state.writes(profile);
            wrote |= writes != WriteSet::Nothing;
            match writes {
                WriteSet::Nothing => {}
                WriteSet::Tables(written) => tables.extend(written.iter().map(|table| table.0)),
                WriteSet::Everything(_) => {
                    // A function may change definitions too; the digest tells.
                    self.picture.changed();
                    return Touched::Everything;
                }
            }
        }
        // Under other names it would be other tables. What writes nothing has none.
        if effects.is_unclear() && (wrote || statements.is_empty()) {
            return Touched::Everything;
        }
        Touched::Tables(tables)
    }
}

impl PoolObserver for Watcher {
    fn may_write(&self, profile: &StatementProfile) -> bool {
        if !matches!(profile.effect, Effect::None | Effect::Read)
            || self.session_effect(profile) != SessionEffect::None
        {
            return true;
        }
        if profile.effect == Effect::None {
            return false;
        }
        // A view can call a function that writes, and so can an operator. Only the catalog knows.
        match self.picture.current() {
            Some(state) => !matches!(state.writes(profile), WriteSet::Nothing),
            None => !self.own.contains(&profile.fingerprint),
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

    fn knows(&self, settings: &SessionSettings) -> bool {
        let state = self.picture.current();
        state.is_none_or(|state| state.settings == *settings)
    }

    fn unread(&self, effects: &Effects) -> Option<Box<dyn Any + Send>> {
        let doubt = self.doubt(effects)?;
        Some(Box::new(doubt))
    }

    fn statement_ended(&self, statement: &EndedStatement<'_>) {
        if !self.own.contains(&statement.profile.fingerprint) {
            observation::record(&self.queries, self.connections.pool(), statement);
            OperationScope::record_query();
        }
    }

    fn committed(&self, effects: &Effects, _transaction: Option<u64>) {
        if self.is_own(effects) {
            return;
        }
        match self.touched(effects) {
            Touched::Everything => self.cache.invalidate_everything(Cause::Write),
            Touched::Tables(tables) if tables.is_empty() => {}
            Touched::Tables(tables) => {
                let tables: Vec<_> = tables.into_iter().map(Dependency::table).collect();
                self.cache.invalidate(&tables, Cause::Write);
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

    fn released(&self, used_for: Duration) {
        self.connections.released(used_for);
    }
}
