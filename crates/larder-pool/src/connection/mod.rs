//! The connection: Diesel's queries over tokio-postgres.
//!
//! [`Connection`] implements diesel-async's traits, so whatever Diesel can express
//! runs on it. It is Larder's own, and not diesel-async's, because every statement
//! has to pass one place that keeps the whole server error, bounds the prepared
//! statements and knows what became of each statement.

mod as_of;
mod begin_again;
mod beginning;
mod binds;
mod effects;
mod hooks;
mod link;
mod local_settings;
mod observation;
mod origin;
mod owned_query;
mod pooled;
mod portable_rows;
mod row;
mod rows;
mod save_changes;
mod sent;
mod settings;
mod spans;
mod sql_text;
mod statement;
mod transaction_manager;
mod types;

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::{
    CacheSize, Instrumentation, InstrumentationEvent, StrQueryHelper, get_default_instrumentation,
};
use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::result::Error as DieselError;
use diesel::{ConnectionResult, QueryResult};
use diesel_async::{AsyncConnection, AsyncConnectionCore, SimpleAsyncConnection};
use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};
use tokio_postgres::CancelToken;

pub use self::beginning::BeginningStatement;
pub use self::observation::{Recorded, Recording};
pub use self::origin::Origin;
pub use self::owned_query::{BoundValues, OwnedQuery, query_text, static_query_id};
pub use self::portable_rows::PortableRows;
pub use self::row::{Row, Value};
pub use self::rows::Rows;
pub use self::sent::SentStatement;
pub use self::settings::SessionSettings;
pub use self::transaction_manager::{TransactionManager, TransactionState};

pub(crate) use self::beginning::begin_shared;
pub(crate) use self::effects::Notes;
pub(crate) use self::link::{Beginning, Driver, Link, Lost, Question, Shared, StatementTimeout};
pub(crate) use self::local_settings::{literal, set_local};
pub(crate) use self::observation::{Observation, Watch};
pub(crate) use self::pooled::{Pooled, TransactionDefaults};
pub(crate) use self::sent::Carrier;
use self::spans::SessionSpan;
pub(crate) use self::statement::{Reuse, Statement};
pub(crate) use self::transaction_manager::CommitFailure;

use larder_sql::SessionEffect;

use self::begin_again::Home;
use self::link::refuse_transaction_control;
use crate::connect_options::ConnectOptions;
use crate::connector::Connector;
use crate::observer::Observer;
use crate::server_error::ServerError;
use crate::{AsyncClosure, Repetitions, TransactionSettings, current};

/// A connection to PostgreSQL on which Diesel's queries run.
///
/// It is handed out by [`Session`](crate::Session) and by transactions; services
/// rarely name it other than as `&mut Connection` in the arguments of a function.
///
/// # Cancel safety
///
/// A future of this connection may be dropped at any time. The statement may have
/// run by then; the connection knows that its outcome was not read. A transaction
/// then cannot be committed unless the server confirms that nothing in it failed.
pub struct Connection {
    link: Arc<Link>,
    pub(crate) transaction: TransactionState,
    /// Diesel's way to observe a connection; nothing is reported where nobody observes.
    instrumentation: Option<Box<dyn Instrumentation>>,
    /// Its user has put another in place of the usual one.
    is_instrumented: bool,
    opened: Instant,
    /// What its user did to the session beyond reading and writing tables.
    changed: SessionEffect,
    /// How often its user has run the same statements.
    repetitions: Repetitions,
    /// What its user does on it, for whoever follows that.
    span: SessionSpan,
    /// Somebody records what runs.
    recording: bool,
    /// Under what its transactions run, and statements outside of them too.
    pub(crate) transaction_settings: Option<TransactionSettings>,
    /// Set where the connection must not be used again, whatever it looks like.
    condemned: bool,
    /// The pool that has lent it: where another connection comes from if this one is lost before
    /// anything depends on it.
    home: Option<Home>,
}

