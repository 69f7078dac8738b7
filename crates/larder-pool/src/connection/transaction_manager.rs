//! How transactions and savepoints begin and end; the commit itself is next door.
//!
//! The manager speaks BEGIN, COMMIT, ROLLBACK and the savepoints, and nobody else
//! may. It refuses to take for a commit what the server made a rollback: PostgreSQL
//! answers COMMIT in a failed transaction with ROLLBACK, and with no error.

mod commit;

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel::QueryResult;
use diesel::connection::{
    Instrumentation as _, InstrumentationEvent, TransactionDepthChange, TransactionManagerStatus,
    ValidTransactionManagerStatus,
};
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::effects::{self, Notes, TransactionEffects};
use super::local_settings::set_local;
use super::{Connection, Link};
use crate::TransactionSettings;
use crate::observer::{Observer, TransactionEvent};
use crate::server_error::ServerError;

pub(crate) use self::commit::CommitFailure;

/// Begins, commits and rolls back transactions on a [`Connection`].
#[derive(Debug, Clone, Copy)]
pub struct TransactionManager;

/// What a [`Connection`] knows of its transaction.
#[derive(Debug, Default)]
pub struct TransactionState {
    status: TransactionManagerStatus,
    /// A BEGIN, COMMIT, ROLLBACK or savepoint is on its way. If its future is dropped
    /// this stays set, and nobody knows any more what the server thinks.
    in_doubt: bool,
    /// The transaction was begun as one that only reads.
    read_only: bool,
    /// COMMIT was sent. If its answer is never read, what was written may have taken effect.
    commit_sent: bool,
    /// COMMIT was sent, and nobody knows what became of it.
    commit_unknown: bool,
    commit_failure: Option<CommitFailure>,
    /// The observer was told that it began, and not yet how it ended.
    told: bool,
    /// Tells it from all others of this process.
    number: u64,
    /// How the outermost transaction was begun, and how many statements had been sent then.
    begun: Option<Begun>,
    pub(super) effects: TransactionEffects,
}

/// How a transaction was begun. Its text has the values of settings, which may be secret.
struct Begun {
    sql: Arc<str>,
    sent: u64,
}

impl std::fmt::Debug for Begun {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Begun").finish_non_exhaustive()
    }
}

