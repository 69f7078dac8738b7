//! The wire to one server process, shared by the connection and the row streams that it hands out.
//!
//! The link knows what became of every statement: which were answered, which were
//! given up by their caller before the answer was read, and which the server refused.
//! That is what tells whether a transaction can be committed and whether a
//! connection can be used again.

mod accompanied;
mod answer;
mod commented;
mod commit;
mod explain;
mod journal;
mod named;
mod patience;
mod server_limit;
mod snapshot;
mod ticket;
mod transaction_id;
mod unnamed;

use std::sync::atomic::{AtomicBool, Ordering};
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
use super::pooled::{Pooled, ResultTypes};
use super::rows::Rows;
use super::settings::SessionSettings;
use super::statement::{Statement, StatementCache};
use super::types::{TypeCatalog, TypeName, TypeOids};
use crate::TransactionSettings;
use crate::connector::Route;
use crate::deadline;
use crate::server_error::{ServerError, SqlState, late, too_late, with_causes};
use crate::trouble::ServerIdentity;

pub(crate) use self::answer::Answer;
pub(crate) use self::commit::Sent;
pub(crate) use self::server_limit::StatementTimeout;
pub(crate) use self::snapshot::Question;
pub(crate) use self::ticket::Ticket;

use self::accompanied::Request;
use self::commented::commented;
use self::journal::Journal;
use self::patience::Patience;
use self::server_limit::SessionLimit;
use self::ticket::Pending;
use self::transaction_id::ask_identity;
use self::unnamed::{Unnamed, refuse_session_use};

pub(crate) struct Link {
    client: Client,
    statements: Mutex<StatementCache>,
    /// The question for the snapshot, once it is prepared.
    snapshot: Mutex<Option<tokio_postgres::Statement>>,
    types: Arc<TypeCatalog>,
    watch: Arc<Watch>,
    settings: SessionSettings,
    journal: Mutex<Journal>,
    /// The two sides no longer agree on what comes next.
    out_of_step: AtomicBool,
    /// The id of the transaction may be wanted, or be on its way: the journal knows. Here so that
    /// a read need not look.
    is_id_open: AtomicBool,
    driver: JoinHandle<()>,
    answer_timeout: Patience,
    /// An answer has not come within its limit, since the connection was lent.
    late: AtomicBool,
    lost: Arc<OnceLock<Lost>>,
    is_standby: bool,
    /// How long the server lets a statement run where no request has a deadline.
    statement_timeout: StatementTimeout,
    session_limit: SessionLimit,
    route: Route,
    /// Set behind a pooler in transaction mode.
    pooled: Option<Pooled>,
    /// The [generation](Watch::generation) before it was made.
    generation: u64,
    /// Which server it leads to, once that was answered and if it could be.
    identity: Arc<OnceLock<Option<ServerIdentity>>>,
}

/// How the session of a link began.
pub(crate) struct Beginning {
    pub(crate) settings: SessionSettings,
    pub(crate) pooled: Option<Pooled>,
    /// The [generation](Watch::generation) before it was made.
    pub(crate) generation: u64,
    pub(crate) answer_timeout: Option<Duration>,
}

/// What the connections of a pool have in common.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) types: Arc<TypeCatalog>,
    pub(crate) results: Arc<ResultTypes>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) statement_timeout: StatementTimeout,
}

/// The task that runs the protocol of a connection, and why it ended.
pub(crate) struct Driver {
    pub(crate) task: JoinHandle<()>,
    pub(crate) lost: Arc<OnceLock<Lost>>,
    /// The server was a standby when the connection was made.
    pub(crate) is_standby: bool,
    /// Where the connection leads to.
    pub(crate) route: Route,
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
    /// By how much this side waits longer for an answer than the request has left.
    const HEAD_START: Duration = Duration::from_millis(50);

