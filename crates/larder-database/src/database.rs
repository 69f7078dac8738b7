//! The database of a service.

mod opening;
mod reaching;

use std::any::TypeId;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use larder_cache::l2::RedisStatistics;
use larder_cache::{Cache, CacheStatistics, Key, KeyContext};
use larder_metrics::{
    CacheRecorder, ConnectionStatistics, InstanceName, LatencyCounts, LatencyStatistics,
    QueryRecorder, QueryStatistics, ServiceRegistry, WindowStatistics,
};
use larder_pool::{
    AsyncClosure, CancelRequest, CommitOutcome, Connection, Observer, Pool, PoolObserver,
    PoolStatus, PoolerMode, Reader, Session,
};

use self::opening::{
    cache, fleet, local_identity, recorders, refuse_notify_behind_pooler, second_tier, tell_of,
};
use self::reaching::Reaching;
use crate::cached::{Classes, Plans, Shadow};
use crate::closure_error::{ClosureError, outcome};
use crate::coherence::{CatalogState, Heat, HotTable, Picture, Watcher, care_for, take_pictures};
use crate::events::Events;
use crate::fleet::{Fleet, FollowerStatistics, SecondTier, SecondTierStatistics};
use crate::options::CacheMode;
use crate::request_scope::RequestScope;
use crate::slow::{Notice, explain_in_background};
use crate::sql::{BoundSql, sql};
use crate::switches::Switches;
use crate::transaction::TransactionBuilder;
use crate::warming::{Warmer, tend_hot_keys, warm_in_background};
use crate::{DatabaseOptions, Error, observation};

/// A database: sessions, transactions, raw SQL. Clones share the same pool.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> Result<(), larder_database::Error> {
/// use diesel_async::RunQueryDsl;
/// use larder_database::{Database, DatabaseOptions};
///
/// let db = Database::open(DatabaseOptions::from_url("postgres://app@localhost/shop")?).await?;
///
/// // Commits on Ok, rolls back on anything else.
/// db.transaction(async |conn| diesel::sql_query("DELETE FROM carts").execute(conn).await)
///     .await?;
///
/// // Parameters have names and are bound, never spliced.
/// let rows = db.sql("SELECT * FROM carts WHERE owner = :owner").bind("owner", 7_i64).fetch_json().await?;
/// # drop(rows);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
    /// On whose behalf it is used; `None` on nobody's.
    scope: Option<Arc<RequestScope>>,
}

pub(crate) struct Inner {
    pub(crate) pool: Pool,
    pub(crate) cache: Cache,
    pub(crate) picture: Arc<Picture>,
    pub(crate) plans: Plans,
    /// What becomes of the results of each kind of read.
    pub(crate) classes: Classes,
    pub(crate) watcher: Arc<Watcher>,
    pub(crate) default_ttl: Duration,
    /// The setting that stands for the tenant of a scope.
    pub(crate) tenant_setting: String,
    pub(crate) switches: Switches,
    /// The other processes on the same database; `None` in mode `local`.
    pub(crate) fleet: Option<Arc<Fleet>>,
    /// What they share through Redis; `None` without one.
    pub(crate) second_tier: Option<SecondTier>,
    /// Tables whose rows are never kept there.
    pub(crate) never_in_redis: Vec<String>,
    /// Types of results that are never kept there.
    pub(crate) local_types: HashSet<TypeId>,
    /// Which hits are verified.
    pub(crate) shadow: Shadow,
    pub(crate) events: Arc<Events>,
    /// Filling the cache before it is read.
    pub(crate) warmer: Warmer,
    /// How long loads take.
    pub(crate) loads: Arc<CacheRecorder>,
    services: ServiceRegistry,
    name: InstanceName,
    namespace: String,
    identity: String,
    /// Empty until the server was reached.
    server_version: OnceLock<String>,
}

