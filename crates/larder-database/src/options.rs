//! From settings to the options of connector and pool.

mod queries;
mod words;

use std::any::TypeId;
use std::collections::HashSet;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use larder_cache::Clock;
use larder_cache::l2::{RedisOptions, RedisServer, Seal};
use larder_config::{Config, HostPort, RedisConfig};
use larder_pool::{ConnectOptions, PoolOptions, PoolStart, RetryBudget, RetryPolicy, TlsMode};
use larder_sql::catalog::Declarations;
use secrecy::SecretString;
use serde::Serialize;

use crate::request_scope::DEFAULT_TENANT_SETTING;
use crate::warming::Registered;
use crate::{Database, Error};

pub use self::queries::QuerySettings;

/// How to reach the database and how to pool its connections.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DatabaseOptions {
    /// How to reach it.
    pub connect: ConnectOptions,
    /// How many connections, and for how long.
    pub pool: PoolOptions,
    /// Whether and how results are kept.
    pub cache: CacheSettings,
    /// What is noted of single statements.
    pub queries: QuerySettings,
    /// The Redis that processes share results through, in mode [`Shared`](CacheMode::Shared).
    pub redis: Option<RedisOptions>,
    /// The setting that [`Scope::tenant`](crate::Scope::tenant) sets. `app.tenant` by default.
    pub tenant_setting: String,
}

/// Whether and how results of reads are kept.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CacheSettings {
    /// Off sends every read to the database. On by default.
    pub enabled: bool,
    /// Who else writes to the database. [`CacheMode::Shared`] by default.
    pub mode: CacheMode,
    /// How long another process may go on serving what a commit has made wrong. 1 s by default.
    pub max_staleness: Duration,
    /// How often the log of invalidations is looked at; at most half of `max_staleness` counts.
    /// 250 ms by default.
    pub poll_interval: Duration,
    /// Whether the log of invalidations is made where it is missing. On by default.
    pub install_log: bool,
    /// How processes hint to each other that there is news in the log. Through Redis by default,
    /// where there is one.
    pub hints: Hints,
    /// Whether a read of a row by its primary key depends on that row alone. Off, it depends on all
    /// of its table, and a write of a row counts for all of it. On by default.
    pub row_precision: bool,
    /// From how many writes a second on what is read from a table is not kept; 0 for never. 100 by
    /// default.
    pub hot_writes: u32,
    /// How eagerly results are loaded anew before their time is up; 0 waits for the end. 1 by
    /// default; see [`early_refresh`](larder_cache::CacheOptions::early_refresh).
    pub early_refresh: f64,
    /// By which share of its time a result may live shorter, by chance. 0.05 by default.
    pub jitter: f64,
    /// Which share of hits is run again on the database and compared, from 0 to 1. None by default.
    pub shadow: f64,
    /// How long a load of another process is waited for, to take its result from Redis. Not at all
    /// by default.
    pub load_lock: Duration,
    /// Tables and views, named as in SQL, whose rows are never kept in Redis. A table counts for
    /// its partitions, children and parents too, and for all views of it.
    pub never_in_redis: Vec<String>,
    /// Values of more bytes than this are compressed for Redis. 1 KiB by default.
    pub compress_above: usize,
    /// What encrypts values in Redis, if anything does.
    pub seal: Option<Seal>,
    /// Whether the cache is filled in the background when the process starts: by registered reads,
    /// and with what was read most before. On by default.
    pub warm: bool,
    /// How many registered reads run at a time; at most as many as the pool has connections. 2 by
    /// default.
    pub warm_parallelism: usize,
    /// How long one registered read may take before it is ended and counts as failed. A minute by
    /// default.
    pub warm_timeout: Duration,
    /// How many of the hottest keys are listed in Redis and fetched at a start; 0 for none. 10,000 by
    /// default.
    pub warm_keys: usize,
    warmings: Vec<Registered>,
    local_types: HashSet<TypeId>,
    /// How long a result is kept when the read does not say. A minute by default.
    pub ttl: Duration,
    /// How many results are kept at most. 1,000 by default.
    pub max_entries: usize,
    /// How much memory results take at most, by estimate. 64 MiB by default.
    pub max_bytes: u64,
    /// How often results whose time is up are removed. A minute by default.
    pub cleanup_interval: Duration,
    /// Keeps programs on the same database apart. Empty by default.
    pub namespace: String,
    /// What functions and triggers do that the catalog does not tell.
    pub declarations: Declarations,
    /// What time it is for results; a test may set one by hand. The system's by default.
    pub clock: Clock,
}

