//! A statement of a user's before it is sent: who is told of it, and what is kept of it.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use diesel::QueryResult;
use larder_sql::{Effect, SessionEffect, StatementKind, StatementProfile};

use super::binds::Binds;
use super::observation::{Observation, Watch};
use super::spans::SessionSpan;
use super::statement::Statement;
use super::{Connection, Link, SessionSettings, spans};
use crate::observer::may_write_by_its_text;
use crate::written::{BoundKey, Written, WrittenKeys};
use crate::{Repetition, TransactionSettings};

/// A statement that is about to be sent.
#[non_exhaustive]
pub struct BeginningStatement<'a> {
    /// What it does.
    pub profile: &'a Arc<StatementProfile>,
    /// Which transaction is open on its connection, if one is: the number that
    /// [`PoolObserver::transaction`](crate::PoolObserver::transaction) was told.
    pub transaction: Option<u64>,
    /// What the user of the session has done to it before, beyond reading and writing tables.
    /// Of several statements sent as one text, what they do themselves counts too.
    pub session_effect: SessionEffect,
    /// The settings with which the session began.
    pub settings: &'a SessionSettings,
    /// Under what its transaction runs, which may be one of its own.
    pub transaction_settings: Option<&'a TransactionSettings>,
    /// Whether the server was a standby when the connection was made.
    pub is_standby: bool,
    /// When somebody began to make the connection.
    pub opened_at: Instant,
    /// How often the user of the session has run this text. Not counted on a connection that many
    /// share.
    pub repetition: Repetition,
    binds: Option<&'a Binds>,
    watch: &'a Watch,
}

impl BeginningStatement<'_> {
    /// The values that are bound to these parameters, counted from 0. `None` if one of them is
    /// NULL or is not there, or its type is a user's that is not known yet.
    pub fn keys(&self, parameters: &[u16]) -> Option<Vec<BoundKey>> {
        keys(self.binds, parameters)
    }

    /// Whether its names may mean other tables than the observer takes them for.
    pub fn is_unclear(&self) -> bool {
        let observer = &self.watch.observer;
        let role = self
            .transaction_settings
            .and_then(TransactionSettings::role);
        self.session_effect == SessionEffect::Names
            || !observer.knows(self.settings)
            || role.is_some_and(|role| !observer.knows_role(role))
    }
}

/// Without the values, which may be anybody's.
impl fmt::Debug for BeginningStatement<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("BeginningStatement")
            .field("statement", &self.profile.normalised)
            .field("transaction", &self.transaction)
            .field("session_effect", &self.session_effect)
            .finish_non_exhaustive()
    }
}

/// A query that only reads is about to be sent on a connection that others use at the same time,
/// opened at this moment.
pub(crate) fn begin_shared(
    link: &Link,
    opened_at: Instant,
    profile: &Arc<StatementProfile>,
    binds: &Binds,
) -> Observation {
    let watch = link.watch();
    let beginning = BeginningStatement {
        profile,
        transaction: None,
        session_effect: SessionEffect::None,
        settings: link.settings(),
        transaction_settings: None,
        is_standby: link.is_standby(),
        opened_at,
        repetition: Repetition::default(),
        binds: Some(binds),
        watch,
    };
    watch
        .observer
        .tell(|observer| observer.statement_begins(&beginning));
    let written = Written {
        profile: Arc::clone(profile),
        keys: None,
    };
    let span = spans::statement(profile, &watch.pool, &SessionSpan::default());
    Observation::of_read(watch, written).followed_by(span)
}

impl Connection {
    pub(super) fn observe_statement(&mut self, statement: &Statement) -> QueryResult<Observation> {
        let profiles = self.link.watch().profiles();
        let profile = profiles.of(&statement.sql);
        self.observe(profile, Some(&statement.binds))
    }