impl Database {
    /// Connects. The first connection is made here, so that wrong settings show at once.
    ///
    /// # Errors
    ///
    /// If no connection can be made; the error says where to and why. In mode
    /// [`Shared`](CacheMode::Shared) also [`Error::LogMissing`], [`Error::LogRights`] or
    /// [`Error::LogVersion`] if there is no log of invalidations that can be used; each names its
    /// cure. A Redis that does not answer is no error.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it closes what it opened.
    pub async fn open(options: DatabaseOptions) -> Result<Self, Error> {
        let DatabaseOptions {
            connect,
            mut pool,
            cache: mut settings,
            queries,
            redis,
            tenant_setting,
        } = options;
        refuse_notify_behind_pooler(&connect, &settings)?;
        let cleanup_interval = settings.cleanup_interval;
        let redis = redis.filter(|_| settings.mode == CacheMode::Shared);
        let fleet = fleet(&settings, redis.is_some());
        let cache = cache(&settings, fleet.is_some());
        let second_tier = second_tier(&settings, redis, &cache, fleet.as_deref())?;
        let events = Arc::new(Events::default());
        tell_of(&events, &cache, second_tier.as_ref());
        let local_types = settings.take_local_types();
        let warmer = Warmer::new(&mut settings, pool.size);
        let picture = Arc::new(Picture::new(settings.declarations, settings.row_precision));
        let name = InstanceName::claim(&pool.name);
        let (connections, loads) = recorders(name.as_str(), queries.metrics);
        let most = pool.size.saturating_add(pool.overflow);
        let (notice, asked) = Notice::new(&queries, most);
        let watcher = Arc::new(Watcher::new(
            cache.clone(),
            Arc::clone(&picture),
            QueryRecorder::new(observation::options(&queries)),
            connections,
            Heat::new(settings.hot_writes, Arc::clone(&events)),
            fleet.clone(),
            notice,
        ));
        pool.observer = Observer::new(Arc::clone(&watcher) as Arc<dyn PoolObserver>);
        let identity = local_identity(&connect.target().to_string());
        let pool = Pool::open(connect, pool).await?;
        // Only where it was asked for, or opening would have failed.
        let is_late = pool.status().last_connect_error.is_some();
        let reaching = Reaching {
            install_log: settings.install_log,
            hints: settings.hints,
        };
        let inner = Arc::new(Inner {
            pool,
            classes: Classes::new(cache.clock().clone()),
            cache,
            picture,
            plans: Plans::new(),
            watcher,
            default_ttl: settings.ttl,
            tenant_setting,
            switches: Switches::default(),
            fleet,
            second_tier,
            never_in_redis: settings.never_in_redis,
            local_types,
            shadow: Shadow::new(settings.shadow),
            events,
            warmer,
            loads: Arc::new(loads),
            services: ServiceRegistry::new(name.as_str()),
            name,
            namespace: settings.namespace,
            identity,
            server_version: OnceLock::new(),
        });
        if is_late {
            tokio::spawn(reaching.keep_trying(Arc::downgrade(&inner)));
        } else {
            Box::pin(reaching.reach(&inner)).await?;
        }
        explain_in_background(&inner, asked, &queries);
        tokio::spawn(care_for(Arc::downgrade(&inner), cleanup_interval));
        let picture = Arc::clone(&inner.picture);
        tokio::spawn(take_pictures(Arc::downgrade(&inner), picture));
        if inner.warmer.is_on() {
            tokio::spawn(warm_in_background(Arc::downgrade(&inner)));
            tokio::spawn(tend_hot_keys(Arc::downgrade(&inner)));
        }
        Ok(Self::of(inner))
    }

    pub(crate) fn of(inner: Arc<Inner>) -> Self {
        Self { inner, scope: None }
    }