impl Connection {
    /// A connection that somebody began to make at this moment.
    pub(crate) fn new(link: Link, opened: Instant) -> Self {
        Self {
            link: Arc::new(link),
            transaction: TransactionState::default(),
            instrumentation: get_default_instrumentation(),
            is_instrumented: false,
            opened,
            changed: SessionEffect::None,
            repetitions: Repetitions::default(),
            span: SessionSpan::default(),
            recording: false,
            transaction_settings: None,
            condemned: false,
            home: None,
        }
    }

    /// The last error that the server reported on this connection, with everything
    /// that Diesel's error leaves out: SQLSTATE, severity, schema.
    pub fn last_server_error(&self) -> Option<ServerError> {
        self.link.last_error()
    }

    /// Runs a closure in a transaction, or in a savepoint if one is open: commits if it
    /// returns `Ok`, rolls back if it returns `Err`.
    ///
    /// It takes the place of the method of the same name of diesel-async's
    /// `AsyncConnection`, and differs in this: if the closure gave up a nested
    /// transaction (dropped its future) and returns `Ok`, everything is rolled back and
    /// the result is an error. The other one would end the nested transaction and leave
    /// this one open.
    ///
    /// # Errors
    ///
    /// The closure's own, or why the transaction could not begin or did not commit.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the transaction stays open: the enclosing one reports it, and a session
    /// rolls it back when it ends.
    pub async fn transaction<R, E, F>(&mut self, closure: F) -> Result<R, E>
    where
        for<'c> F: AsyncFnOnce(&'c mut Connection) -> Result<R, E>
            + AsyncClosure<&'c mut Connection, Result<R, E>, Future: Send>
            + Send,
        R: Send,
        E: From<DieselError> + Send,
    {
        let outside = self.transaction.level()?;
        <TransactionManager as diesel_async::TransactionManager<Self>>::begin_transaction(self)
            .await?;
        let pool = self.link.watch().id();
        let notes = self.transaction.notes();
        match current::within(pool, Some(notes), closure(&mut *self)).await {
            Ok(value) => {
                if self.transaction.level()? != outside + 1 {
                    TransactionManager::unwind(self, outside).await?;
                    return Err(transaction_manager::given_up_inside().into());
                }
                <TransactionManager as diesel_async::TransactionManager<Self>>::commit_transaction(
                    self,
                )
                .await?;
                Ok(value)
            }
            Err(error) => {
                if let Err(rollback) = TransactionManager::unwind(self, outside).await {
                    tracing::debug!(%rollback, "failed to roll back");
                    self.transaction.given_up(&self.link.watch().observer);
                }
                Err(error)
            }
        }
    }

    /// Whether a transaction is open.
    pub fn is_in_transaction(&self) -> bool {
        self.transaction.is_open()
    }

    /// Changes how long a statement may stay without an answer; `None` is without limit.
    /// Gives what it was before. It holds until the session ends.
    pub fn set_answer_timeout(&self, limit: Option<Duration>) -> Option<Duration> {
        self.link.set_answer_timeout(limit)
    }

    /// How many prepared statements the connection keeps. It never exceeds
    /// what `set_prepared_statement_cache_size` allows, 256 unless told otherwise.
    pub fn prepared_statements(&self) -> usize {
        self.link.cached_statements()
    }

    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    pub(crate) fn cancel_token(&self) -> CancelToken {
        self.link.cancel_token()
    }

    pub(crate) fn condemn(&mut self) {
        self.condemned = true;
    }

    /// What it was condemned for is over.
    pub(crate) fn pardon(&mut self) {
        self.condemned = false;
    }

    /// Whether the other side, or what is on the way there, ended it.
    pub(crate) fn was_lost(&self) -> bool {
        !self.condemned && self.link.is_closed()
    }

    /// Whether the connection can only be thrown away.
    pub(crate) fn is_broken(&self) -> bool {
        self.condemned
            || self.link.is_closed()
            || self.link.is_out_of_step()
            || self.link.is_outdated()
    }

    /// Whether the server may be at work on what its user has left. A COMMIT whose outcome nobody
    /// knows is not counted: it is not to be disturbed.
    pub(crate) fn is_still_served(&self) -> bool {
        !self.link.is_closed() && self.link.is_busy() && !self.transaction.is_commit_unknown()
    }

    /// Somebody begins to use it.
    pub(crate) fn begin_span(&mut self) {
        self.span = SessionSpan::begin(&self.link.watch().pool);
    }

    /// Makes it as it was before its user came, as far as this side of it goes.
    pub(crate) fn forget_user(&mut self) {
        self.home = None;
        self.changed = SessionEffect::None;
        self.repetitions.clear();
        self.span = SessionSpan::default();
        self.recording = false;
        self.transaction_settings = None;
        self.link.unlimit_session();
        self.link.forget_everything();
        self.link
            .resize_statement_cache(statement::StatementCache::CAPACITY);
        if std::mem::take(&mut self.is_instrumented) {
            self.instrumentation = get_default_instrumentation();
        }
    }

    /// Whether nothing of its last user is left: no open transaction, no statement
    /// on its way, no BEGIN or COMMIT whose answer was not read, no setting, lock or
    /// temporary table of the session.
    pub(crate) fn is_clean(&self) -> bool {
        self.transaction.is_idle() && !self.link.is_busy() && self.changed == SessionEffect::None
    }

    /// Whether its user changed what belongs to the session.
    pub(crate) fn has_changed_session(&self) -> bool {
        self.changed != SessionEffect::None
    }

    /// The session is as it was when it began.
    pub(crate) fn session_restored(&mut self) {
        self.changed = SessionEffect::None;
    }

    fn statement<Q: QueryFragment<Pg> + QueryId>(&self, query: &Q) -> QueryResult<Arc<Statement>> {
        Statement::of(query, self.link.types()).map(Arc::new)
    }

    /// Runs a statement. Its rows hold the connection by themselves: whoever gives them out says
    /// for how long nothing else may run on it.
    pub(crate) async fn run<'rows>(
        &mut self,
        statement: QueryResult<Arc<Statement>>,
    ) -> QueryResult<Rows<'rows>> {
        let statement = statement?;
        if self.may_begin_again() {
            // Apart, so that every other statement is not as large as the three that this holds.
            return Box::pin(self.run_and_begin_again(statement)).await;
        }
        self.run_once(statement).await
    }

    async fn run_and_begin_again<'rows>(
        &mut self,
        statement: Arc<Statement>,
    ) -> QueryResult<Rows<'rows>> {
        match self.run_once(statement.clone()).await {
            Err(error) if self.begins_again(&error).await => self.run_once(statement).await,
            result => result,
        }
    }

    async fn run_once<'rows>(&mut self, statement: Arc<Statement>) -> QueryResult<Rows<'rows>> {
        let observation = self.observe_statement(&statement)?;
        let Self {
            link,
            instrumentation,
            ..
        } = self;
        let sql = text_for(instrumentation, &statement);
        // Pinned here, so that what wraps it is not as large once more.
        let rows = std::pin::pin!(link.query(statement, observation));
        observed(instrumentation, &sql, rows).await
    }

    async fn execute_and_begin_again(&mut self, statement: Arc<Statement>) -> QueryResult<usize> {
        match self.execute_once(statement.clone()).await {
            Err(error) if self.begins_again(&error).await => self.execute_once(statement).await,
            result => result,
        }
    }

    async fn execute_once(&mut self, statement: Arc<Statement>) -> QueryResult<usize> {
        let observation = self.observe_statement(&statement)?;
        let Self {
            link,
            instrumentation,
            ..
        } = self;
        let sql = text_for(instrumentation, &statement);
        let execute = std::pin::pin!(async {
            let mut rows = link.query(statement, observation).await?;
            while rows.try_next().await?.is_some() {}
            Ok(usize::try_from(rows.affected()).unwrap_or(usize::MAX))
        });
        observed(instrumentation, &sql, execute).await
    }

    async fn batch_once(&mut self, sql: &str) -> QueryResult<()> {
        let profile = self.link.watch().profiles().of_text(sql);
        let observation = self.observe(profile, None)?;
        let batch = self.link.watched_batch(sql, observation);
        observed(&mut self.instrumentation, sql, batch).await
    }
}

