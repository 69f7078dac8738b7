//! Putting an instance together.

use std::error::Error as StdError;
use std::sync::Arc;

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use larder_config::{Config, ConfigLoader, Profile, SettingValue};
use larder_database::{
    CacheMode, CacheSettings, Database, DatabaseOptions, Declarations, TraceContext,
};
use larder_health::Probe;
use larder_health::alerts::AlertSink;
use larder_metrics::Exporter;

use crate::Result;
use crate::instance::{Embedded, Larder};
use crate::watch::Additions;

/// Settings for an instance beyond what the environment says.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> larder::Result<()> {
/// use larder::prelude::*;
///
/// let larder = Larder::builder()
///     .profile(Profile::Test)
///     .set("database.url", "postgres://app@localhost/shop")
///     .set("pool.size", 3)
///     .start()
///     .await?;
/// # larder.shutdown().await
/// # }
/// ```
#[must_use = "nothing happens until it is started"]
pub struct LarderBuilder {
    settings: Settings,
    code: InCode,
    watching: Additions,
}

/// Registers a read that warms the cache.
type RegisterWarming = Box<dyn FnOnce(&mut CacheSettings) + Send>;

/// What only code can say, and no setting.
#[derive(Default)]
struct InCode {
    declarations: Declarations,
    local_types: Vec<fn(&mut CacheSettings)>,
    warmings: Vec<RegisterWarming>,
}

impl InCode {
    fn tell(self, cache: &mut CacheSettings) {
        cache.declarations = self.declarations;
        for keep_local in self.local_types {
            keep_local(cache);
        }
        for register in self.warmings {
            register(cache);
        }
    }
}

enum Settings {
    Loader(Box<ConfigLoader>),
    Loaded(Box<Config>),
}

impl Settings {
    fn load(self) -> Result<Config> {
        match self {
            Self::Loader(loader) => Ok(loader.load()?),
            Self::Loaded(config) => Ok(*config),
        }
    }
}

impl LarderBuilder {
    pub(crate) fn new() -> Self {
        let loader = ConfigLoader::new().embedded_available(cfg!(feature = "embedded"));
        Self {
            settings: Settings::Loader(Box::new(loader)),
            code: InCode::default(),
            watching: Additions::default(),
        }
    }

    /// Says what functions and triggers of the database read and write, where the catalog does
    /// not tell. Reads that use them can be cached then, and writes invalidate no more than they
    /// have to.
    pub fn declare(mut self, declarations: Declarations) -> Self {
        self.code.declarations = declarations;
        self
    }