    pub(crate) fn in_scope(inner: Arc<Inner>, scope: Arc<RequestScope>) -> Self {
        Self {
            inner,
            scope: Some(scope),
        }
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// On whose behalf it is used.
    pub(crate) fn request_scope(&self) -> Option<&Arc<RequestScope>> {
        self.scope.as_ref()
    }

    /// The version of the server, such as `17.5`; `unknown` while it could not be reached yet,
    /// which may be where the pool keeps trying at the start.
    pub fn server_version(&self) -> &str {
        self.inner
            .server_version
            .get()
            .map_or("unknown", String::as_str)
    }

    /// A connection for several statements that each commit by themselves. In a
    /// [scope](Self::scoped) each of them runs in a transaction of its own, under the scope.
    ///
    /// # Errors
    ///
    /// If none becomes free in time, a new one is refused for good, or the database is
    /// shut down.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves the queue and takes nothing with it.
    #[track_caller]
    pub fn session(&self) -> impl Future<Output = Result<Session, Error>> + Send + use<'_> {
        // The caller's place in the source is noted here, not where the future is polled.
        // Not in a closure, which would be a place of its own.
        let outside = match &self.scope {
            None => Some(self.inner.pool.session()),
            Some(_) => None,
        };
        async {
            match outside {
                Some(session) => Ok(session.await?),
                None => self.inner.session_in(self.scope.as_deref()).await,
            }
        }
    }

    /// A handle by which single statements run, each by the shortest way: a query that only reads
    /// shares one of a few connections with others, and anything else takes a connection of the
    /// pool for as long as it runs.
    ///
    /// ```no_run
    /// # async fn example(db: larder_database::Database) -> diesel::QueryResult<()> {
    /// use diesel::prelude::*;
    /// use diesel_async::RunQueryDsl;
    ///
    /// diesel::table! { tags (id) { id -> BigInt, name -> Text, } }
    ///
    /// let name: String = tags::table.find(7).select(tags::name).first(&mut db.reader()).await?;
    /// # drop(name);
    /// # Ok(())
    /// # }
    /// ```
    pub fn reader(&self) -> Reader {
        // What a query does is known by the catalog. Until that was looked at, each takes a
        // connection of the pool.
        self.inner.picture.want();
        match &self.scope {
            Some(scope) => self.inner.pool.reader_with(&scope.transactions),
            None => self.inner.pool.reader(),
        }
    }

    /// Opens the connections that readers share now, and not with the first read that they could
    /// carry. Gives how many are open.
    ///
    /// # Errors
    ///
    /// If the catalog of the database cannot be read.
    ///
    /// # Cancel safety
    ///
    /// Dropped, they may be opened all the same.
    pub async fn open_lanes(&self) -> Result<usize, Error> {
        self.inner.picture_that_holds().await?;
        Ok(self.inner.pool.open_lanes().await)
    }

