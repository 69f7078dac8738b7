//! The error of a service that stands on Larder.

/// A result with [`Error`] unless another error is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error of Larder. Its text reads after "failed to".
///
/// `Debug` writes that text too, so that a `main` that returns this error, or an `unwrap`
/// in a test, tells a person what is wrong; [`kind`](Self::kind) is for programs.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings have faults; the text lists all of them.
    #[error(transparent)]
    Config(#[from] larder_config::Error),

    /// The database could not be reached, or a statement or transaction failed.
    #[error(transparent)]
    Database(#[from] larder_database::Error),

    /// A domain service refused its input or found nothing.
    #[error(transparent)]
    Service(#[from] larder_services::Error),

    /// The embedded database could not run.
    #[cfg(feature = "embedded")]
    #[error(transparent)]
    Embedded(#[from] larder_embedded::Error),

    /// The process-wide instance exists already.
    #[error(
        "start the process-wide instance: it is already there; use larder::get(), or larder::shutdown() first"
    )]
    AlreadyInitialized,

    /// The process-wide instance does not exist yet, or no more.
    #[error("get the process-wide instance: {}; call larder::init() first", if *.after_shutdown { "it has been shut down" } else { "it has not been started" })]
    NotInitialized {
        /// Whether it existed before.
        after_shutdown: bool,
    },

    /// The admin pages could not be served.
    #[cfg(feature = "admin")]
    #[error(transparent)]
    Admin(#[from] larder_admin::Error),

    /// Something else has set up `tracing` before.
    #[error("set up logging: another subscriber is already there")]
    Tracing,
}

impl std::fmt::Debug for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "failed to {self}")
    }
}

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The settings have faults.
    Config,
    /// The database could not be reached, or a statement or transaction failed.
    Database,
    /// A domain service refused its input or found nothing.
    Service,
    /// The embedded database could not run.
    Embedded,
    /// The process-wide instance exists already.
    AlreadyInitialized,
    /// The process-wide instance does not exist.
    NotInitialized,
    /// The admin pages could not be served.
    Admin,
    /// Logging could not be set up.
    Tracing,
}

impl Error {
    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(_) => ErrorKind::Config,
            Self::Database(_) => ErrorKind::Database,
            Self::Service(_) => ErrorKind::Service,
            #[cfg(feature = "embedded")]
            Self::Embedded(_) => ErrorKind::Embedded,
            Self::AlreadyInitialized => ErrorKind::AlreadyInitialized,
            Self::NotInitialized { .. } => ErrorKind::NotInitialized,
            #[cfg(feature = "admin")]
            Self::Admin(_) => ErrorKind::Admin,
            Self::Tracing => ErrorKind::Tracing,
        }
    }

    /// What a program may do about it.
    pub fn class(&self) -> larder_pool::ErrorClass {
        match self {
            Self::Database(error) => error.class(),
            Self::Service(error) => error.class(),
            _ => larder_pool::ErrorClass::Caller,
        }
    }

    /// The error of the database, where it was one.
    pub fn database_error(&self) -> Option<&larder_database::Error> {
        match self {
            Self::Database(error) => Some(error),
            Self::Service(error) => error.database_error(),
            _ => None,
        }
    }

    /// The SQLSTATE, where the server gave one.
    pub fn sql_state(&self) -> Option<larder_pool::SqlState> {
        self.database_error()?.sql_state()
    }

    /// What is known of a commit whose outcome is not;
    /// [`Database::commit_outcome`](larder_database::Database::commit_outcome) asks the server.
    pub fn unknown_outcome(&self) -> Option<&larder_pool::UnknownOutcome> {
        self.database_error()?.unknown_outcome()
    }
}

impl larder_pool::RetryableError for Error {
    fn pool_error(&self) -> Option<&larder_pool::Error> {
        self.database_error()?.pool_error()
    }
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<larder_pool::Error> for Error {
    fn from(error: larder_pool::Error) -> Self {
        Self::Database(error.into())
    }
}

/// So that a function that a [`CachedStore`](crate::CachedStore) keeps the values of needs no
/// `map_error`.
#[cfg(feature = "cached-crate")]
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}