impl CacheSettings {
    /// Results of this type are kept in the process that read them and never in Redis: `Arc<[T]>`
    /// and `Option<Arc<T>>` of it too.
    pub fn keep_local<T: 'static>(&mut self) {
        let types = [
            TypeId::of::<T>(),
            TypeId::of::<Arc<[T]>>(),
            TypeId::of::<Arc<T>>(),
            TypeId::of::<Option<Arc<T>>>(),
            TypeId::of::<Option<T>>(),
        ];
        self.local_types.extend(types);
    }

    /// Registers a read that warms the cache at the start of the process and whenever somebody asks
    /// for it: see [`Database::register_warming`].
    pub fn register_warming<F, Fut>(&mut self, name: impl Into<String>, read: F)
    where
        F: Fn(Database) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Box<dyn StdError + Send + Sync>>> + Send + 'static,
    {
        let read = Registered::new(name, read);
        self.warmings.retain(|known| !known.has_name_of(&read));
        self.warmings.push(read);
    }

    pub(crate) fn take_warmings(&mut self) -> Vec<Registered> {
        std::mem::take(&mut self.warmings)
    }

    pub(crate) fn take_local_types(&mut self) -> HashSet<TypeId> {
        std::mem::take(&mut self.local_types)
    }
}

/// Who else writes to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CacheMode {
    /// Other processes do: each transaction that writes leaves a row in a log in the database, and
    /// each process follows that log.
    Shared,
    /// Nobody but this [`Database`](crate::Database): there is no log. What others write is never
    /// noticed.
    Local,
}

impl CacheMode {
    /// The mode as one word, as in `cache.mode`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Local => "local",
        }
    }
}

