//! What is wrong with options for Redis.

/// Options with which Redis cannot be used. That it cannot be reached is no error: it may be
/// later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// The URL cannot be read. It is not repeated, because it may hold a password.
    #[error(
        "read the URL of Redis: it is not of the form redis://user:password@host:port/database, \
         rediss://… for TLS, or unix:///path; percent-encode special characters of the password"
    )]
    InvalidUrl,

    /// No Sentinel, or no server of the Cluster, is named.
    #[error("use Redis: no host is named; name at least one {of}")]
    NoHosts {
        /// Of what.
        of: &'static str,
    },

    /// A number or a time is out of its range.
    #[error("use Redis: {option} is {value}; it has to be {range}")]
    OutOfRange {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What it can be.
        range: &'static str,
    },

    /// It was opened outside of a runtime.
    #[error("use Redis: there is no tokio runtime here; open it inside of one")]
    NoRuntime,
}

/// The kinds of [`RedisError`], for programs that decide by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RedisErrorKind {
    /// The URL cannot be read.
    InvalidUrl,
    /// No host is named.
    NoHosts,
    /// A number or a time is out of its range.
    OutOfRange,
    /// There is no runtime.
    NoRuntime,
}

impl RedisError {
    /// The kind of this error.
    #[must_use]
    pub fn kind(&self) -> RedisErrorKind {
        match self {
            Self::InvalidUrl => RedisErrorKind::InvalidUrl,
            Self::NoHosts { .. } => RedisErrorKind::NoHosts,
            Self::OutOfRange { .. } => RedisErrorKind::OutOfRange,
            Self::NoRuntime => RedisErrorKind::NoRuntime,
        }
    }
}