impl Connection {
    /// Runs a statement and gives how many rows it touched.
    pub(crate) async fn execute_statement(
        &mut self,
        statement: QueryResult<Arc<Statement>>,
    ) -> QueryResult<usize> {
        let statement = statement?;
        if self.may_begin_again() {
            return Box::pin(self.execute_and_begin_again(statement)).await;
        }
        self.execute_once(statement).await
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("in_transaction", &self.is_in_transaction())
            .field("closed", &self.link.is_closed())
            .finish_non_exhaustive()
    }
}

impl SimpleAsyncConnection for Connection {
    async fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        refuse_transaction_control(sql)?;
        let mut may_begin_again = self.may_begin_again();
        loop {
            match self.batch_once(sql).await {
                Err(error) if may_begin_again && self.begins_again(&error).await => {
                    may_begin_again = false;
                }
                result => return result,
            }
        }
    }
}

impl AsyncConnectionCore for Connection {
    type ExecuteFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<usize>>;
    type LoadFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<Rows<'conn>>>;
    type Stream<'conn, 'query> = Rows<'conn>;
    type Row<'conn, 'query> = Row;
    type Backend = Pg;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Pg> + QueryId + 'query,
    {
        // The query is read here and not in the future, which may move between threads
        // where the query may not.
        let statement = self.statement(&source.as_query());
        self.run(statement).boxed()
    }

