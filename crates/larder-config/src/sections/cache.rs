//! The sections `[cache]` and `[redis]`: keeping the results of queries.

use std::time::Duration;

use bytesize::ByteSize;

use crate::definition::Default::{ByProfile, Everywhere};
use crate::definition::{Range, Variable, section};
use crate::encryption_key::EncryptionKey;
use crate::parse::{CacheHints, CacheMode, HostPort};
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
        /// Who else writes to the database: shared keeps in step with every process through the log of invalidations in it, local knows of this process alone. The embedded database has no other process and is always local.
        mode: CacheMode {
            default: Everywhere("shared"),
        }
        /// How often the log of invalidations is read. At most half of max_staleness: what is not confirmed within that time is not served. Shorter costs the database more small queries.
        poll_interval: Duration {
            default: Everywhere("250ms"),
            range: Range::of(0.02, 60.0),
        }
        /// Whether a start makes the log of invalidations where it is not there yet. Off for a service whose role may not create a schema: `larder cache install` makes it then.
        install_log: bool {
            default: Everywhere("true"),
        }
        /// How other processes are told at once that there is something to read in the log: through redis, by notify in the database, or off. They only come sooner by it; nothing depends on them. notify makes commits wait for each other.
        hints: CacheHints {
            default: Everywhere("redis"),
        }
        /// Which share of hits, from 0 to 1, is read from the database again and compared. Finds results that are wrong; each costs what a miss costs.
        shadow: f64 {
            default: Everywhere("0"),
            range: Range::of(0.0, 1.0),
        }
        /// Whether a read of a row by its primary key stays when other rows of the table are written by theirs. Off lets every write count for its whole table.
        row_precision: bool {
            default: Everywhere("true"),
        }
        /// From how many writes a second on a table what was read from it is not kept: it would be dropped before it is used. 0 keeps it always.
        hot_writes: u32 {
            default: Everywhere("100"),
            range: Range::of(0.0, 1_000_000_000.0),
        }
        /// How eagerly a result is loaded again before its time is up, so that nobody waits for it: the beta of the XFetch algorithm. Above 1 earlier, below 1 later, 0 never.
        early_refresh: f64 {
            default: Everywhere("1"),
            range: Range::of(0.0, 100.0),
        }
        /// Which share of its TTL a result may be kept shorter, by chance. Keeps results that were loaded together from ending together.
        jitter: f64 {
            default: Everywhere("0.05"),
            range: Range::of(0.0, 0.5),
        }
        /// How long a process waits for another one that loads the same result, and takes it from Redis then. Spares the database the same query from many processes; 0s lets each load by itself.
        load_lock: Duration {
            default: Everywhere("0s"),
            range: Range::of(0.0, 60.0),
        }
        /// Whether a process that starts fills its cache in the background: it runs the reads that are registered for that, and fetches from Redis what was read most before.
        warm: bool {
            default: Everywhere("true"),
        }
        /// How many registered reads run at a time. At most as many as the pool has connections.
        warm_parallelism: u32 {
            default: Everywhere("2"),
            range: Range::of(1.0, 1_000.0),
        }
        /// How long one registered read may take. One that takes longer is ended, logged by its name, and counts as failed.
        warm_timeout: Duration {
            default: Everywhere("60s"),
            range: Range::of(0.001, 86_400.0),
        }
        /// How many of the results that are read most a process lists in Redis, and fetches when it starts. 0 lists none.
        warm_keys: u32 {
            default: Everywhere("10000"),
            range: Range::of(0.0, 100_000.0),
        }
        /// Tables and views whose rows are never kept in Redis, only in the process that read them. Names as in SQL, with their schema where it is not on the search path. A table counts for its partitions, children and parents too, and for all views of it.
        never_in_redis: Vec<String> {}
        /// From which size on a result is compressed for Redis.
        compress_above: ByteSize {
            default: Everywhere("1KiB"),
            range: Range::of(0.0, 1_099_511_627_776.0),
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
        /// How long a read waits for Redis before it goes to the database.
        deadline: Duration {
            default: Everywhere("50ms"),
            range: Range::of(0.001, 5.0),
        }
        /// Keys that results in Redis are encrypted with, each the base64 of 32 bytes. The first one encrypts, all of them decrypt, so a new one is put in front. Without any, results are not encrypted.
        encryption_keys: Vec<EncryptionKey> {
            secret: true,
        }
    }
}
