//! What can go wrong with a database.

use std::borrow::Cow;
use std::sync::Arc;

use diesel::result::Error as DieselError;
use larder_pool::{ErrorClass, ServerError, SqlState, UnknownOutcome};

/// An error of the database. Its text reads after "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A connection, a statement or a transaction failed.
    #[error(transparent)]
    Pool(#[from] larder_pool::Error),

    /// Raw SQL could not be read, or its parameters do not fit.
    #[error(transparent)]
    Sql(#[from] larder_sql::Error),

    /// A query that had to return a row returned none.
    #[error("find a row")]
    NotFound,

    /// A cached read was asked for inside a transaction, whose own writes it could not see, or
    /// inside the closure of another cached read, which would not know what it depends on.
    #[error(
        "read through the cache inside a transaction or a cached read of the same database: use `load_on(conn)`, which reads what the transaction sees; for raw SQL `sql(..).fetch_on(conn)`; several statements run on the connection itself"
    )]
    CachedReadInTransaction,

    /// Rows cannot be kept one by one under their keys.
    #[error("read many rows by their keys with `{statement}`: {reason}")]
    ManyRows {
        /// The statement.
        statement: String,
        /// Why not.
        reason: Cow<'static, str>,
    },

    /// A load that several callers waited for failed for all of them.
    #[error(transparent)]
    Shared(Arc<Self>),

    /// A load for the cache ended without a result.
    #[error("{0}")]
    Load(String),

    /// The catalog of the server could not be read.
    #[error("read the catalog of the database: {reason}")]
    Catalog {
        /// Why.
        reason: String,
    },

    /// The log of invalidations did not answer within `cache.max_staleness`.
    #[error("look into the log of invalidations: the database has not answered in time")]
    LogLate,

    /// The options of Redis cannot be used.
    #[error(transparent)]
    Redis(#[from] larder_cache::l2::RedisError),

    /// There is no table of this name.
    #[error(
        "find the table {0}: there is none under the search path; write the name as in SQL, with its schema where needed"
    )]
    UnknownTable(String),

    /// No read that warms the cache is registered by this name.
    #[error("warm the cache by {name:?}: {known}")]
    UnknownWarming {
        /// The name.
        name: String,
        /// What there is instead.
        known: String,
    },

    /// The migrations could not be read or applied.
    #[error("apply the migrations: {}{reason}", migration.as_ref().map(|name| format!("{name}: ")).unwrap_or_default())]
    Migration {
        /// The one that failed, if it was one.
        migration: Option<String>,
        /// Why.
        reason: String,
        /// The error as the server stated it, if it was the server's.
        server: Option<Box<ServerError>>,
    },

    /// The database has no log of invalidations.
    #[error(
        "find the log of invalidations in the database {database}: run `larder cache install` as a role that may create schemas, or set cache.mode to local where no other process writes to this database"
    )]
    LogMissing {
        /// The database.
        database: String,
    },

    /// The role lacks rights on the log of invalidations.
    #[error(
        "{action} the log of invalidations as {role}: rights are missing; as an owner or a superuser run {cure}"
    )]
    LogRights {
        /// What it wanted to do with the log: `make` or `use`.
        action: &'static str,
        /// The role.
        role: String,
        /// The command and the statements that cure it.
        cure: String,
    },

    /// The log of invalidations is another version's.
    #[error(
        "use the log of invalidations: it is of version {found}, and this Larder knows version {known}; {}", if found > known { "update Larder" } else { "run `larder cache install`" }
    )]
    LogVersion {
        /// The version in the database.
        found: i32,
        /// The version that this Larder makes.
        known: i32,
    },
}

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A connection, a statement or a transaction failed.
    Pool(larder_pool::ErrorKind),
    /// Raw SQL could not be read, or its parameters do not fit.
    Sql,
    /// A query that had to return a row returned none.
    NotFound,
    /// A cached read was asked for inside a transaction.
    CachedReadInTransaction,
    /// Rows cannot be kept one by one under their keys.
    ManyRows,
    /// A load for the cache ended without a result.
    Load,
    /// The catalog of the server could not be read.
    Catalog,
    /// There is no table of this name.
    UnknownTable,
    /// No read that warms the cache is registered by this name.
    UnknownWarming,
    /// The migrations could not be read or applied.
    Migration,
    /// The database has no log of invalidations.
    LogMissing,
    /// The log of invalidations did not answer in time.
    LogLate,
    /// The options of Redis cannot be used.
    Redis,
    /// The role lacks rights on the log of invalidations.
    LogRights,
    /// The log of invalidations is another version's.
    LogVersion,
}