impl TransactionState {
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.status.transaction_depth(), Ok(None))
    }

    /// Which transaction is open, if one is.
    pub(crate) fn number(&self) -> Option<u64> {
        self.is_open().then_some(self.number)
    }

    /// Whether a transaction is open in which nothing was sent yet.
    pub(super) fn is_untouched(&self, link: &Link) -> bool {
        let is_outermost =
            matches!(self.status.transaction_depth(), Ok(Some(depth)) if depth.get() == 1);
        let is_first = |begun: &Begun| begun.sent == link.sent();
        is_outermost && !self.in_doubt && self.begun.as_ref().is_some_and(is_first)
    }

    /// How the outermost transaction was begun.
    pub(super) fn begin(&self) -> Option<Arc<str>> {
        self.begun.as_ref().map(|begun| Arc::clone(&begun.sql))
    }

    /// It was begun again on this link.
    pub(super) fn touch_from(&mut self, link: &Link) {
        if let Some(Begun { sent, .. }) = &mut self.begun {
            *sent = link.sent();
        }
    }

    /// Whether nobody knows what became of a COMMIT.
    pub(crate) fn is_commit_unknown(&self) -> bool {
        self.commit_unknown || self.commit_sent
    }

    /// Nothing is open and nothing is in doubt.
    pub(crate) fn is_idle(&self) -> bool {
        !self.in_doubt && !self.is_open()
    }

    /// Refuses a statement while nobody knows whether a transaction is open: a write that takes
    /// itself for a part of one might take effect at once.
    pub(super) fn refuse_in_doubt(&self) -> QueryResult<()> {
        let in_error = matches!(self.status, TransactionManagerStatus::InError);
        if self.in_doubt || in_error {
            return Err(DieselError::BrokenTransactionManager);
        }
        Ok(())
    }

    /// How deep the transactions are nested: 0 without any.
    pub(crate) fn level(&mut self) -> QueryResult<u32> {
        Ok(self.depth()?.map_or(0, NonZeroU32::get))
    }

    /// The server has confirmed that no transaction is open, without saying how it ended.
    pub(crate) fn reset(&mut self, observer: &Observer) {
        let mut ended = std::mem::take(self);
        if !ended.commit_sent {
            effects::run(ended.effects.roll_back_all());
            return;
        }
        let (written, _) = ended.effects.take();
        if !written.is_empty() {
            observer.tell(|observer| observer.committed(&written, None));
        }
    }

    /// The connection is lost, and with it what was not committed.
    pub(crate) fn lose(&mut self, observer: &Observer) {
        if !self.effects.is_open() {
            return;
        }
        if self.commit_sent {
            self.doubt(observer);
        } else {
            effects::run(self.effects.roll_back_all());
        }
    }

    /// The outcome of the commit is not known, and may never be.
    fn doubt(&mut self, observer: &Observer) {
        self.commit_sent = false;
        self.commit_unknown = true;
        let (written, _) = self.effects.take();
        if !written.is_empty() {
            observer.tell(|observer| observer.in_doubt(&written));
        }
    }

    /// The commit has taken effect.
    fn committed(&mut self, observer: &Observer, transaction: Option<u64>) {
        self.commit_sent = false;
        let (written, hooks) = self.effects.take();
        if !written.is_empty() {
            observer.tell(|observer| observer.committed(&written, transaction));
        }
        self.ended(observer, TransactionEvent::Committed);
        effects::run(hooks);
    }

    fn rolled_back(&mut self, observer: &Observer) {
        self.commit_sent = false;
        self.ended(observer, TransactionEvent::RolledBack);
        effects::run(self.effects.roll_back_all());
    }

    /// What is noted in the transaction that is open.
    pub(crate) fn notes(&self) -> Arc<Notes> {
        self.effects.notes()
    }

    /// The outermost transaction has begun.
    fn began(&mut self, observer: &Observer) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        self.told = true;
        self.number = NEXT.fetch_add(1, Ordering::Relaxed);
        observer.tell(|observer| observer.transaction(self.number, TransactionEvent::Began));
    }

    /// The outermost transaction has ended. That is told once.
    fn ended(&mut self, observer: &Observer, event: TransactionEvent) {
        if std::mem::take(&mut self.told) {
            observer.tell(|observer| observer.transaction(self.number, event));
        }
    }

    /// It could not be rolled back, and will be when its session ends: nobody commits it any more.
    pub(crate) fn given_up(&mut self, observer: &Observer) {
        if !self.commit_sent {
            self.ended(observer, TransactionEvent::RolledBack);
        }
    }

    pub(crate) fn take_commit_failure(&mut self) -> Option<CommitFailure> {
        self.commit_failure.take()
    }

    fn valid(&mut self) -> QueryResult<&mut ValidTransactionManagerStatus> {
        if self.in_doubt {
            self.status.set_in_error();
        }
        self.status.transaction_state()
    }

    fn depth(&mut self) -> QueryResult<Option<NonZeroU32>> {
        Ok(self.valid()?.transaction_depth())
    }

    fn deepen(&mut self) -> QueryResult<()> {
        self.effects.deepen();
        self.valid()?
            .change_transaction_depth(TransactionDepthChange::IncreaseDepth)
    }

    fn surface(&mut self) -> QueryResult<()> {
        self.valid()?
            .change_transaction_depth(TransactionDepthChange::DecreaseDepth)
    }
}

