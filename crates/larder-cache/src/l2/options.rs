//! Which Redis, and how long it may take.

use std::time::Duration;

use secrecy::SecretString;

/// Which Redis to use, and how long it may take.
///
/// Printing it does not print passwords.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// Where it is.
    pub server: RedisServer,
    /// How long connecting may take, with all that belongs to it. Nobody waits for it.
    pub connect_timeout: Duration,
    /// How long one call may take; who asked then goes on without. A batch of writes has a
    /// millisecond more for each 16 KiB.
    pub deadline: Duration,
    /// How many connections there may be, to each server that is used: one for commands, and
    /// one to listen for hints if there may be two. With one, hints are sent and not heard.
    pub max_connections: usize,
}

impl RedisOptions {
    /// This server, with 5 s for connecting, 50 ms for a call, and 2 connections.
    #[must_use]
    pub fn new(server: RedisServer) -> Self {
        Self {
            server,
            connect_timeout: Duration::from_secs(5),
            deadline: Duration::from_millis(50),
            max_connections: 2,
        }
    }
}

/// Where Redis is.
///
/// A `url` is `redis://user:password@host:port/database`, `rediss://` for TLS, or
/// `unix:///path` for a socket.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RedisServer {
    /// One server.
    Single {
        /// Its URL.
        url: SecretString,
    },
    /// A master that Sentinels know. They are asked anew for each connection.
    Sentinel {
        /// The hosts and ports of the Sentinels.
        hosts: Vec<(String, u16)>,
        /// The name by which they know the master.
        service: String,
        /// Says user, password, database and whether to use TLS; its host is not used. The
        /// Sentinels get the same user and password if they ask for one.
        url: Option<SecretString>,
    },
    /// A Cluster.
    Cluster {
        /// The hosts and ports of some of its servers; the others are found.
        hosts: Vec<(String, u16)>,
        /// Says user, password and whether to use TLS; its host is not used.
        url: Option<SecretString>,
    },
}