    pub(crate) fn new(
        client: Client,
        shared: Shared,
        beginning: Beginning,
        driver: Driver,
    ) -> Self {
        Self {
            identity: ask_identity(&client),
            client,
            statements: Mutex::new(StatementCache::new()),
            snapshot: Mutex::default(),
            types: shared.types,
            watch: shared.watch,
            settings: beginning.settings,
            journal: Mutex::new(Journal::default()),
            out_of_step: AtomicBool::new(false),
            is_id_open: AtomicBool::new(false),
            driver: driver.task,
            answer_timeout: Patience::new(beginning.answer_timeout),
            late: AtomicBool::new(false),
            lost: driver.lost,
            is_standby: driver.is_standby,
            statement_timeout: shared.statement_timeout,
            session_limit: SessionLimit::default(),
            route: driver.route,
            pooled: beginning.pooled,
            generation: beginning.generation,
        }
    }

    pub(crate) fn types(&self) -> &Arc<TypeCatalog> {
        &self.types
    }

    /// The protocol itself, for whoever sees to the order of statements and answers.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// The settings with which the session began.
    pub(crate) fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    /// Whether a pooler in transaction mode stands before the server.
    pub(crate) fn is_pooled(&self) -> bool {
        self.pooled.is_some()
    }

    /// The message that begins a transaction, with all that has to hold in it.
    pub(crate) fn beginning(&self, begin: &str, settings: Option<&TransactionSettings>) -> String {
        let begin = match &self.pooled {
            Some(pooled) => pooled.defaults.beginning(begin),
            None => begin.to_owned(),
        };
        match settings {
            Some(settings) => settings.beginning(&begin),
            None => begin,
        }
    }

