//! The wire to one server process, shared by the connection and the row streams that it hands out.
//!
//! The link knows what became of every statement: which were answered, which were
//! given up by their caller before the answer was read, and which the server refused.
//! That is what tells whether a transaction can be committed and whether a
//! connection can be used again.

mod accompanied;
mod answer;
mod commit;
mod journal;
mod snapshot;
mod ticket;
mod transaction_id;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use futures::TryStreamExt;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{CancelToken, Client};

use super::observation::{Observation, Watch};
use super::rows::Rows;
use super::settings::SessionSettings;
use super::statement::{Statement, StatementCache};
use super::types::{TypeCatalog, TypeName, TypeOids};
use crate::deadline;
use crate::server_error::{ServerError, SqlState, late, too_late, with_causes};
use crate::trouble::ServerIdentity;

pub(crate) use self::answer::Answer;
pub(crate) use self::commit::Sent;
pub(crate) use self::ticket::Ticket;

use self::accompanied::Request;
use self::journal::Journal;
use self::ticket::Pending;
use self::transaction_id::ask_identity;

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
    lost: Arc<OnceLock<Lost>>,
    is_standby: bool,
    /// Which server it leads to, once that was answered and if it could be.
    identity: Arc<OnceLock<Option<ServerIdentity>>>,
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
    pub(crate) lost: Arc<OnceLock<Lost>>,
    /// The server was a standby when the connection was made.
    pub(crate) is_standby: bool,
}

/// Why a connection is gone.
pub(crate) struct Lost {
    pub(crate) text: String,
    /// What the server said when it hung up.
    server: Option<ServerError>,
}

impl Lost {
    pub(crate) fn by(error: &tokio_postgres::Error) -> Self {
        Self {
            text: with_causes(error),
            server: ServerError::of(error),
        }
    }
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
            identity: ask_identity(&client),
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
            is_standby: driver.is_standby,
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

    /// Whether the server was a standby when the connection was made.
    pub(crate) fn is_standby(&self) -> bool {
        self.is_standby
    }

    /// Why the connection is gone, if that is known.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.get().map(|lost| lost.text.as_str())
    }

    /// What the server said when it hung up, if it said something.
    pub(crate) fn farewell(&self) -> Option<&ServerError> {
        self.lost.get()?.server.as_ref()
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

    pub(crate) fn cached_statements(&self) -> usize {
        self.statements().len()
    }

    pub(crate) fn resize_statement_cache(&self, capacity: usize) {
        self.statements().resize(capacity);
    }

    /// Sends SQL without binds, several statements perhaps. It is Larder's own, and not bound by
    /// the deadline of a request.
    pub(crate) async fn batch(self: &Arc<Self>, sql: &str) -> QueryResult<()> {
        let mut ticket = Ticket::new(self);
        let result = self.answer_anyway(self.client.batch_execute(sql)).await?;
        ticket.settle(result)
    }

    /// The same for a user's SQL, which is watched.
    pub(crate) async fn watched_batch(
        self: &Arc<Self>,
        sql: &str,
        observation: Observation,
    ) -> QueryResult<()> {
        if let Some(companion) = observation.companion() {
            let batch = self.accompany(Request::Batch(sql), observation, companion);
            let mut answer = batch.await?;
            while answer.try_next().await?.is_some() {}
            return Ok(());
        }
        let mut ticket = Ticket::new(self);
        ticket.watch(Some(observation));
        let sent = self.asking_behind(self.client.batch_execute(sql));
        let result = self.answer(sent).await?;
        ticket.settle(result)
    }

    /// Waits for the first answer to a statement, no longer than its request has left. Without
    /// one in time the ticket is dropped unanswered, so that the connection does not count as
    /// free.
    async fn answer<T>(&self, statement: impl Future<Output = T>) -> QueryResult<T> {
        let _waiting = deadline::Wait::begin("an answer of the database");
        let own = self.answer_timeout();
        let Some(limit) = deadline::at_most(own) else {
            return Ok(self.in_turn(statement).await);
        };
        timeout(limit, self.in_turn(statement)).await.map_err(|_| {
            let of_request = deadline::limit().filter(|_| own.is_none_or(|own| limit < own));
            of_request.map_or_else(|| late(limit), too_late)
        })
    }

    /// The same for what has to be done whatever the request has left, as a ROLLBACK.
    async fn answer_anyway<T>(&self, statement: impl Future<Output = T>) -> QueryResult<T> {
        let _waiting = deadline::Wait::begin("an answer of the database");
        let statement = self.in_turn(statement);
        match self.answer_timeout() {
            Some(limit) => timeout(limit, statement).await.map_err(|_| late(limit)),
            None => Ok(statement.await),
        }
    }

    /// Reads what was asked on the side before, and then sends the statement.
    async fn in_turn<T>(&self, statement: impl Future<Output = T>) -> T {
        self.read_transaction_id().await;
        statement.await
    }

    fn answer_timeout(&self) -> Option<Duration> {
        *self
            .answer_timeout
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a statement and gives its rows as they come.
    pub(crate) async fn query<'conn>(
        self: &Arc<Self>,
        mut statement: Statement,
        observation: Observation,
    ) -> QueryResult<Rows<'conn>> {
        let mut observation = Pending::new(self, Some(observation));
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
        let observation = observation.take();
        let companion = observation.as_ref().and_then(Observation::companion);
        let sent = match (observation, companion) {
            (Some(observation), Some(companion)) => {
                let request = Request::Statement(&prepared, &statement.binds.values);
                self.accompany(request, observation, companion).await
            }
            (observation, _) => self.send(&prepared, &statement, observation).await,
        };
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
        let sent = self.asking_behind(sent);
        match self.answer(sent).await? {
            Ok(rows) => Ok(Rows::new(Answer::of(rows), ticket)),
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