impl Error {
    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Pool(error) => ErrorKind::Pool(error.kind()),
            Self::Sql(_) => ErrorKind::Sql,
            Self::NotFound => ErrorKind::NotFound,
            Self::CachedReadInTransaction => ErrorKind::CachedReadInTransaction,
            Self::ManyRows { .. } => ErrorKind::ManyRows,
            Self::Shared(error) => error.kind(),
            Self::Load(_) => ErrorKind::Load,
            Self::Catalog { .. } => ErrorKind::Catalog,
            Self::UnknownTable(_) => ErrorKind::UnknownTable,
            Self::UnknownWarming { .. } => ErrorKind::UnknownWarming,
            Self::Migration { .. } => ErrorKind::Migration,
            Self::LogMissing { .. } => ErrorKind::LogMissing,
            Self::LogLate => ErrorKind::LogLate,
            Self::Redis(_) => ErrorKind::Redis,
            Self::LogRights { .. } => ErrorKind::LogRights,
            Self::LogVersion { .. } => ErrorKind::LogVersion,
        }
    }

    /// What a program may do about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Pool(error) => error.class(),
            Self::Shared(error) => error.class(),
            Self::LogLate => ErrorClass::Timeout,
            Self::Redis(_) => ErrorClass::Connection,
            _ => {
                let server = self.server_error();
                server.map_or(ErrorClass::Caller, ServerError::class)
            }
        }
    }

    /// What is known of a commit whose outcome is not;
    /// [`Database::commit_outcome`](crate::Database::commit_outcome) asks the server.
    pub fn unknown_outcome(&self) -> Option<&UnknownOutcome> {
        match self {
            Self::Pool(error) => error.unknown_outcome(),
            Self::Shared(error) => error.unknown_outcome(),
            _ => None,
        }
    }

    /// The error as the server stated it, where it was the server's.
    pub fn server_error(&self) -> Option<&ServerError> {
        match self {
            Self::Pool(error) => error.server_error(),
            Self::Shared(error) => error.server_error(),
            Self::Migration { server, .. } => server.as_deref(),
            _ => None,
        }
    }

    /// The SQLSTATE, where the server gave one.
    pub fn sql_state(&self) -> Option<SqlState> {
        match self {
            Self::Pool(error) => error.sql_state(),
            Self::Shared(error) => error.sql_state(),
            _ => self.server_error().map(ServerError::state),
        }
    }

    /// The constraint that the server found violated.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Pool(error) => error.constraint(),
            Self::Shared(error) => error.constraint(),
            _ => self.server_error().and_then(ServerError::constraint),
        }
    }

    /// The error of a statement, with what its connection remembers of it.
    pub(crate) fn of_statement(error: DieselError, last: Option<ServerError>) -> Self {
        match error {
            DieselError::NotFound => Self::NotFound,
            error => Self::Pool(larder_pool::Error::statement(error, last)),
        }
    }
}

impl From<DieselError> for Error {
    /// Without all of the server's own words, which only the connection knows: what is left
    /// is the message, the constraint, and the SQLSTATE of the kinds that Diesel tells apart.
    fn from(error: DieselError) -> Self {
        Self::of_statement(error, None)
    }
}