    /// Whether what it remembers of the database has turned out to be no longer true.
    pub(crate) fn is_outdated(&self) -> bool {
        self.generation < self.watch.generation()
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
    pub(crate) fn farewell(&self) -> Option<ServerError> {
        let lost = self.lost.get().and_then(|lost| lost.server.clone());
        lost.or_else(|| self.journal().farewell.clone())
    }

    /// Changes how long a statement may stay without an answer; gives what it was.
    pub(crate) fn set_answer_timeout(&self, limit: Option<Duration>) -> Option<Duration> {
        self.answer_timeout.replace(limit)
    }

    /// Where the connection leads to.
    pub(crate) fn route(&self) -> &Route {
        &self.route
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
        let result = self
            .answer_anyway(Box::pin(self.client.batch_execute(sql)))
            .await?;
        ticket.settle(result)
    }

    /// The same for a user's SQL, which is watched.
    pub(crate) async fn watched_batch(
        self: &Arc<Self>,
        sql: &str,
        observation: Observation,
    ) -> QueryResult<()> {
        if self.is_pooled() {
            refuse_session_use(sql)?;
        }
        let text = observation.comment();
        let text = text.map(|comment| commented(sql, &comment));
        let sql = text.as_deref().unwrap_or(sql);
        let companion = observation.companion();
        let is_wrapped = self.is_pooled() && observation.is_alone();
        if companion.is_some() || observation.settings().is_some() || is_wrapped {
            let batch = self.accompany(Request::Batch(sql), observation, companion);
            let mut answer = batch.await?;
            while answer.try_next().await?.is_some() {}
            return Ok(());
        }
        let mut ticket = Ticket::new(self);
        ticket.watch(Some(observation));
        let sent = self.asking_behind(self.client.batch_execute(sql));
        let answer = self.answer(Box::pin(sent)).await;
        let result = answer.map_err(|error| ticket.late(error))?;
        ticket.settle(result)
    }

    /// Waits for the first answer to a statement, no longer than its request has left. Without
    /// one in time the ticket is dropped unanswered, so that the connection does not count as
    /// free.
    ///
    /// What is waited for comes pinned: each future around one that is taken by value holds it
    /// again.
    async fn answer<T>(&self, statement: impl Future<Output = T> + Unpin) -> QueryResult<T> {
        let _waiting = deadline::Wait::begin("an answer of the database");
        let statement = self.in_turn(statement);
        let own = self.answer_timeout();
        let Some(limit) = deadline::at_most(own) else {
            return Ok(statement.await);
        };
        let of_request = deadline::limit().filter(|_| own.is_none_or(|own| limit < own));
        // The server has the same deadline, and whoever hears of its end keeps the connection.
        let limit = match of_request {
            Some(_) => limit + Self::HEAD_START,
            None => limit,
        };
        let answer = timeout(limit, statement).await;
        answer.map_err(|_| {
            self.late.store(true, Ordering::Relaxed);
            of_request.map_or_else(|| late(limit), too_late)
        })
    }

    /// The same for what has to be done whatever the request has left, as a ROLLBACK.
    async fn answer_anyway<T>(&self, statement: impl Future<Output = T> + Unpin) -> QueryResult<T> {
        let _waiting = deadline::Wait::begin("an answer of the database");
        let statement = self.in_turn(statement);
        match self.answer_timeout() {
            Some(limit) => timeout(limit, statement).await.map_err(|_| late(limit)),
            None => Ok(statement.await),
        }
    }

    /// Whether what is given up now is given up because it takes too long, and not because the
    /// caller has no use for it. After a late answer, its user asks for nothing else.
    fn is_late(&self) -> bool {
        self.late.load(Ordering::Relaxed) || deadline::is_over()
    }

    fn answer_timeout(&self) -> Option<Duration> {
        self.answer_timeout.get()
    }

    /// Sends a statement and gives its rows as they come.
    pub(crate) async fn query<'conn>(
        self: &Arc<Self>,
        mut statement: Arc<Statement>,
        observation: Observation,
    ) -> QueryResult<Rows<'conn>> {
        let settings = observation.settings().cloned();
        let is_alone = observation.is_alone();
        let beginning = || self.beginning("BEGIN", settings.as_ref());
        let beginning = (is_alone && self.is_pooled()).then(beginning);
        let mut observation = Pending::new(self, Some(observation));
        // What is rare is on the heap: every statement is as large as all that it may wait for.
        if !statement.binds.unresolved().is_empty() {
            let resolving = self.resolve_types(Arc::make_mut(&mut statement), beginning.as_deref());
            Box::pin(resolving)
                .await
                .map_err(|error| observation.failed(error))?;
        }
        // Whoever hears of its end may want to know what was sent.
        observation.sends(&statement);
        let comment = observation.comment();
        match (&self.pooled, comment) {
            (Some(pooled), comment) => {
                let text = comment.map(|comment| commented(&statement.sql, &comment));
                let sent = Unnamed {
                    statement: &statement,
                    text: text.as_deref().unwrap_or(&statement.sql),
                };
                let query = self.query_unnamed(pooled, sent, beginning, observation);
                Box::pin(query).await
            }
            (None, Some(comment)) => {
                Box::pin(self.query_commented(&statement, &comment, observation)).await
            }
            (None, None) => self.query_named(&statement, settings, observation).await,
        }
    }

    /// Asks the catalog for the user-defined types that the pool has not met yet.
    async fn resolve_types(
        self: &Arc<Self>,
        statement: &mut Statement,
        beginning: Option<&str>,
    ) -> QueryResult<()> {
        let mut found = Vec::with_capacity(statement.binds.unresolved().len());
        for name in statement.binds.unresolved() {
            found.push(self.look_up(name, beginning).await?);
        }
        statement.binds.resolve(&found);
        Ok(())
    }

    async fn look_up(
        self: &Arc<Self>,
        name: &TypeName,
        beginning: Option<&str>,
    ) -> QueryResult<TypeOids> {
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
        let rows = match beginning {
            Some(beginning) => self.answer(Box::pin(self.under(beginning, asked))).await?,
            None => self.answer(Box::pin(asked)).await?,
        };
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