impl TransactionManager {
    /// Begins the outermost transaction with SQL of the caller's, such as
    /// `BEGIN ISOLATION LEVEL SERIALIZABLE`. Whether that makes it read only is told beside it,
    /// and which settings hold until its end: they travel in the same round trip.
    ///
    /// # Errors
    ///
    /// If a transaction is open, or the server refuses. No transaction is open then.
    pub(crate) async fn begin_with(
        connection: &mut Connection,
        sql: &str,
        read_only: bool,
        local_settings: &[(String, String)],
    ) -> QueryResult<()> {
        if connection.transaction.depth()?.is_some() {
            return Err(DieselError::AlreadyInTransaction);
        }
        announce_begin(connection, NonZeroU32::MIN);
        connection.transaction.commit_failure = None;
        connection.transaction.read_only = read_only;
        connection.link.forget_transaction();
        let settings = connection.transaction_settings.clone();
        let mut begin = connection.link.beginning(sql, settings.as_ref());
        // What somebody asks for is not overruled, by name: the values are anybody's.
        let is_limited = connection.has_changed_session()
            || settings.as_ref().is_some_and(limits_statements)
            || local_settings.iter().any(|(name, _)| is_limit(name));
        let local_settings = local_settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let local_settings = set_local(local_settings);
        if !local_settings.is_empty() {
            begin = format!("{begin}; {local_settings}");
        }
        if !connection.has_changed_session() {
            // The deadline of an earlier request must not outlast it.
            connection.link.unlimit_session();
        }
        if !is_limited && let Some(limit) = connection.link.limit_of_transaction() {
            begin = format!("{begin}; {limit}");
        }
        let mut begun = send(connection, &begin).await;
        if let Err(error) = &begun
            && !connection.has_changed_session()
            && connection.was_lost_with(error)
            && Box::pin(connection.replace()).await.is_ok()
        {
            begun = send(connection, &begin).await;
        }
        if begun.is_err() {
            if begin != sql {
                Self::end_what_began(connection).await;
            }
            // Whatever was to be read in it is not.
            let observer = &connection.link.watch().observer;
            observer.tell(|observer| observer.acquire_failed());
        }
        begun?;
        connection.transaction.deepen()?;
        if let Some(settings) = settings {
            connection.transaction.effects.run_under(settings);
        }
        connection.transaction.begun = Some(Begun {
            sql: begin.into(),
            sent: connection.link.sent(),
        });
        let watch = connection.link.watch();
        connection.transaction.began(&watch.observer);
        Ok(())
    }

    /// BEGIN has taken effect where a setting behind it was refused.
    async fn end_what_began(connection: &mut Connection) {
        if connection.link.is_closed() || connection.transaction.in_doubt {
            return;
        }
        match send(connection, "ROLLBACK").await {
            Ok(()) => connection.link.forget_transaction(),
            Err(error) => {
                tracing::debug!(%error, "failed to end a transaction that could not begin");
                connection.condemn();
            }
        }
    }

    /// Ends what was begun above a level: a nested transaction whose future was dropped is
    /// still open, whatever has run since.
    ///
    /// # Errors
    ///
    /// If the server does not roll back.
    pub(crate) async fn unwind(connection: &mut Connection, level: u32) -> QueryResult<()> {
        while connection.transaction.level()? > level {
            <Self as diesel_async::TransactionManager<Connection>>::rollback_transaction(
                connection,
            )
            .await?;
        }
        Ok(())
    }

    async fn roll_back_outermost(connection: &mut Connection) -> QueryResult<()> {
        let result = send(connection, "ROLLBACK").await;
        match result {
            Ok(()) => {
                connection.link.forget_transaction();
                let watch = connection.link.watch();
                connection.transaction.rolled_back(&watch.observer);
                connection.transaction.surface()
            }
            Err(error) => {
                connection.transaction.status.set_in_error();
                let watch = connection.link.watch();
                connection.transaction.given_up(&watch.observer);
                Err(error)
            }
        }
    }

    async fn roll_back_to_savepoint(
        connection: &mut Connection,
        savepoint: u32,
    ) -> QueryResult<()> {
        // Released too, so that savepoints of the same name do not pile up in a loop.
        let sql = format!(
            "ROLLBACK TO SAVEPOINT larder_{savepoint}; RELEASE SAVEPOINT larder_{savepoint}"
        );
        match send(connection, &sql).await {
            Ok(()) => {
                connection.link.forget_failures();
                let number = connection.transaction.number;
                let observer = &connection.link.watch().observer;
                let event = TransactionEvent::RolledBackToSavepoint;
                observer.tell(|observer| observer.transaction(number, event));
                effects::run(connection.transaction.effects.roll_back());
                connection.transaction.surface()
            }
            Err(error) => {
                connection.transaction.status.set_in_error();
                Err(error)
            }
        }
    }

