//! From settings to the options of connector and pool.

use std::time::Duration;

use larder_config::Config;
use larder_pool::{ConnectOptions, IsolationLevel, PoolOptions, TlsMode};

use crate::Error;

/// How to reach the database and how to pool its connections.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DatabaseOptions {
    /// How to reach it.
    pub connect: ConnectOptions,
    /// How many connections, and for how long.
    pub pool: PoolOptions,
}

impl DatabaseOptions {
    /// The defaults of the pool, for a server at this URL.
    ///
    /// # Errors
    ///
    /// If the URL cannot be used.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        Ok(Self {
            connect: ConnectOptions::parse(url)?,
            pool: PoolOptions::named("main"),
        })
    }

    /// What the settings say, for a server at this URL: the configured one, or the
    /// embedded database's.
    ///
    /// # Errors
    ///
    /// If the URL cannot be used.
    pub fn from_config(config: &Config, url: &str) -> Result<Self, Error> {
        let mut options = Self::from_url(url)?;
        let database = &config.database;
        options.connect = options
            .connect
            .application_name(&database.application_name)
            .keepalive(
                database.keepalive_idle,
                database.keepalive_interval,
                database.keepalive_count,
            )
            .setting(
                "statement_timeout",
                milliseconds(database.statement_timeout),
            )
            .setting(
                "idle_in_transaction_session_timeout",
                milliseconds(database.idle_in_transaction_timeout),
            )
            .setting(
                "default_transaction_isolation",
                isolation_level(database.isolation_level)
                    .as_sql()
                    .to_lowercase(),
            );
        options.connect.connect_timeout = database.connect_timeout;
        options.connect.tls.mode = tls_mode(database.tls);
        options
            .connect
            .tls
            .root_certificate
            .clone_from(&database.tls_root_certificate);

        let pool = &config.pool;
        options.pool.size = count(pool.size);
        options.pool.overflow = count(pool.overflow);
        options.pool.acquire_timeout = pool.acquire_timeout;
        options.pool.max_lifetime = Some(pool.recycle);
        options.pool.idle_timeout = Some(pool.idle_timeout);
        options.pool.verify_after = pool.verify_idle.then_some(pool.verify_after);
        options.pool.verify_timeout = pool.verify_timeout;
        Ok(options)
    }

    /// For the embedded database: one connection, no TLS, no requests to cancel, and a
    /// deadline for statements on this side, because it has none itself.
    pub fn embedded(mut self, connect_timeout: Duration, statement_timeout: Duration) -> Self {
        self.connect.cancel_requests = false;
        self.connect.answer_timeout = Some(statement_timeout);
        self.connect.connect_timeout = connect_timeout;
        self.connect.tls.mode = TlsMode::Disable;
        self.pool.size = 1;
        self.pool.overflow = 0;
        // Closing and opening the only connection is all that recycling would do.
        self.pool.max_lifetime = None;
        self.pool.idle_timeout = None;
        self
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn isolation_level(level: larder_config::IsolationLevel) -> IsolationLevel {
    match level {
        larder_config::IsolationLevel::RepeatableRead => IsolationLevel::RepeatableRead,
        larder_config::IsolationLevel::Serializable => IsolationLevel::Serializable,
        _ => IsolationLevel::ReadCommitted,
    }
}

fn tls_mode(mode: larder_config::TlsMode) -> TlsMode {
    match mode {
        larder_config::TlsMode::Disable => TlsMode::Disable,
        larder_config::TlsMode::Prefer => TlsMode::Prefer,
        larder_config::TlsMode::Require => TlsMode::Require,
        larder_config::TlsMode::VerifyCa => TlsMode::VerifyCa,
        _ => TlsMode::VerifyFull,
    }
}