    /// Keeps results of this type in the process that read them, and never in Redis: single ones
    /// and lists of them. `cache.never_in_redis` says the same of tables,
    /// [`local_only`](larder_database::CachedQuery::local_only) of a read.
    ///
    /// ```
    /// use larder::prelude::*;
    ///
    /// #[derive(Queryable)]
    /// struct Patient {
    ///     id: i64,
    ///     name: String,
    /// }
    ///
    /// let builder = Larder::builder().keep_local::<Patient>();
    /// # drop(builder);
    /// ```
    pub fn keep_local<T: 'static>(mut self) -> Self {
        self.code.local_types.push(CacheSettings::keep_local::<T>);
        self
    }

    /// Registers a read that warms the cache: it runs in the background when the instance starts, and
    /// whenever somebody asks for it, by [`Database::warm`] or by `larder cache warm`. See
    /// [`Database::register_warming`]; `cache.warm` switches it off, `cache.warm_parallelism` says
    /// how many run at a time, and `cache.warm_timeout` how long one of them may take.
    ///
    /// ```
    /// use larder::prelude::*;
    ///
    /// let builder = Larder::builder().warm("number of restaurants", |db| async move {
    ///     let restaurants = db.sql("SELECT count(*) FROM restaurants").cached();
    ///     restaurants.fetch_scalar::<i64>().await?;
    ///     Ok(())
    /// });
    /// # drop(builder);
    /// ```
    pub fn warm<F, Fut>(mut self, name: impl Into<String>, read: F) -> Self
    where
        F: Fn(Database) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Box<dyn StdError + Send + Sync>>> + Send + 'static,
    {
        let name = name.into();
        let register = move |cache: &mut CacheSettings| cache.register_warming(name, read);
        self.code.warmings.push(Box::new(register));
        self
    }

    /// Adds a check of health. Its name is told in reports, and `health.inform_only` may name it.
    ///
    /// ```
    /// use larder::health::{Finding, probe};
    /// use larder::prelude::*;
    ///
    /// // When the pool is full, the queue is not to blame.
    /// let queue = probe("queue", || async { Finding::healthy() });
    /// let builder = Larder::builder().probe(queue);
    /// # drop(builder);
    /// ```
    pub fn probe(mut self, probe: impl Probe) -> Self {
        self.watching.probes.push(Arc::new(probe));
        self
    }

    /// Tells somebody else when health changes, beside the log and `health.alert_webhook`. See
    /// [`AlertSink`] for an example.
    pub fn alert_sink(mut self, sink: impl AlertSink) -> Self {
        self.watching.sinks.push(Arc::new(sink));
        self
    }

    /// Says which migrations the code expects: while some are not applied, health is degraded. Those
    /// of the services that come with Larder are expected where any of them is applied. This applies
    /// none; [`Larder::migrate_with`] does.
    pub fn expect_migrations<S>(mut self, migrations: S) -> Self
    where
        S: MigrationSource<Pg> + Send + Sync + 'static,
    {
        self.watching.migrations.push(Arc::new(migrations));
        self
    }

    /// Starts with settings that are already loaded; what was set before is dropped.
    pub fn config(mut self, config: Config) -> Self {
        self.settings = Settings::Loaded(Box::new(config));
        self
    }

    /// Chooses the profile, whatever the environment says. Without effect after
    /// [`config`](Self::config).
    pub fn profile(self, profile: Profile) -> Self {
        self.map(|loader| loader.profile(profile))
    }

    /// Sets a value such as `pool.size`, above every other source. Without effect
    /// after [`config`](Self::config).
    pub fn set(self, key: impl Into<String>, value: impl Into<SettingValue>) -> Self {
        self.map(|loader| loader.set(key, value))
    }

    /// Changes how settings are loaded: from which file, from which environment.
    /// Without effect after [`config`](Self::config).
    pub fn load_with(self, change: impl FnOnce(ConfigLoader) -> ConfigLoader) -> Self {
        self.map(change)
    }

    fn map(self, change: impl FnOnce(ConfigLoader) -> ConfigLoader) -> Self {
        let settings = match self.settings {
            Settings::Loader(loader) => Settings::Loader(Box::new(change(*loader))),
            loaded @ Settings::Loaded(_) => loaded,
        };
        Self { settings, ..self }
    }

    /// Reads the settings and starts nothing: to set up logging before anything happens.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) with all faults of the settings.
    pub fn load(self) -> Result<Config> {
        self.settings.load()
    }

    /// Reads the settings, starts the embedded database where there is no other, and connects.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) with all faults of the settings, or what kept the database
    /// from being reached.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it closes what it opened.
    pub async fn start(self) -> Result<Larder> {
        let Self {
            settings,
            code,
            watching,
        } = self;
        let config = settings.load()?;
        for notice in config.notices() {
            tracing::warn!(key = notice.key, "{}", notice.message);
        }
        if let Some(detection) = config.provider() {
            tracing::info!(provider = detection.provider, "settings for {detection}");
        }
        // Where the address is taken, nothing has to be stopped.
        #[cfg(feature = "admin")]
        let listener = crate::admin_pages::bind(&config).await?;
        #[cfg(not(feature = "admin"))]
        warn_of_no_admin(&config);
        // First, so that nothing that happens is missing in the series.
        let exporter = config.metrics.enabled.then(Exporter::install);
        let (database, embedded) = match &config.database.url {
            Some(url) => {
                let mut options = DatabaseOptions::from_config(&config, url.expose())?;
                code.tell(&mut options.cache);
                options.queries.trace_context = trace_context(&config);
                warn_of_others(options.cache.mode);
                (Database::open(options).await?, None)
            }
            None => open_embedded(&config, code).await?,
        };
        tracing::info!(
            profile = %config.profile(),
            database = if embedded.is_some() { "embedded" } else { "server" },
            version = database.server_version(),
            pool_size = database.pool_status().size,
            pool_overflow = database.pool_status().overflow,
            cache = cache(&config, &database),
            configuration = configuration(&config),
            "larder started"
        );
        let larder = Larder::new(config, database, embedded, exporter, watching);
        #[cfg(feature = "admin")]
        if let Some(listener) = listener {
            larder.serve_admin(listener);
        }
        Ok(larder)
    }
}