    async fn release_savepoint(connection: &mut Connection, savepoint: u32) -> QueryResult<()> {
        let failure = connection.link.failure();
        let released = if failure.is_some() {
            None
        } else {
            Some(send(connection, &format!("RELEASE SAVEPOINT larder_{savepoint}")).await)
        };
        match released {
            Some(Ok(())) => {
                connection.transaction.effects.release();
                connection.transaction.surface()
            }
            Some(Err(error)) if connection.link.is_closed() => Err(error),
            _ => {
                Self::roll_back_to_savepoint(connection, savepoint).await?;
                Err(aborted(failure.as_ref()))
            }
        }
    }
}

impl diesel_async::TransactionManager<Connection> for TransactionManager {
    type TransactionStateData = TransactionState;

    async fn begin_transaction(connection: &mut Connection) -> QueryResult<()> {
        match connection.transaction.depth()? {
            None => Self::begin_with(connection, "BEGIN", false, &[]).await,
            Some(depth) => {
                announce_begin(connection, depth.saturating_add(1));
                send(connection, &format!("SAVEPOINT larder_{depth}")).await?;
                connection.transaction.deepen()
            }
        }
    }

    async fn rollback_transaction(connection: &mut Connection) -> QueryResult<()> {
        let depth = connection
            .transaction
            .depth()?
            .ok_or(DieselError::NotInTransaction)?;
        connection
            .instrumentation
            .on_connection_event(InstrumentationEvent::rollback_transaction(depth));
        match depth.get() {
            1 => Self::roll_back_outermost(connection).await,
            deeper => Self::roll_back_to_savepoint(connection, deeper - 1).await,
        }
    }

    async fn commit_transaction(connection: &mut Connection) -> QueryResult<()> {
        let depth = connection
            .transaction
            .depth()?
            .ok_or(DieselError::NotInTransaction)?;
        connection
            .instrumentation
            .on_connection_event(InstrumentationEvent::commit_transaction(depth));
        match depth.get() {
            1 => Self::commit_outermost(connection).await,
            deeper => Self::release_savepoint(connection, deeper - 1).await,
        }
    }

    fn transaction_manager_status_mut(
        connection: &mut Connection,
    ) -> &mut TransactionManagerStatus {
        &mut connection.transaction.status
    }

    /// A test transaction of Diesel's is not broken, however long it stays open.
    fn is_broken_transaction_manager(connection: &mut Connection) -> bool {
        let is_test = |status: &TransactionManagerStatus| match status {
            TransactionManagerStatus::Valid(status) => status
                .in_transaction
                .as_ref()
                .is_some_and(|open| open.test_transaction),
            TransactionManagerStatus::InError => false,
        };
        let transaction = &connection.transaction;
        !transaction.is_idle() && (transaction.in_doubt || !is_test(&transaction.status))
    }
}

/// Whether a setting of this name is how long a statement may run.
fn is_limit(name: &str) -> bool {
    name.eq_ignore_ascii_case("statement_timeout")
}

fn limits_statements(settings: &TransactionSettings) -> bool {
    settings.names().any(is_limit)
}

/// Sends what begins or ends a transaction. Without an answer, because the future was
/// dropped or the deadline passed, the state stays in doubt.
async fn send(connection: &mut Connection, sql: &str) -> QueryResult<()> {
    connection.transaction.in_doubt = true;
    let result = connection.link.batch(sql).await;
    connection.transaction.in_doubt = connection.link.is_busy();
    result
}

fn announce_begin(connection: &mut Connection, depth: NonZeroU32) {
    connection
        .instrumentation
        .on_connection_event(InstrumentationEvent::begin_transaction(depth));
}

/// The closure of a transaction ended well, but a transaction inside it never ended.
pub(super) fn given_up_inside() -> DieselError {
    DieselError::DatabaseError(
        DatabaseErrorKind::Unknown,
        Box::new(
            "the transaction was rolled back: a transaction inside it was given up before its end"
                .to_owned(),
        ),
    )
}

fn aborted(cause: Option<&ServerError>) -> DieselError {
    let cause: Cow<'_, str> = match cause {
        Some(cause) => cause.to_string().into(),
        None => "its error was not read".into(),
    };
    DieselError::DatabaseError(
        DatabaseErrorKind::Unknown,
        Box::new(format!(
            "the transaction was rolled back: a statement in it had failed: {cause}"
        )),
    )
}
