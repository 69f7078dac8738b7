//! A running instance.

use std::sync::{Arc, PoisonError};
#[cfg(feature = "embedded")]
use std::time::Duration;
use std::time::Instant;

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use larder_config::Config;
use larder_database::{CacheAdvice, Database, MigrationReport, Scope, StatementSummary};
use larder_health::{HealthMonitor, HealthReport};
use larder_metrics::Exporter;
use larder_services::analytics::AnalyticsService;
use larder_services::restaurants::RestaurantService;
use larder_services::reviews::ReviewService;
use larder_services::users::UserService;
use tokio::sync::Mutex;

use crate::watch::{Additions, Watch};
use crate::{LarderBuilder, Result, Statistics};

#[cfg(feature = "embedded")]
pub(crate) type Embedded = larder_embedded::EmbeddedDatabase;
#[cfg(not(feature = "embedded"))]
pub(crate) type Embedded = std::convert::Infallible;

/// The data layer of a service. Clones share the same instance.
#[derive(Clone)]
pub struct Larder {
    inner: Arc<Inner>,
    /// That of the instance, perhaps in a scope.
    database: Database,
}

struct Inner {
    config: Config,
    database: Database,
    kind: DatabaseKind,
    /// Taken when it is shut down.
    watch: std::sync::Mutex<Option<Watch>>,
    monitor: HealthMonitor,
    exporter: Option<Exporter>,
    since: Instant,
    #[cfg(feature = "admin")]
    admin: crate::admin_pages::AdminPages,
    /// Taken when it is stopped.
    embedded: Mutex<Option<Embedded>>,
}

/// Where the database runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DatabaseKind {
    /// On a server.
    Server,
    /// Inside this program, with a single connection.
    Embedded,
}

impl DatabaseKind {
    /// The kind as one word, such as for JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Embedded => "embedded",
        }
    }
}

impl Larder {
    /// How long the embedded database may take to stop.
    #[cfg(feature = "embedded")]
    const STOP: Duration = Duration::from_secs(10);

    /// Starts with what `LARDER_PROFILE`, `larder.toml` and the environment say.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) with all faults of the settings at once,
    /// or what kept the database from being reached.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it closes what it opened.
    pub async fn from_env() -> Result<Self> {
        Self::builder().start().await
    }

    /// Starts with settings of the caller's on top.
    pub fn builder() -> LarderBuilder {
        LarderBuilder::new()
    }

    pub(crate) fn new(
        config: Config,
        database: Database,
        embedded: Option<Embedded>,
        exporter: Option<Exporter>,
        additions: Additions,
    ) -> Self {
        let kind = match embedded {
            Some(_) => DatabaseKind::Embedded,
            None => DatabaseKind::Server,
        };
        Self::of(config, database, kind, embedded, exporter, additions)
    }

    /// An instance on a database of this kind, which may be somebody else's to stop.
    pub(crate) fn of(
        config: Config,
        database: Database,
        kind: DatabaseKind,
        embedded: Option<Embedded>,
        exporter: Option<Exporter>,
        additions: Additions,
    ) -> Self {
        let watch = Watch::start(&config, &database, kind, exporter, additions);
        let own = database.clone();
        #[cfg(feature = "admin")]
        let admin = crate::admin_pages::AdminPages::new(&config, &database, kind, &watch);
        let inner = Arc::new(Inner {
            monitor: watch.monitor.clone(),
            exporter: watch.exporter.clone(),
            since: watch.since,
            #[cfg(feature = "admin")]
            admin,
            watch: std::sync::Mutex::new(Some(watch)),
            config,
            database,
            kind,
            embedded: Mutex::new(embedded),
        });
        Self {
            inner,
            database: own,
        }
    }

    /// The settings, each with its source.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The database: sessions, transactions, raw SQL.
    pub fn db(&self) -> &Database {
        &self.database
    }

    /// This instance on somebody's behalf: its database and its services do all their work under
    /// the scope, as [`Database::scoped`] says. Made for each request; it costs no connection.
    ///
    /// # Errors
    ///
    /// If something in it cannot be part of a scope; the error names it and says what to do.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use larder::prelude::*;
    ///
    /// # async fn example(larder: Larder, tenant: i64) -> larder::Result<()> {
    /// let larder = larder.scoped(Scope::new().tenant(tenant))?;
    /// // Policies see `current_setting('app.tenant')`, and what is kept is kept for this tenant.
    /// let found = larder.restaurants().search("noodle").load().await?;
    /// # drop(found);
    /// # Ok(())
    /// # }
    /// ```
    pub fn scoped(&self, scope: Scope) -> Result<Self> {
        Ok(Self {
            database: self.database.scoped(scope)?,
            ..self.clone()
        })
    }

    /// Where the database runs.
    pub fn database_kind(&self) -> DatabaseKind {
        self.inner.kind
    }

    /// Restaurants: nearby, by id, search, create, update, status, delete, restore, import.
    pub fn restaurants(&self) -> RestaurantService {
        RestaurantService::new(self.database.clone())
    }

    /// Users: by id, by email, create, update, verify, deactivate, record a login.
    pub fn users(&self) -> UserService {
        UserService::new(self.database.clone())
    }