impl std::fmt::Debug for LarderBuilder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LarderBuilder")
            .finish_non_exhaustive()
    }
}

/// What statements carry to the server, where the settings say so.
fn trace_context(config: &Config) -> TraceContext {
    if !config.query.trace_context {
        return TraceContext::default();
    }
    #[cfg(feature = "opentelemetry")]
    return crate::traces::trace_context();
    #[cfg(not(feature = "opentelemetry"))]
    {
        tracing::warn!(
            key = "query.trace_context",
            "there are no traces: turn on the feature `opentelemetry` of larder, or this setting off"
        );
        TraceContext::default()
    }
}

/// Who switches the pages on should know that they are not built in.
#[cfg(not(feature = "admin"))]
fn warn_of_no_admin(config: &Config) {
    use larder_config::Source;

    let enabled = config.setting("admin.enabled");
    let is_asked_for = enabled.is_some_and(|enabled| !matches!(enabled.source, Source::Profile(_)));
    if config.admin.enabled && is_asked_for {
        tracing::warn!(
            key = "admin.enabled",
            "the admin pages are not built in: build with the feature `admin`"
        );
    }
}

/// On a server there may be others, and who chose this mode should know what it costs.
fn warn_of_others(mode: CacheMode) {
    if mode == CacheMode::Local {
        tracing::warn!(
            key = "cache.mode",
            "mode local: writes of other processes are not noticed"
        );
    }
}

/// How results are kept, in a few words.
fn cache(config: &Config, database: &Database) -> String {
    let mode = database.cache_mode();
    let mut words = mode.as_str().to_owned();
    if !database.cache().is_enabled() {
        words += ", off";
    }
    if mode == CacheMode::Shared {
        words += &format!(
            ", others see a write within {:?}",
            config.cache.max_staleness
        );
    }
    if database.redis_available().is_some() {
        words += ", with Redis";
    }
    words
}

/// The effective configuration on one line, without secrets.
fn configuration(config: &Config) -> String {
    let settings = config
        .settings()
        .map(|setting| format!("{}={}", setting.key, setting.value));
    settings.collect::<Vec<_>>().join(" ")
}

#[cfg(feature = "embedded")]
async fn open_embedded(config: &Config, code: InCode) -> Result<(Database, Option<Embedded>)> {
    use larder_embedded::{EmbeddedDatabase, EmbeddedOptions};

    let mut options = EmbeddedOptions::default();
    options.directory.clone_from(&config.embedded.directory);
    options.start_timeout = config.embedded.start_timeout;
    let embedded = EmbeddedDatabase::start(options).await?;
    let mut options = DatabaseOptions::from_config(config, embedded.url())?.embedded(
        config.embedded.connect_timeout,
        config.database.statement_timeout,
    );
    code.tell(&mut options.cache);
    options.queries.trace_context = trace_context(config);
    let database = Database::open(options).await?;
    tracing::info!(
        "the embedded database has one connection and no other process: the pool has size 1, the cache is in mode local"
    );
    Ok((database, Some(embedded)))
}

/// Without the feature the settings refuse to load without a URL, so this is not reached.
#[cfg(not(feature = "embedded"))]
#[expect(clippy::unused_async, reason = "the other variant of it waits")]
async fn open_embedded(_: &Config, _: InCode) -> Result<(Database, Option<Embedded>)> {
    Err(crate::Error::Database(larder_database::Error::from(
        larder_pool::Error::Options("there is no database.url".to_owned()),
    )))
}
