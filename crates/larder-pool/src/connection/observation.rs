//! One statement as it is watched, from before it is sent to the end of its answer.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use larder_sql::{Fingerprint, StatementProfile, StatementProfiles};
use tracing::Span;

use super::sent::SentStatement;
use super::settings::SessionSettings;
use super::spans;
use super::sql_text::SqlText;
use crate::TransactionSettings;
use crate::observer::{Companion, EndedStatement, Observer, StatementOutcome};
use crate::server_error::ServerError;
use crate::written::{Effects, Written, WrittenKeys};

/// What watches all connections of a pool.
pub(crate) struct Watch {
    id: u64,
    pub(crate) pool: String,
    pub(crate) observer: Observer,
    profiles: Profiles,
    /// Those of the last connection, so that equal ones are the same.
    settings: Mutex<Option<SessionSettings>>,
    /// How often what connections remember has become useless.
    generation: AtomicU64,
}

impl Watch {
    pub(crate) fn new(pool: &str, observer: Observer) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            pool: pool.to_owned(),
            observer,
            profiles: Profiles::default(),
            settings: Mutex::default(),
            generation: AtomicU64::new(0),
        })
    }

    /// Tells the pools of a process apart.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Which connections were made from now on: those of an earlier generation are outdated.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What the connections of this generation remember of the database is no longer true. They
    /// are closed when they come back, all of them: the next user is not to find that out.
    pub(crate) fn outdate(&self, generation: u64) {
        let next = generation + 1;
        self.generation.fetch_max(next, Ordering::AcqRel);
    }

    /// These settings, as the same object as those of the connection before where they are
    /// equal: they are compared often.
    pub(crate) fn common_settings(&self, settings: SessionSettings) -> SessionSettings {
        let mut last = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(last) if *last == settings => last.clone(),
            _ => last.insert(settings).clone(),
        }
    }

    pub(crate) fn profiles(&self) -> &Profiles {
        &self.profiles
    }
}

/// What the statements of a pool do, each read once.
pub(crate) struct Profiles {
    by_text: StatementProfiles,
}

impl Default for Profiles {
    fn default() -> Self {
        /// Some thousands of statements.
        const BYTES: u64 = 8 << 20;
        Self {
            by_text: StatementProfiles::with_capacity(BYTES),
        }
    }
}

impl Profiles {
    pub(crate) fn of_text(&self, sql: &str) -> Arc<StatementProfile> {
        self.by_text.classify(sql)
    }

    pub(crate) fn of(&self, sql: &SqlText) -> Arc<StatementProfile> {
        match sql {
            SqlText::Static(written) => Arc::clone(written.profile()),
            SqlText::Owned(text) => self.by_text.classify(text),
        }
    }
}

/// A statement on its way.
// On the heap: it is handed from one future to the next, and each has room for it.
pub(crate) struct Observation(Box<Watched>);

struct Watched {
    watch: Arc<Watch>,
    statement: Written,
    started: Instant,
    rows: u64,
    bytes: u64,
    values: u64,
    /// Outside of a transaction a write takes effect with its statement.
    writes_now: bool,
    /// It was sent in a transaction of its own.
    in_own_transaction: bool,
    /// It may write, outside of a transaction, whether or not somebody observes that.
    commits_by_itself: bool,
    /// Its names may mean other tables than usual.
    unclear: bool,
    /// Under what the transaction of its own has to run in which it is sent.
    under: Option<TransactionSettings>,
    /// It may write, whether or not somebody is told of that.
    may_write: bool,
    /// No transaction is open.
    is_alone: bool,
    /// The snapshot is asked for before it, in the transaction of its own.
    with_snapshot: bool,
    /// As what it was sent, for whoever hears of its end.
    sent: Option<SentStatement>,
    /// Under what transactions of its session run.
    scope: Option<TransactionSettings>,
    /// For whoever follows it.
    span: Span,
}