    /// Reviews: of a restaurant, add, edit, moderate, remove.
    pub fn reviews(&self) -> ReviewService {
        ReviewService::new(self.database.clone())
    }

    /// Analytics: statistics of one restaurant and of all, popular cuisines.
    pub fn analytics(&self) -> AnalyticsService {
        AnalyticsService::new(self.database.clone())
    }

    #[cfg(feature = "admin")]
    pub(crate) fn admin_pages(&self) -> &crate::admin_pages::AdminPages {
        &self.inner.admin
    }

    /// What the instance did since its start, as a struct and, by serde, as JSON.
    pub fn statistics(&self) -> Statistics {
        Statistics::of(
            self.db(),
            self.inner.monitor.report(),
            self.inner.since.elapsed(),
        )
    }

    /// What to do about the results of reads that are cached, by what this instance has seen: see
    /// [`Database::cache_advice`]. [`Larder::statistics`] has what would save most of it.
    ///
    /// ```no_run
    /// # fn example(larder: larder::Larder) {
    /// for advice in larder.cache_advice() {
    ///     println!("{advice}");
    /// }
    /// # }
    /// ```
    pub fn cache_advice(&self) -> Vec<CacheAdvice> {
        self.db().cache_advice()
    }

    /// The statements that took longest together since the start, those first that took most: what
    /// is known of each, with its plan where one of them was slow. See [`Database::statements`].
    ///
    /// ```no_run
    /// # fn example(larder: larder::Larder) {
    /// for statement in larder.slow_queries(10) {
    ///     println!("{:>9.1} ms p95  {:>8} calls  {}", statement.p95_ms, statement.calls, statement.text);
    /// }
    /// # }
    /// ```
    pub fn slow_queries(&self, limit: usize) -> Vec<StatementSummary> {
        let mut statements = self.db().statements();
        statements.truncate(limit);
        statements
    }

    /// How well the data layer is: what the last check in the background found. The first time
    /// it may have to wait for the first check.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn health(&self) -> HealthReport {
        let report = self.inner.monitor.report();
        match report.last_check {
            Some(_) => report,
            None => self.inner.monitor.check_now().await,
        }
    }

    /// What checks health: for a check right now, for records and transitions.
    pub fn health_monitor(&self) -> &HealthMonitor {
        &self.inner.monitor
    }

    /// All metrics in the text format of Prometheus. `None` where they are switched off
    /// (`metrics.enabled`), or the program has a recorder of its own, which has them then.
    pub fn metrics(&self) -> Option<String> {
        self.inner.exporter.as_ref()?.render()
    }

    /// Creates or updates the tables of the services that come with Larder.
    ///
    /// # Errors
    ///
    /// If the server refuses a migration. Those before it stay applied.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the migrations go on to their end in the background.
    pub async fn migrate(&self) -> Result<MigrationReport> {
        self.migrate_with(larder_services::MIGRATIONS).await
    }

    /// Applies migrations of the caller's own, such as those of
    /// `diesel_migrations::embed_migrations!()`, which needs that crate as a dependency.
    ///
    /// They share Diesel's table of applied migrations with those of
    /// [`migrate`](Self::migrate), and the report counts both.
    ///
    /// # Errors
    ///
    /// As [`migrate`](Self::migrate).
    ///
    /// # Cancel safety
    ///
    /// As [`migrate`](Self::migrate).
    pub async fn migrate_with<S>(&self, migrations: S) -> Result<MigrationReport>
    where
        S: MigrationSource<Pg> + Send + 'static,
    {
        Ok(self.inner.database.migrate(migrations).await?)
    }

    /// Lets nobody in any more, waits for the sessions in use (`pool.shutdown_timeout`),
    /// closes all connections and stops the embedded database. Meanwhile those who were told of an
    /// incident that lasts hear that nobody watches it any more, for up to two seconds.
    ///
    /// # Errors
    ///
    /// If sessions were still in use at the deadline, or the embedded database did not
    /// stop. Everything is closed all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the instance stays closed for newcomers; calling it again goes on. What had still to
    /// be told is not.
    pub async fn shutdown(&self) -> Result<()> {
        #[cfg(feature = "admin")]
        self.inner.admin.stop();
        let watch = self
            .inner
            .watch
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let farewell = Box::pin(async {
            if let Some(watch) = watch {
                watch.stop().await;
            }
        });
        let deadline = self.inner.config.pool.shutdown_timeout;
        let drained = Box::pin(self.inner.database.shutdown(deadline));
        let ((), drained) = tokio::join!(farewell, drained);
        let mut embedded = self.inner.embedded.lock().await;
        #[cfg(feature = "embedded")]
        if let Some(embedded) = embedded.take() {
            let stopped = embedded.stop(Self::STOP).await;
            // Where a connection was cut off, the database ends with an error of its own.
            if drained.is_ok() {
                stopped?;
            }
        }
        #[cfg(not(feature = "embedded"))]
        if let Some(never) = embedded.take() {
            match never {}
        }
        tracing::info!("larder stopped");
        Ok(drained?)
    }
}

impl std::fmt::Debug for Larder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Larder")
            .field("profile", &self.inner.config.profile())
            .field("database", &self.inner.database)
            .finish_non_exhaustive()
    }
}
