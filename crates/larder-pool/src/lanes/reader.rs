//! The handle by which Diesel's queries are read without a connection of their own.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel_async::{AsyncConnectionCore, SimpleAsyncConnection};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::read::Read;
use super::rows::ReaderRows;
use crate::connection::Statement;
use crate::server_error::ServerError;
use crate::{Error, Pool, Row, TransactionSettings};

/// Runs single statements, each by the shortest way: a query that only reads travels on a lane
/// that many share, anything else takes a connection of the pool for as long as it runs.
///
/// Diesel's queries run on it as on a connection. Each statement commits by itself, and two of
/// them may see different states of the database, also where one was sent after the other. It
/// costs nothing to make and to clone.
///
/// A transaction that the current task has open is not seen by it: what runs inside one runs on
/// the transaction's own connection.
///
/// # Cancel safety
///
/// Its futures may be dropped at any time. A query on a lane leaves nothing behind; any other
/// statement may have run, as on a [`Session`](crate::Session).
///
/// # Examples
///
/// ```no_run
/// # async fn example(pool: larder_pool::Pool) -> diesel::QueryResult<()> {
/// use diesel_async::RunQueryDsl;
///
/// let answer: i32 = diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("42"))
///     .get_result(&mut pool.reader())
///     .await?;
/// # assert_eq!(answer, 42);
/// # Ok(())
/// # }
/// ```
pub struct Reader {
    pool: Pool,
    /// Under what its statements run.
    settings: Option<TransactionSettings>,
    failure: Option<Failure>,
}

/// Why the last statement failed, as far as Diesel's error does not say.
enum Failure {
    Server(ServerError),
    /// No connection could be had.
    Pool(Error),
}

impl Reader {
    pub(crate) fn new(pool: &Pool, settings: Option<TransactionSettings>) -> Self {
        Self {
            pool: pool.clone(),
            settings,
            failure: None,
        }
    }

    /// The server's error by which the last statement failed, with everything that Diesel's
    /// error leaves out: SQLSTATE, severity, schema.
    pub fn last_server_error(&self) -> Option<&ServerError> {
        match &self.failure {
            Some(Failure::Server(error)) => Some(error),
            Some(Failure::Pool(error)) => error.server_error(),
            None => None,
        }
    }

    /// What the last statement failed with, from the error of Diesel's that it gave: with the
    /// server's own words, or with why no connection could be had.
    pub fn explain(&mut self, error: DieselError) -> Error {
        match self.failure.take() {
            Some(Failure::Pool(cause)) if is_reported(&cause, &error) => cause,
            Some(Failure::Server(server)) => Error::statement(error, Some(server)),
            _ => Error::statement(error, None),
        }
    }

    pub(super) fn note_server_error(&mut self, error: Option<ServerError>) {
        self.failure = error.map(Failure::Server);
    }

    /// Notes why a statement failed, and gives that as Diesel states it.
    fn fail(&mut self, error: Error) -> DieselError {
        match error {
            Error::Statement { source, server } => {
                self.failure = server.map(|server| Failure::Server(*server));
                source
            }
            error => {
                let text = format!("failed to {error}");
                self.failure = Some(Failure::Pool(error));
                DieselError::DatabaseError(DatabaseErrorKind::UnableToSendCommand, Box::new(text))
            }
        }
    }
}

/// Whether it is `diesel` that reports that no connection could be had.
fn is_reported(cause: &Error, diesel: &DieselError) -> bool {
    matches!(diesel, DieselError::DatabaseError(DatabaseErrorKind::UnableToSendCommand, information)
        if information.message().strip_prefix("failed to ") == Some(cause.to_string().as_str()))
}

/// Clones know nothing of what has failed on others.
impl Clone for Reader {
    fn clone(&self) -> Self {
        Self::new(&self.pool, self.settings.clone())
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Reader")
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

impl SimpleAsyncConnection for Reader {
    /// Runs SQL on a connection of the pool, which goes back when it has ended: settings made by
    /// it are undone.
    async fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        let mut session = match self.pool.session_under(self.settings.as_ref()).await {
            Ok(session) => session,
            Err(error) => return Err(self.fail(error)),
        };
        let result = session.batch_execute(sql).await;
        self.note(result, session.last_server_error())
    }
}

impl Reader {
    fn note<T>(&mut self, result: QueryResult<T>, last: Option<ServerError>) -> QueryResult<T> {
        result.map_err(|error| self.fail(Error::statement(error, last)))
    }
}

impl AsyncConnectionCore for Reader {
    type ExecuteFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<usize>>;
    type LoadFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<ReaderRows<'conn>>>;
    type Stream<'conn, 'query> = ReaderRows<'conn>;
    type Row<'conn, 'query> = Row;
    type Backend = Pg;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Pg> + QueryId + 'query,
    {
        let types = &self.pool.0.connector.shared().types;
        let statement = Statement::of(&source.as_query(), types);
        async move {
            self.failure = None;
            match self
                .pool
                .read_statement(statement?, self.settings.as_ref())
                .await
            {
                Ok(Read::Whole(rows)) => Ok(ReaderRows::whole(rows)),
                Ok(Read::Streaming(streaming)) => Ok(ReaderRows::streaming(streaming, self)),
                Err(error) => Err(self.fail(error)),
            }
        }
        .boxed()
    }

    fn execute_returning_count<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Pg> + QueryId + 'query,
    {
        let types = &self.pool.0.connector.shared().types;
        let statement = Statement::of(&source, types).map(Arc::new);
        async move {
            self.failure = None;
            let mut session = match self.pool.session_under(self.settings.as_ref()).await {
                Ok(session) => session,
                Err(error) => return Err(self.fail(error)),
            };
            let result = session.execute_statement(statement).await;
            self.note(result, session.last_server_error())
        }
        .boxed()
    }
}