impl Observation {
    /// A statement that writes nothing, or nothing before its transaction commits.
    pub(crate) fn of_read(watch: &Arc<Watch>, statement: Written) -> Self {
        Self(Box::new(Watched {
            watch: Arc::clone(watch),
            statement,
            started: Instant::now(),
            rows: 0,
            bytes: 0,
            values: 0,
            writes_now: false,
            in_own_transaction: false,
            commits_by_itself: false,
            unclear: false,
            under: None,
            may_write: true,
            is_alone: false,
            with_snapshot: false,
            sent: None,
            scope: None,
            span: Span::none(),
        }))
    }

    /// It will be sent as this.
    pub(crate) fn sends(&mut self, statement: SentStatement) {
        self.0.sent = Some(statement);
    }

    /// It is followed by this.
    pub(crate) fn followed_by(mut self, span: Span) -> Self {
        self.0.span = span;
        self
    }

    /// What the statement is to carry to the server, as a comment.
    pub(crate) fn comment(&self) -> Option<String> {
        let observer = self.0.watch.observer.0.as_ref()?;
        let trace = observer.trace_context(&self.0.span)?;
        // Nothing that could end the comment.
        let is_safe = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        let is_safe = trace.len() <= 64 && trace.bytes().all(is_safe);
        is_safe.then(|| format!("traceparent='{trace}'"))
    }

    /// Transactions of its session run under these.
    pub(crate) fn within(mut self, scope: Option<TransactionSettings>) -> Self {
        self.0.scope = scope;
        self
    }

    /// The snapshot is asked for before it, in the transaction of its own in which it is sent.
    pub(crate) fn with_snapshot(mut self) -> Self {
        self.0.with_snapshot = true;
        self
    }

    /// Whether the snapshot is asked for before it.
    pub(crate) fn is_with_snapshot(&self) -> bool {
        self.0.with_snapshot
    }

    /// No transaction is open, if that is so.
    pub(crate) fn alone(mut self, is_alone: bool) -> Self {
        self.0.is_alone = is_alone;
        self
    }

    /// Whether no transaction is open.
    pub(crate) fn is_alone(&self) -> bool {
        self.0.is_alone
    }

    /// A statement outside of a transaction that may write.
    pub(crate) fn of_write(watch: &Arc<Watch>, statement: Written, unclear: bool) -> Self {
        let mut write = Self::of_read(watch, statement);
        write.0.writes_now = true;
        write.0.unclear = unclear;
        write
    }

    /// It has to be sent in a transaction of its own under these, if there are any.
    pub(crate) fn under(mut self, settings: Option<TransactionSettings>, may_write: bool) -> Self {
        self.0.under = settings;
        self.0.may_write = may_write;
        self
    }

    /// Under what the transaction of its own has to run in which it is sent.
    pub(crate) fn settings(&self) -> Option<&TransactionSettings> {
        self.0.under.as_ref()
    }

    /// Whether it may write.
    pub(crate) fn may_write(&self) -> bool {
        self.0.may_write
    }

    /// Whether it may write outside of a transaction.
    pub(crate) fn committing_by_itself(mut self, commits_by_itself: bool) -> Self {
        self.0.commits_by_itself = commits_by_itself;
        self
    }

    /// What has to take effect together with it.
    pub(crate) fn companion(&self) -> Option<Companion> {
        if !self.0.writes_now {
            return None;
        }
        self.0.watch.observer.companion(&self.effects())
    }

    /// Tells that no companion goes with it; what the observer holds on to meanwhile.
    pub(crate) fn unaccompanied(&self) -> Option<Box<dyn Any + Send>> {
        self.0.watch.observer.unaccompanied(&self.effects())
    }

    fn effects(&self) -> Effects {
        Effects::of(self.0.statement.clone(), self.0.unclear)
    }

