//! What can go wrong while something is measured.

/// The result of a step of a bench.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Why nothing was measured. Its text reads after "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// No database for the bench.
    #[error(transparent)]
    Testing(#[from] larder_testing::Error),

    /// A read or a write of the database.
    #[error(transparent)]
    Database(#[from] larder_database::Error),

    /// An instance.
    #[error(transparent)]
    Larder(#[from] larder::Error),

    /// A pool.
    #[error(transparent)]
    Pool(#[from] larder_pool::Error),

    /// A pool of others.
    #[error("use a pool beside Larder's: {0}")]
    Peer(String),

    /// A file that is written.
    #[error("write the plot: {0}")]
    Output(std::io::Error),

    /// A plain query.
    #[error("run a query: {0}")]
    Query(#[from] diesel::result::Error),

    /// A call of a service.
    #[error(transparent)]
    Service(#[from] larder_services::Error),

    /// A cache that is measured by itself.
    #[error("prepare a cache: {0}")]
    Cache(String),

    /// A call of Redis.
    #[error("ask Redis: {0}")]
    AskRedis(#[from] redis::RedisError),

    /// A Redis of the bench's own.
    #[error("prepare a Redis: {0}")]
    Redis(String),

    /// No server for the bench.
    #[error("find a server: {0} is not set; start this program by cargo xtask bench")]
    NoServer(&'static str),

    /// A private server that does not do as it is told.
    #[error("set PostgreSQL up: it does not keep commits safe")]
    NotDurable,

    /// What is to cost something was not done.
    #[error("measure the log: no transaction has left a row in it")]
    NotLogged,

    /// The process that is killed and started again.
    #[error("run a process: {0}")]
    Process(String),

    /// An instance that serves no pages.
    #[error("scrape the metrics: the instance serves no pages")]
    NoPages,

    /// What is to be a hit is none.
    #[error("measure {0}: it is not answered by the cache")]
    NoHit(&'static str),

    /// The report cannot be written.
    #[error("write the report: {0}")]
    Report(#[from] std::io::Error),

    /// The bench has a mistake; the message is on standard error.
    #[error("go on after a panic")]
    Panicked,

    /// Ctrl-C.
    #[error("finish: interrupted")]
    Interrupted,
}