    fn execute_returning_count<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Pg> + QueryId + 'query,
    {
        let statement = self.statement(&source);
        self.execute_statement(statement).boxed()
    }
}

impl AsyncConnection for Connection {
    type TransactionManager = TransactionManager;

    /// Connects with the defaults of [`ConnectOptions`]. Services use a pool instead.
    async fn establish(url: &str) -> ConnectionResult<Self> {
        let bad = |error: crate::Error| diesel::ConnectionError::BadConnection(error.to_string());
        let options = ConnectOptions::parse(url).map_err(bad)?;
        let watch = Watch::new("none", Observer::default());
        let connector = Connector::new(options, watch).map_err(bad)?;
        connector.connect().await.map_err(bad)
    }

    fn transaction_state(&mut self) -> &mut TransactionState {
        &mut self.transaction
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        &mut self.instrumentation
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.instrumentation = Some(Box::new(instrumentation));
        self.is_instrumented = true;
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        let capacity = match size {
            CacheSize::Disabled => 0,
            _ => statement::StatementCache::CAPACITY,
        };
        self.link.resize_statement_cache(capacity);
    }
}

/// The text of a statement, where somebody observes.
fn text_for(instrumentation: &Option<Box<dyn Instrumentation>>, statement: &Statement) -> String {
    match instrumentation {
        Some(_) => statement.sql.to_string(),
        None => String::new(),
    }
}

/// Tells Diesel's instrumentation when a statement starts and when its answer begins.
/// Without the values: those are in no event.
async fn observed<T>(
    instrumentation: &mut Option<Box<dyn Instrumentation>>,
    sql: &str,
    statement: impl Future<Output = QueryResult<T>>,
) -> QueryResult<T> {
    let Some(instrumentation) = instrumentation else {
        return statement.await;
    };
    let query = StrQueryHelper::new(sql);
    instrumentation.on_connection_event(InstrumentationEvent::start_query(&query));
    let result = statement.await;
    let error = result.as_ref().err();
    instrumentation.on_connection_event(InstrumentationEvent::finish_query(&query, error));
    result
}