    /// Which statement it is.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.0.statement.profile.fingerprint
    }

    /// Whether it may write and what it writes takes effect with it, whoever observes it.
    pub(crate) fn commits_by_itself(&self) -> bool {
        self.0.commits_by_itself
    }

    /// What is recorded of it when it is sent.
    pub(crate) fn recorded(&self) -> Recorded {
        Recorded {
            profile: Arc::clone(&self.0.statement.profile),
            keys: self.0.statement.keys.clone(),
            rows: None,
        }
    }

    /// It is sent in a transaction of its own.
    pub(crate) fn accompanied(mut self) -> Self {
        self.0.in_own_transaction = true;
        self
    }

    /// It is sent once more, by itself.
    pub(crate) fn apart(mut self) -> Self {
        self.0.in_own_transaction = false;
        self
    }

    /// A row has arrived.
    pub(crate) fn row(&mut self, bytes: usize, values: usize) {
        self.0.rows += 1;
        self.0.bytes += bytes as u64;
        self.0.values += values as u64;
    }

    /// Rows have arrived all at once.
    pub(crate) fn rows_arrived(&mut self, rows: u64, bytes: u64, values: u64) {
        self.0.rows += rows;
        self.0.bytes += bytes;
        self.0.values += values;
    }

    /// How many values its rows had, NULLs included.
    pub(crate) fn values(&self) -> u64 {
        self.0.values
    }

    /// How many rows have arrived.
    pub(crate) fn rows(&self) -> u64 {
        self.0.rows
    }

    /// How many bytes its rows had on the wire.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// Its answer was read to the end, and so was that of its companion.
    pub(crate) fn answered(self, transaction: Option<u64>) {
        self.settle(StatementOutcome::Answered, transaction);
    }

    /// The server refused it. By itself, outside of a transaction, it may have done something all
    /// the same: a procedure commits in its middle. In one of its own it was rolled back.
    pub(crate) fn refused(self, error: &ServerError) {
        if self.0.in_own_transaction {
            self.report(StatementOutcome::Refused(error));
            return;
        }
        self.settle(StatementOutcome::Refused(error), None);
    }

    fn settle(self, outcome: StatementOutcome<'_>, transaction: Option<u64>) {
        if self.0.writes_now {
            let effects = self.effects();
            self.0
                .watch
                .observer
                .tell(|observer| observer.committed(&effects, transaction));
        }
        self.report(outcome);
    }

    /// The connection was lost under it. What it wrote is in doubt.
    pub(crate) fn lost(self) {
        if self.0.writes_now {
            let effects = self.effects();
            self.0
                .watch
                .observer
                .tell(|observer| observer.in_doubt(&effects));
        }
        self.report(StatementOutcome::Lost);
    }

    /// It failed before it was sent, with this error of the server's if it has one: nothing of
    /// it has run.
    pub(crate) fn not_sent(self, error: Option<&ServerError>) {
        self.report(error.map_or(StatementOutcome::Lost, StatementOutcome::Refused));
    }

    /// Nobody waits for its answer any more: the caller left, or it `is_late`. What it wrote has
    /// to be told once it is over.
    pub(crate) fn abandoned(self, is_late: bool) -> Effects {
        // Whoever has had rows and left was answered in time.
        self.report(match is_late && self.0.rows == 0 {
            true => StatementOutcome::Lost,
            false => StatementOutcome::Abandoned,
        });
        if self.0.writes_now {
            self.effects()
        } else {
            Effects::default()
        }
    }

    fn report(&self, outcome: StatementOutcome<'_>) {
        spans::end(&self.0.span, &outcome, self.0.rows);
        self.0.watch.observer.tell(|observer| {
            let ended = Instant::now();
            observer.statement_ended(&EndedStatement {
                pool: &self.0.watch.pool,
                profile: &self.0.statement.profile,
                duration: ended.duration_since(self.0.started),
                ended,
                rows: self.0.rows,
                bytes: self.0.bytes,
                writes_now: self.0.writes_now,
                outcome,
                sent: self.0.sent.as_ref(),
                scope: self.0.scope.as_ref(),
            });
        });
    }
}

/// What ran on a connection while somebody recorded it.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Recording {
    /// The statements, in their order.
    pub statements: Vec<Recorded>,
    /// How many bytes their rows had on the wire.
    pub bytes: u64,
    /// How many values these rows had, NULLs included.
    pub values: u64,
}

/// A statement that was recorded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recorded {
    /// What it does.
    pub profile: Arc<StatementProfile>,
    /// The values of the parameters that
    /// [`PoolObserver::key_parameters`](crate::PoolObserver::key_parameters) told; `None` as for
    /// [`Written::keys`].
    pub keys: Option<WrittenKeys>,
    /// How many rows it returned; `None` where its answer was not read to the end.
    pub rows: Option<u64>,
}
