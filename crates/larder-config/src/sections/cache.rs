//! The sections `[cache]` and `[redis]`: keeping the results of queries.

use std::time::Duration;

use bytesize::ByteSize;

use crate::definition::Default::{ByProfile, Everywhere};
use crate::definition::{Range, Variable, section};
use crate::parse::HostPort;
use crate::redis_url::RedisUrl;

section! {
    /// How query results are kept, and for how long.
    "cache" => CacheConfig {
        /// Whether results of cached reads are kept. Off sends every read to the database; nothing else changes.
        enabled: bool {
            default: ByProfile { dev: "true", staging: "true", prod: "true", test: "false" },
            variables: &[Variable::plain("DB_ENABLE_QUERY_CACHE")],
        }
        /// How long a result is kept when the read does not say. Writes through Larder invalidate earlier. 0s turns the cache off.
        ttl: Duration {
            default: ByProfile { dev: "60s", staging: "300s", prod: "600s", test: "60s" },
            variables: &[Variable::seconds("DB_CACHE_TTL")],
        }
        /// How many results this process keeps. The bound in bytes holds too: whichever is reached first evicts.
        max_entries: u32 {
            default: Everywhere("1000"),
            range: Range::of(1.0, 1_000_000_000.0),
            variables: &[Variable::plain("DB_CACHE_MAX_MEMORY")],
        }
        /// How much memory this process spends on results.
        max_bytes: ByteSize {
            default: Everywhere("64MiB"),
            range: Range::of(1.0, 1_099_511_627_776.0),
        }
        /// How often results whose time is up are removed. They are never served in between; this only frees their memory.
        cleanup_interval: Duration {
            default: ByProfile { dev: "1m", staging: "1m", prod: "1m", test: "1s" },
            range: Range::of(0.1, f64::INFINITY),
        }
        /// How long another process may go on serving a result after a commit made it wrong. Shorter asks the database more often whether something changed.
        max_staleness: Duration {
            default: Everywhere("1s"),
            range: Range::of(0.1, 3600.0),
        }
    }
}

section! {
    /// The Redis that processes share results through. Without it each process keeps its own.
    "redis" => RedisConfig {
        /// The server. With Sentinel or Cluster hosts only its user, password and database are used. memory:// means none.
        url: Option<RedisUrl> {
            variables: &[Variable::plain("REDIS_URL")],
            secret: true,
        }
        /// The Sentinels to ask which server is the master now.
        sentinel_hosts: Vec<HostPort> {
            variables: &[Variable::plain("REDIS_SENTINEL_HOSTS")],
        }
        /// The name under which the Sentinels know the master.
        sentinel_service: String {
            default: Everywhere("mymaster"),
            variables: &[Variable::plain("REDIS_SENTINEL_SERVICE")],
        }
        /// Some nodes of a Redis Cluster; the others are found through them.
        cluster_hosts: Vec<HostPort> {
            variables: &[Variable::plain("REDIS_CLUSTER_HOSTS")],
        }
        /// How long a connect to Redis may take. Reads never wait this long for it: they go to the database.
        timeout: Duration {
            default: Everywhere("5s"),
            range: Range::of(1.0, f64::INFINITY),
            variables: &[Variable::seconds("REDIS_TIMEOUT")],
        }
        /// How many connections to Redis this process opens at most.
        max_connections: u32 {
            default: Everywhere("100"),
            range: Range::of(1.0, 10_000.0),
            variables: &[Variable::plain("REDIS_MAX_CONNECTIONS")],
        }
    }
}
