//! The wire to one server process, shared by the connection and the row streams that it hands out.
//!
//! The link knows what became of every statement: which were answered, which were
//! given up by their caller before the answer was read, and which the server refused.
//! That is what tells whether a transaction can be committed and whether a
//! connection can be used again.

mod snapshot;
mod ticket;

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{CancelToken, Client};

use super::observation::{Observation, Recording, Watch};
use super::rows::Rows;
use super::settings::SessionSettings;
use super::statement::{Statement, StatementCache};
use super::types::{TypeCatalog, TypeName, TypeOids};
use crate::observer::Effects;
use crate::server_error::{ServerError, SqlState, to_diesel};

pub(crate) use self::ticket::Ticket;

use self::ticket::Pending;

const UNDEFINED_OBJECT: &str = "42704";
const INVALID_STATEMENT_NAME: &str = "26000";
/// "cached plan must not change result type" comes under this one.
const FEATURE_NOT_SUPPORTED: &str = "0A000";
/// "cache lookup failed for type" comes under this one: the type was dropped.
const INTERNAL_ERROR: &str = "XX000";

pub(crate) struct Link {
    client: Client,
    statements: Mutex<StatementCache>,
    /// The question for the snapshot, once it is prepared.
    snapshot: Mutex<Option<tokio_postgres::Statement>>,
    types: Arc<TypeCatalog>,
    watch: Arc<Watch>,
    settings: SessionSettings,
    journal: Mutex<Journal>,
    driver: JoinHandle<()>,
    answer_timeout: Mutex<Option<Duration>>,
    lost: Arc<OnceLock<String>>,
}

/// What happened on the link.
#[derive(Default)]
struct Journal {
    /// Statements sent so far; each has its number.
    sent: u64,
    /// The highest number whose answer was read to its end. The server answers in
    /// order, so everything below it is over too.
    answered: u64,
    /// Some answer was given up before its end: whether that statement failed is not known.
    given_up: bool,
    /// The first error since the transaction or its innermost savepoint began.
    failure: Option<ServerError>,
    /// The last error since the connection was lent.
    last_error: Option<ServerError>,
    /// The two sides no longer agree on what comes next.
    out_of_step: bool,
    /// What statements outside of a transaction may have written whose answer nobody read.
    unread: Effects,
    /// What the observer holds on to until it is known what became of those.
    unread_guards: Vec<Box<dyn Any + Send>>,
    /// What ran, while somebody records it.
    recording: Option<Recording>,
}

/// What the connections of a pool have in common.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) types: Arc<TypeCatalog>,
    pub(crate) watch: Arc<Watch>,
}

/// The task that runs the protocol of a connection, and why it ended.
pub(crate) struct Driver {
    pub(crate) task: JoinHandle<()>,
    pub(crate) lost: Arc<OnceLock<String>>,
}

impl Link {
    pub(crate) fn new(
        client: Client,
        shared: Shared,
        settings: SessionSettings,
        driver: Driver,
        answer_timeout: Option<Duration>,
    ) -> Self {
        Self {
            client,
            statements: Mutex::new(StatementCache::new()),
            snapshot: Mutex::default(),
            types: shared.types,
            watch: shared.watch,
            settings,
            journal: Mutex::new(Journal::default()),
            driver: driver.task,
            answer_timeout: Mutex::new(answer_timeout),
            lost: driver.lost,
        }
    }

    pub(crate) fn types(&self) -> &Arc<TypeCatalog> {
        &self.types
    }