    /// Runs a closure of reads on a connection, outside of any transaction. What it
    /// would write commits by itself.
    ///
    /// # Errors
    ///
    /// The closure's own, or why no connection could be had. See [`ClosureError`] for the
    /// types: an error of Diesel's comes out with the server's own words.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the statement that is running is ended on the server.
    pub async fn read<R, E, F>(&self, closure: F) -> Result<R, E::Outcome>
    where
        for<'c> F: AsyncFnOnce(&'c mut Connection) -> Result<R, E>
            + AsyncClosure<&'c mut Connection, Result<R, E>, Future: Send>
            + Send,
        R: Send,
        E: ClosureError,
    {
        let mut session = self.session().await.map_err(E::outcome_of)?;
        match closure(&mut session).await {
            Ok(value) => Ok(value),
            Err(error) => Err(error.into_outcome(session.last_server_error())),
        }
    }

    /// Runs a closure in a transaction: commits if it returns `Ok`, rolls back on
    /// `Err`, on a panic and when the future is dropped. Inside, `conn.transaction`
    /// makes a savepoint.
    ///
    /// A closure that uses `?` has to name its error once, as every async block does:
    /// `Ok::<_, larder::Error>(value)`. [`ClosureError`] says which errors it may be.
    ///
    /// # Errors
    ///
    /// The closure's own, or why the transaction did not take effect. See
    /// [`ClosureError`] for the types.
    ///
    /// # Cancel safety
    ///
    /// Dropped before COMMIT was sent, it rolls back on the server. Dropped while
    /// COMMIT travels, the transaction may or may not have taken effect.
    pub async fn transaction<R, E, F>(&self, closure: F) -> Result<R, E::Outcome>
    where
        for<'c> F: AsyncFnOnce(&'c mut Connection) -> Result<R, E>
            + AsyncClosure<&'c mut Connection, Result<R, E>, Future: Send>
            + Send,
        R: Send,
        E: ClosureError,
    {
        if self.scope.is_some() {
            return self.build_transaction().run(closure).await;
        }
        self.inner.pool.transaction(closure).await.map_err(outcome)
    }

    /// A transaction with options: read-only, isolation level, deferrable.
    pub fn build_transaction(&self) -> TransactionBuilder {
        let transaction = self.inner.pool.build_transaction();
        match &self.scope {
            Some(scope) => {
                let settings = scope.transactions.clone();
                TransactionBuilder(transaction.settings(settings), Some(self.clone()))
            }
            None => TransactionBuilder(transaction, None),
        }
    }

    /// Asks the server what became of a commit whose answer was lost, if that is what this error
    /// says; `None` for every other error. See
    /// [`UnknownOutcome::resolve`](larder_pool::UnknownOutcome::resolve).
    ///
    /// # Errors
    ///
    /// If the server cannot be asked. It may be asked again.
    ///
    /// # Cancel safety
    ///
    /// Dropped, nothing was changed.
    pub async fn commit_outcome(&self, error: &Error) -> Result<Option<CommitOutcome>, Error> {
        match error.unknown_outcome() {
            Some(unknown) => Ok(Some(unknown.resolve(&self.inner.pool).await?)),
            None => Ok(None),
        }
    }

    /// Raw SQL with `:named` parameters.
    pub fn sql(&self, text: impl Into<String>) -> BoundSql<'_> {
        BoundSql::new(self, sql(text))
    }

    /// What stands between the pool and the server, as its options say. Behind a pooler in
    /// transaction mode nothing that belongs to a session can be used.
    pub fn pooler(&self) -> PoolerMode {
        self.inner.pool.pooler()
    }

    /// The state of the pool now.
    pub fn pool_status(&self) -> PoolStatus {
        self.inner.pool.status()
    }

    /// Asks the server to end the statement that somebody runs now: see
    /// [`Pool::cancel_statement`](larder_pool::Pool::cancel_statement).
    ///
    /// # Errors
    ///
    /// If the server cannot be reached for it.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the request may or may not have been sent.
    pub async fn cancel_statement(&self, holder: u64) -> std::io::Result<CancelRequest> {
        self.inner.pool.cancel_statement(holder).await
    }

    /// What the cache did since the start, and what it holds now.
    pub fn cache_statistics(&self) -> CacheStatistics {
        self.inner.cache.statistics()
    }

    /// What statements did since the start.
    pub fn query_statistics(&self) -> QueryStatistics {
        self.inner.watcher.queries.statistics()
    }

    /// How long statements took since the start, as counts: the difference of two readings tells
    /// the quantiles of the time between them.
    pub fn statement_latencies(&self) -> LatencyCounts {
        self.inner.watcher.queries.latencies()
    }

    /// How long callers waited for a connection since the start, in the same way.
    pub fn connection_waits(&self) -> LatencyCounts {
        self.inner.watcher.connections.waits()
    }

    /// What statements did lately.
    pub fn recent_queries(&self, period: Duration) -> WindowStatistics {
        self.inner.watcher.queries.window(period)
    }

    /// How many statements there were lately, and how long they took: quantiles of a window of at
    /// most a minute, from memory.
    pub fn recent_latency(&self, period: Duration) -> LatencyStatistics {
        self.inner.watcher.queries.latency(period)
    }

    /// Connections that were made, or failed to be made, lately.
    pub fn recent_connects(&self, period: Duration) -> WindowStatistics {
        self.inner.watcher.connections.connects_within(period)
    }

    /// What became of connections since the start.
    pub fn connection_statistics(&self) -> ConnectionStatistics {
        self.inner.watcher.connections.statistics()
    }

    /// The name by which its series are told from those of other databases in this process.
    pub fn instance_name(&self) -> &str {
        self.inner.name.as_str()
    }

    /// What each service did. A service that is not there yet is added when it is asked for.
    pub fn services(&self) -> &ServiceRegistry {
        &self.inner.services
    }

    /// What the follower of the log of invalidations has done; `None` in mode `local`, where there
    /// is no log.
    pub fn follower_statistics(&self) -> Option<FollowerStatistics> {
        let fleet = self.inner.fleet.as_ref()?;
        let cache = &self.inner.cache;
        let (now, lease_ends) = (cache.lease_clock().now(), cache.lease().ends());
        Some(fleet.counters.statistics(now, lease_ends))
    }

    /// Who else may write to the database, as far as this one heeds them.
    pub fn cache_mode(&self) -> CacheMode {
        match self.inner.fleet {
            Some(_) => CacheMode::Shared,
            None => CacheMode::Local,
        }
    }

    /// What became of reads from the second tier; `None` where there is no Redis.
    pub fn second_tier_statistics(&self) -> Option<SecondTierStatistics> {
        Some(self.inner.second_tier.as_ref()?.statistics())
    }

    /// What the connections to Redis have done; `None` where there is none.
    pub fn redis_statistics(&self) -> Option<RedisStatistics> {
        Some(self.inner.second_tier.as_ref()?.redis().statistics())
    }

    /// Whether Redis is asked at all: it is connected, and has answered so far. `None` where there
    /// is none.
    pub fn redis_available(&self) -> Option<bool> {
        Some(self.inner.second_tier.as_ref()?.redis().is_available())
    }

    /// The tables that are written faster than the cache could help: what is read from them is
    /// not kept.
    pub fn hot_tables(&self) -> Vec<HotTable> {
        self.inner.watcher.heat.hot()
    }

    /// The cache itself: to switch it off and on, for instance.
    pub fn cache(&self) -> &Cache {
        &self.inner.cache
    }

    /// Lets nobody in any more, waits for the sessions in use and closes all connections.
    ///
    /// # Errors
    ///
    /// If sessions were still in use at the deadline; their connections are closed then.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the database stays closed for newcomers; calling it again waits on.
    pub async fn shutdown(&self, deadline: Duration) -> Result<(), Error> {
        self.inner.warmer.stop();
        let drained = self.inner.pool.shutdown(deadline).await;
        if let Some(tier) = &self.inner.second_tier {
            tokio::time::timeout(deadline, self.inner.keep_hot_keys())
                .await
                .ok();
            // What is still on its way to Redis is not worth more waiting than was allowed.
            tokio::time::timeout(deadline, tier.redis().shutdown())
                .await
                .ok();
        }
        Ok(drained?)
    }
}

impl Inner {
    /// The beginning of all keys: what decides results beside statement and values. Worked out
    /// once for each picture.
    pub(crate) fn key_seed(&self, state: &CatalogState) -> Key {
        *state.key_seed.get_or_init(|| {
            let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            let context = KeyContext {
                // "rows" is what the dependencies of results mean: those of a version to which they
                // mean something else stand under other keys.
                database: format!("{} {} rows", self.identity(), state.definitions),
                namespace: self.namespace.clone(),
                settings: state.settings.iter().map(owned).collect(),
                scope: Vec::new(),
            };
            context.seed()
        })
    }

    /// What tells this database, in this history, from all others.
    pub(crate) fn identity(&self) -> String {
        let shared = self.fleet.as_ref().and_then(|fleet| fleet.identity());
        shared.map_or_else(|| self.identity.clone(), |identity| identity.to_string())
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Database")
            .field("pool", &self.inner.pool)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