    /// A user's statement is about to be sent, with these values if it has any.
    pub(super) fn observe(
        &mut self,
        profile: Arc<StatementProfile>,
        binds: Option<&Binds>,
    ) -> QueryResult<Observation> {
        self.transaction.refuse_in_doubt()?;
        if !self.transaction.is_open() && !self.has_changed_session() {
            self.link.limit_session();
        }
        let names = self.note_session_effect(&profile);
        let repetition = self.repetitions.count(profile.fingerprint);
        let watch = self.link.watch();
        let beginning = BeginningStatement {
            profile: &profile,
            transaction: self.transaction.number(),
            session_effect: names,
            settings: self.link.settings(),
            transaction_settings: self.transaction_settings.as_ref(),
            is_standby: self.link.is_standby(),
            opened_at: self.opened,
            repetition,
            binds,
            watch,
        };
        watch
            .observer
            .tell(|observer| observer.statement_begins(&beginning));
        let may_write = watch.observer.may_write(&profile);
        let writes = writes_by_its_text(&profile);
        let is_in_transaction = self.transaction.is_open();
        if writes {
            self.link.note_write();
        }
        if writes && is_in_transaction {
            self.link.want_transaction_id();
        }
        let commits_by_itself = writes && !is_in_transaction;
        let mut keys = None;
        if may_write || self.recording {
            let parameters = watch.observer.key_parameters(&profile);
            keys = parameters.and_then(|parameters| {
                let values = beginning.keys(&parameters)?;
                WrittenKeys::new(parameters, values)
            });
        }
        let is_alone = !self.transaction.is_open();
        let span = spans::statement(&profile, &watch.pool, &self.span);
        let scope = self.transaction_settings.clone();
        let under = scope.clone();
        let under = under.filter(|_| !self.transaction.is_open());
        if !may_write {
            let may_change = watch.observer.is_missing() && may_write_by_its_text(&profile);
            let read = Observation::of_read(watch, Written { profile, keys });
            let read = read.committing_by_itself(commits_by_itself).within(scope);
            let read = read.followed_by(span);
            return Ok(read.under(under, may_change).alone(is_alone));
        }
        let unclear = beginning.is_unclear();
        let written = Written { profile, keys };
        if self.transaction.is_open() {
            // Its transaction tells what it wrote.
            let observed = Written {
                profile: Arc::clone(&written.profile),
                keys: written.keys.as_ref().filter(|_| self.recording).cloned(),
            };
            self.transaction.effects.wrote(written, unclear);
            let read = Observation::of_read(watch, observed).within(scope);
            return Ok(read.followed_by(span));
        }
        let write = Observation::of_write(watch, written, unclear);
        let write = write.committing_by_itself(commits_by_itself).within(scope);
        let write = write.followed_by(span);
        Ok(write.under(under, true).alone(is_alone))
    }

    /// Notes what a statement leaves behind on its session. Gives what decides which tables its
    /// names mean.
    fn note_session_effect(&mut self, profile: &StatementProfile) -> SessionEffect {
        let effect = match self.link.watch().observer.session_effect(profile) {
            // Not by a command of its own but by a function that nobody knows: it may have set
            // the search path or the role.
            SessionEffect::State if calls_function(profile) => SessionEffect::Names,
            effect => effect,
        };
        let before = self.changed;
        self.changed = before.max(effect);
        if profile.kind == StatementKind::Prepare || forgets_statements(profile) {
            // Its name would be taken, and nothing undoes it without undoing our own. Or our own
            // are gone, and with them those by which tokio-postgres looks up types.
            self.condemned = true;
        }
        // A statement's own names are read before it runs; those of a batch one after the other.
        match profile.kind {
            StatementKind::Batch => self.changed,
            _ => before,
        }
    }
}

/// The values of some parameters, if all of them are known.
fn keys(binds: Option<&Binds>, parameters: &[u16]) -> Option<Vec<BoundKey>> {
    let key = |parameter: &u16| binds?.key(usize::from(*parameter));
    parameters.iter().map(key).collect()
}

/// Whether a statement writes rows, or calls a function that may. As the text tells it: an observer
/// that has not seen the catalog yet takes every read for a write.
fn writes_by_its_text(profile: &StatementProfile) -> bool {
    match profile.effect {
        Effect::None => false,
        Effect::Read => profile.session_effect() != SessionEffect::None,
        _ => true,
    }
}

/// Whether what a statement leaves on its session comes from a function in it.
fn calls_function(profile: &StatementProfile) -> bool {
    !profile.functions.is_empty()
        && !matches!(
            profile.kind,
            StatementKind::Set | StatementKind::Listen | StatementKind::Prepare
        )
}

/// Whether a statement makes the server forget the prepared statements of the session.
fn forgets_statements(profile: &StatementProfile) -> bool {
    if !matches!(profile.kind, StatementKind::Set | StatementKind::Batch) {
        return false;
    }
    let text = profile.normalised.to_ascii_lowercase();
    text.contains("discard all") || text.contains("deallocate")
}