    pub(crate) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// The settings with which the session began.
    pub(crate) fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Why the connection is gone, if that is known.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.get().map(String::as_str)
    }

    /// Whether the two sides no longer agree on what comes next, as after a COPY that
    /// nobody feeds.
    pub(crate) fn is_out_of_step(&self) -> bool {
        self.journal().out_of_step
    }

    /// Changes how long a statement may stay without an answer; gives what it was.
    pub(crate) fn set_answer_timeout(&self, limit: Option<Duration>) -> Option<Duration> {
        let mut current = self
            .answer_timeout
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, limit)
    }

    pub(crate) fn cancel_token(&self) -> CancelToken {
        self.client.cancel_token()
    }

    /// Closes the socket at once, whatever travels on it.
    pub(crate) fn sever(&self) {
        self.driver.abort();
    }

    /// Whether the server may still be at work on something.
    pub(crate) fn is_busy(&self) -> bool {
        let journal = self.journal();
        journal.answered < journal.sent
    }

    /// Whether the outcome of some statement was never read.
    pub(crate) fn has_given_up(&self) -> bool {
        self.journal().given_up
    }

    /// The first error since the transaction, or its innermost savepoint, began.
    pub(crate) fn failure(&self) -> Option<ServerError> {
        self.journal().failure.clone()
    }

    /// The last error that the server reported on this link.
    pub(crate) fn last_error(&self) -> Option<ServerError> {
        self.journal().last_error.clone()
    }

    /// The transaction or savepoint in which statements failed has ended.
    pub(crate) fn forget_failures(&self) {
        let mut journal = self.journal();
        journal.failure = None;
        journal.given_up = false;
    }

    /// Begins to record what runs.
    pub(crate) fn record(&self) {
        self.journal().recording = Some(Recording::default());
    }

    /// Ends the recording and gives it.
    pub(crate) fn recorded(&self) -> Recording {
        self.journal().recording.take().unwrap_or_default()
    }

    /// Statements outside of a transaction whose answer nobody read are over: tells what
    /// they may have written.
    pub(crate) fn settle_unread(&self) {
        let (effects, guards) = self.take_unread();
        if !effects.is_empty() {
            self.watch
                .observer
                .tell(|observer| observer.committed(&effects));
        }
        drop(guards);
    }

    /// The connection is given up; nobody knows what became of those statements.
    pub(crate) fn doubt_unread(&self) {
        let (effects, guards) = self.take_unread();
        if !effects.is_empty() {
            self.watch
                .observer
                .tell(|observer| observer.in_doubt(&effects));
        }
        drop(guards);
    }

    fn take_unread(&self) -> (Effects, Vec<Box<dyn Any + Send>>) {
        let mut journal = self.journal();
        let effects = std::mem::take(&mut journal.unread);
        (effects, std::mem::take(&mut journal.unread_guards))
    }

    /// The connection goes to somebody else, who is not to hear of this one's errors.
    pub(crate) fn forget_everything(&self) {
        let mut journal = self.journal();
        journal.failure = None;
        journal.given_up = false;
        journal.last_error = None;
        journal.recording = None;
    }

    pub(crate) fn cached_statements(&self) -> usize {
        self.statements().len()
    }

    pub(crate) fn resize_statement_cache(&self, capacity: usize) {
        self.statements().resize(capacity);
    }

    /// Sends SQL without binds, several statements perhaps.
    pub(crate) async fn batch(self: &Arc<Self>, sql: &str) -> QueryResult<()> {
        self.watched_batch(sql, None).await
    }

    /// The same for a user's SQL, which is watched.
    pub(crate) async fn watched_batch(
        self: &Arc<Self>,
        sql: &str,
        observation: Option<Observation>,
    ) -> QueryResult<()> {
        let mut ticket = Ticket::new(self);
        ticket.watch(observation);
        let result = self.answer(self.client.batch_execute(sql)).await?;
        ticket.settle(result)
    }

    /// Waits for the first answer to a statement. Without one in time the ticket is dropped
    /// unanswered, so that the connection does not count as free.
    async fn answer<T>(&self, statement: impl Future<Output = T>) -> QueryResult<T> {
        let limit = *self
            .answer_timeout
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(limit) = limit else {
            return Ok(statement.await);
        };
        timeout(limit, statement).await.map_err(|_| {
            let message = format!("the database has not answered within {limit:?}");
            DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message))
        })
    }

    /// Sends a statement and gives its rows as they come.
    pub(crate) async fn query<'conn>(
        self: &Arc<Self>,
        mut statement: Statement,
        observation: Observation,
    ) -> QueryResult<Rows<'conn>> {
        let mut observation = Pending::new(self, observation);
        self.resolve_types(&mut statement)
            .await
            .map_err(|error| observation.failed(error))?;
        let key = statement.key();
        let kept = key.as_ref().and_then(|key| self.statements().get(key));
        let prepared = match kept {
            Some(kept) => kept,
            None => {
                refuse_transaction_control(&statement.sql)?;
                let prepared = self
                    .prepare(&statement)
                    .await
                    .map_err(|error| observation.failed(error))?;
                if let Some(key) = &key {
                    self.statements().insert(key.clone(), prepared.clone());
                }
                prepared
            }
        };
        let sent = self.send(&prepared, &statement, observation.take()).await;
        if let (Err(_), Some(key)) = (&sent, &key)
            && self.last_error_makes_statements_useless()
        {
            self.statements().remove(key);
        }
        sent
    }

    async fn prepare(
        self: &Arc<Self>,
        statement: &Statement,
    ) -> QueryResult<tokio_postgres::Statement> {
        let mut ticket = Ticket::new(self);
        let types = statement.binds.types();
        let preparing = self.client.prepare_typed(&statement.sql, &types);
        let result = self.answer(preparing).await?;
        ticket.settle(result)
    }

    async fn send<'conn>(
        self: &Arc<Self>,
        prepared: &tokio_postgres::Statement,
        statement: &Statement,
        observation: Option<Observation>,
    ) -> QueryResult<Rows<'conn>> {
        let mut ticket = Ticket::new(self);
        ticket.watch(observation);
        let sent = self.client.query_raw(prepared, &statement.binds.values);
        match self.answer(sent).await? {
            Ok(stream) => Ok(Rows::new(stream, ticket)),
            Err(error) => Err(ticket.failed(&error)),
        }
    }

    /// Asks the catalog for the user-defined types that the pool has not met yet.
    async fn resolve_types(self: &Arc<Self>, statement: &mut Statement) -> QueryResult<()> {
        if statement.binds.unresolved().is_empty() {
            return Ok(());
        }
        let mut found = Vec::with_capacity(statement.binds.unresolved().len());
        for name in statement.binds.unresolved() {
            found.push(self.look_up(name).await?);
        }
        statement.binds.resolve(&found);
        Ok(())
    }

    async fn look_up(self: &Arc<Self>, name: &TypeName) -> QueryResult<TypeOids> {
        if let Some(known) = self.types.get(name) {
            return Ok(known);
        }
        let mut ticket = Ticket::new(self);
        let quoted = name.quoted();
        let binds: [(&(dyn ToSql + Sync), Type); 1] = [(&quoted, Type::TEXT)];
        let asked = self.client.query_typed(
            "SELECT oid, typarray FROM pg_catalog.pg_type WHERE oid = pg_catalog.to_regtype($1)",
            &binds,
        );
        let rows = self.answer(asked).await?;
        let rows = ticket.settle(rows)?;
        let row = rows.first().ok_or_else(|| {
            DieselError::SerializationError(
                format!("the type {} does not exist in this database", name.quoted()).into(),
            )
        })?;
        let oids = TypeOids {
            oid: row.get(0),
            array_oid: row.get(1),
        };
        self.types.insert(name.clone(), oids);
        Ok(oids)
    }

    /// Notes an error and gives it as Diesel states it.
    fn report(&self, error: &tokio_postgres::Error, reply: Option<ServerError>) -> DieselError {
        if let Some(reply) = reply {
            if matches!(reply.state().as_str(), UNDEFINED_OBJECT | INTERNAL_ERROR) {
                self.types.clear();
            }
            let mut journal = self.journal();
            // What follows the first error in a transaction only repeats it.
            if journal.failure.is_none() {
                journal.failure = Some(reply.clone());
            }
            journal.last_error = Some(reply);
        }
        to_diesel(error, self.lost())
    }

    fn last_error_makes_statements_useless(&self) -> bool {
        self.journal().last_error.as_ref().is_some_and(|error| {
            matches!(
                error.state().as_str(),
                INVALID_STATEMENT_NAME | FEATURE_NOT_SUPPORTED | UNDEFINED_OBJECT | INTERNAL_ERROR
            )
        })
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn statements(&self) -> MutexGuard<'_, StatementCache> {
        self.statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Transactions are begun and ended by the transaction manager alone: it could not
/// keep its promises otherwise.
///
/// # Errors
///
/// If the text contains such a statement.
pub(crate) fn refuse_transaction_control(sql: &str) -> QueryResult<()> {
    match larder_sql::transaction_control(sql) {
        None => Ok(()),
        Some(words) => Err(DieselError::DatabaseError(
            DatabaseErrorKind::Unknown,
            Box::new(format!(
                "{words} cannot be sent as SQL: use `transaction`, and `transaction` inside it for a savepoint"
            )),
        )),
    }
}

/// Whether the server said that a statement came too late in a failed transaction.
pub(crate) fn came_after_a_failure(error: &ServerError) -> bool {
    error.state() == SqlState::IN_FAILED_TRANSACTION
}