/// How processes hint to each other that there is news in the log. Nothing depends on hints but
/// how soon others notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hints {
    /// Through Redis, if there is one.
    Redis,
    /// By NOTIFY, which lets transactions that write commit one at a time.
    Notify,
    /// Not at all: the log is looked at from time to time.
    Off,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            mode: CacheMode::Shared,
            max_staleness: Duration::from_secs(1),
            poll_interval: Duration::from_millis(250),
            install_log: true,
            hints: Hints::Redis,
            row_precision: true,
            hot_writes: 100,
            early_refresh: 1.0,
            jitter: 0.05,
            shadow: 0.0,
            load_lock: Duration::ZERO,
            never_in_redis: Vec::new(),
            compress_above: 1 << 10,
            seal: None,
            warm: true,
            warm_parallelism: 2,
            warm_timeout: Duration::from_secs(60),
            warm_keys: 10_000,
            warmings: Vec::new(),
            local_types: HashSet::new(),
            ttl: Duration::from_secs(60),
            max_entries: 1_000,
            max_bytes: 64 << 20,
            cleanup_interval: Duration::from_secs(60),
            namespace: String::new(),
            declarations: Declarations::default(),
            clock: Clock::system(),
        }
    }
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
            cache: CacheSettings::default(),
            queries: QuerySettings::default(),
            redis: None,
            tenant_setting: DEFAULT_TENANT_SETTING.to_owned(),
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
                words::isolation_level(database.isolation_level)
                    .as_sql()
                    .to_lowercase(),
            );
        if database.load_balance_strategy.as_deref() == Some("random") {
            options.connect = options.connect.balance_hosts(true);
        }
        if let Some(path) = &database.password_file {
            options.connect = options.connect.password_file(path);
        }
        options.connect.connect_timeout = database.connect_timeout;
        options.connect.pooler = words::pooler_mode(database.pooler);
        options.connect.target_session_attrs =
            words::target_session_attrs(database.target_session_attrs);
        options.connect.tls = words::tls(&options.connect.tls, database);

        let pool = &config.pool;
        options.pool.size = count(pool.size);
        options.pool.overflow = count(pool.overflow);
        options.pool.adaptive = pool.adaptive;
        options.pool.keep_open = count(pool.keep_open);
        options.pool.connect_parallelism = count(pool.connect_parallelism);
        options.pool.start = match pool.start {
            larder_config::PoolStart::KeepTrying => PoolStart::KeepTrying,
            _ => PoolStart::FailFast,
        };
        options.pool.acquire_timeout = pool.acquire_timeout;
        options.pool.max_waiting = count(pool.max_waiting);
        options.pool.overload_target = pool.overload_target;
        options.pool.overload_interval = pool.overload_interval;
        options.pool.held_warning = Some(pool.held_warning).filter(|held| !held.is_zero());
        options.pool.max_lifetime = Some(pool.recycle);
        options.pool.idle_timeout = Some(pool.idle_timeout);
        options.pool.verify_after = pool.verify_idle.then_some(pool.verify_after);
        options.pool.verify_timeout = pool.verify_timeout;
        options.pool.lanes.count = count(pool.lanes);
        options.pool.lanes.most = count(pool.lanes_max);
        options.pool.lanes.result_cap =
            usize::try_from(pool.lane_result_cap.as_u64()).unwrap_or(usize::MAX);
        options.pool.lanes.slow_after = pool.lane_slow_after;
        options.pool.lanes.statement_timeout = pool.lane_timeout;

        let retry = &config.retry;
        options.pool.retry = RetryPolicy::default()
            .retries(retry.retries)
            .pauses(retry.shortest_pause, retry.longest_pause)
            .max_elapsed(retry.max_elapsed);
        options.pool.retry_budget = RetryBudget::new(retry.budget_percent, retry.budget_per_second);
        options
            .tenant_setting
            .clone_from(&config.database.tenant_setting);

        let cache = &config.cache;
        options.cache.enabled = cache.enabled && !cache.ttl.is_zero();
        options.cache.ttl = cache.ttl;
        options.cache.max_entries = count(cache.max_entries);
        options.cache.max_bytes = cache.max_bytes.as_u64();
        options.cache.cleanup_interval = cache.cleanup_interval;

        options.cache.mode = match cache.mode {
            larder_config::CacheMode::Local => CacheMode::Local,
            _ => CacheMode::Shared,
        };
        options.cache.max_staleness = cache.max_staleness;
        options.cache.poll_interval = cache.poll_interval;
        options.cache.install_log = cache.install_log;
        options.cache.hints = match cache.hints {
            larder_config::CacheHints::Notify => Hints::Notify,
            larder_config::CacheHints::Off => Hints::Off,
            _ => Hints::Redis,
        };
        options.cache.shadow = cache.shadow;
        options.cache.row_precision = cache.row_precision;
        options.cache.hot_writes = cache.hot_writes;
        options.cache.early_refresh = cache.early_refresh;
        options.cache.jitter = cache.jitter;
        options.cache.load_lock = cache.load_lock;
        options.cache.warm = cache.warm;
        options.cache.warm_parallelism = count(cache.warm_parallelism);
        options.cache.warm_timeout = cache.warm_timeout;
        options.cache.warm_keys = count(cache.warm_keys);
        options
            .cache
            .never_in_redis
            .clone_from(&cache.never_in_redis);
        options.cache.compress_above =
            usize::try_from(cache.compress_above.as_u64()).unwrap_or(usize::MAX);
        options.cache.seal = seal(&config.redis);
        options.redis = redis_options(&config.redis);

        options.queries = QuerySettings::of(config);
        Ok(options)
    }

    /// For the embedded database: one connection, no TLS, no requests to cancel, and a
    /// deadline for statements on this side, because it has none itself.
    pub fn embedded(mut self, connect_timeout: Duration, statement_timeout: Duration) -> Self {
        self.connect.cancel_requests = false;
        self.connect.answer_timeout = Some(statement_timeout);
        self.connect.connect_timeout = connect_timeout;
        self.connect.tls.mode = TlsMode::Disable;
        // Nobody else can reach it.
        self.cache.mode = CacheMode::Local;
        self.pool.size = 1;
        self.pool.overflow = 0;
        // It takes no second connection while the first is being closed.
        self.pool.keep_open = 0;
        self.pool.connect_parallelism = 1;
        // All take turns on the one connection, and nobody is sent away for that.
        self.pool.overload_target = Duration::ZERO;
        // Closing and opening the only connection is all that recycling would do.
        self.pool.max_lifetime = None;
        self.pool.idle_timeout = None;
        self
    }
}

/// How results in Redis are encrypted, if they are.
fn seal(redis: &RedisConfig) -> Option<Seal> {
    Seal::of_secrets(redis.encryption_keys.iter().map(|key| key.expose()))
}

/// The Redis that the settings name, if they name one.
fn redis_options(redis: &RedisConfig) -> Option<RedisOptions> {
    const SENTINEL_PORT: u16 = 26379;
    const PORT: u16 = 6379;
    let url = redis
        .url
        .as_ref()
        .map(|url| SecretString::from(url.expose()));
    let hosts = |list: &[HostPort], port| {
        list.iter()
            .map(|host| (host.host.clone(), host.port.unwrap_or(port)))
            .collect()
    };
    let server = if !redis.sentinel_hosts.is_empty() {
        RedisServer::Sentinel {
            hosts: hosts(&redis.sentinel_hosts, SENTINEL_PORT),
            service: redis.sentinel_service.clone(),
            url,
        }
    } else if !redis.cluster_hosts.is_empty() {
        RedisServer::Cluster {
            hosts: hosts(&redis.cluster_hosts, PORT),
            url,
        }
    } else {
        RedisServer::Single { url: url? }
    };
    let mut options = RedisOptions::new(server);
    options.connect_timeout = redis.timeout;
    options.deadline = redis.deadline;
    options.max_connections = count(redis.max_connections);
    Some(options)
}

fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
