//! The base that every service stands on, those of this crate and a user's own.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_database::{CachedQuery, CachedRead, ClosureError, Database};
use larder_metrics::{OperationScope, ServiceRecorder, ServiceStatistics};
use larder_pool::{AsyncClosure, Connection};
use tracing::Level;

/// The base of a service: its database, its name, and what it did. Clones share all of it.
///
/// What runs in an [`operation`](Self::operation) counts for the service: calls, errors, time, and
/// the queries, cache hits and misses in it. An operation that calls another service's counts its
/// own call and time; what the other reads counts there.
///
/// A service of one's own needs little more than a field for it:
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use diesel::prelude::*;
/// use diesel_async::RunQueryDsl;
/// use larder_database::Database;
/// use larder_services::{HasService, Result, Service, operation};
///
/// diesel::table! {
///     dishes (id) {
///         id -> BigInt,
///         restaurant_id -> BigInt,
///         name -> Text,
///     }
/// }
///
/// #[derive(Clone)]
/// pub struct MenuService {
///     service: Service,
/// }
///
/// impl HasService for MenuService {
///     fn service(&self) -> &Service {
///         &self.service
///     }
/// }
///
/// impl MenuService {
///     pub fn new(database: Database) -> Self {
///         Self { service: Service::new(database, "menus") }
///     }
///
///     /// Kept for ten minutes, or until somebody writes to the table.
///     #[operation("names")]
///     pub async fn names(&self, restaurant: i64) -> Result<Arc<[String]>> {
///         let names = dishes::table
///             .filter(dishes::restaurant_id.eq(restaurant))
///             .order(dishes::name)
///             .select(dishes::name);
///         let read = self.service.cached("names", names);
///         Ok(read.ttl(Duration::from_mins(10)).load().await?)
///     }
///
///     #[operation("rename")]
///     pub async fn rename(&self, dish: i64, name: &str) -> Result<()> {
///         let written = self.service.transaction(async |conn| {
///             diesel::update(dishes::table.find(dish))
///                 .set(dishes::name.eq(name))
///                 .execute(conn)
///                 .await
///         });
///         written.await?;
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
    ttl: Option<Duration>,
}

struct Shared {
    name: &'static str,
    database: Database,
    recorder: Arc<ServiceRecorder>,
}

/// What stands on a [`Service`]: `#[operation("name")]` finds it by this.
pub trait HasService {
    /// The base.
    fn service(&self) -> &Service;
}

impl Service {
    /// The base of the service of this name. All bases of one name on one database, and their
    /// clones, count together.
    #[must_use]
    pub fn new(database: Database, name: &'static str) -> Self {
        let recorder = database.services().recorder(name);
        let shared = Shared {
            name,
            database,
            recorder,
        };
        Self {
            shared: Arc::new(shared),
            ttl: None,
        }
    }

    /// Sets how long results of its cached reads are good for where a read does not say; the
    /// configured `cache.ttl` unless set.
    #[must_use]
    pub fn with_ttl(self, ttl: Duration) -> Self {
        let ttl = Some(ttl);
        Self { ttl, ..self }
    }

    /// The name, such as "restaurants".
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// How long results are good for where a read does not say, if that was set.
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.shared.database
    }

    /// Runs a part of the service, and counts it. `#[operation("name")]` does this to a method.
    ///
    /// An operation that calls another of the same service counts as two. A task that is spawned
    /// inside does not belong to the operation.
    ///
    /// # Errors
    /// Those of `work`.
    ///
    /// # Cancel safety
    /// As safe to drop as `work`; it counts as a call then, and not as an error.
    pub async fn operation<T, E>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        const TARGET: &str = "larder::service";
        let began = tracing::enabled!(target: TARGET, Level::DEBUG).then(Instant::now);
        let outcome = OperationScope::measure(Arc::clone(&self.shared.recorder), name, work).await;
        if let Some(began) = began {
            tracing::debug!(
                target: TARGET,
                service = self.shared.name,
                operation = name,
                failed = outcome.is_err(),
                duration = ?began.elapsed(),
            );
        }
        outcome
    }

    /// Runs a closure in a transaction, as [`Database::transaction`] does.
    ///
    /// # Errors
    /// The closure's own, or why the transaction did not take effect.
    ///
    /// # Cancel safety
    /// Dropped before COMMIT was sent, it rolls back on the server. Dropped while COMMIT travels,
    /// the transaction may or may not have taken effect.
    pub async fn transaction<R, E, F>(&self, closure: F) -> Result<R, E::Outcome>
    where
        for<'c> F: AsyncFnOnce(&'c mut Connection) -> Result<R, E>
            + AsyncClosure<&'c mut Connection, Result<R, E>, Future: Send>
            + Send,
        R: Send,
        E: ClosureError,
    {
        self.shared.database.transaction(closure).await
    }

    /// A query whose result is kept, under this service and the operation that it belongs to: see
    /// [`Database::cached`].
    pub fn cached<Q>(&self, operation: &'static str, query: Q) -> CachedQuery<'_, Q> {
        let read = self.shared.database.cached(query);
        let read = read.service(self.shared.name, operation);
        match self.ttl {
            Some(ttl) => read.ttl(ttl),
            None => read,
        }
    }

    /// Several statements whose result is kept as one, under this service, the operation and the
    /// arguments that decide the result: see [`Database::cached_read`].
    pub fn cached_read<A>(&self, operation: &'static str, arguments: &A) -> CachedRead<'_>
    where
        A: Hash + ?Sized + 'static,
    {
        let database = &self.shared.database;
        let read = database.cached_read(self.shared.name, operation, arguments);
        match self.ttl {
            Some(ttl) => read.ttl(ttl),
            None => read,
        }
    }

    /// Forgets the results of all cached reads of this service. A write through Larder does by
    /// itself what is needed; this is for those that Larder does not see.
    ///
    /// # Errors
    ///
    /// If the other processes cannot be told. Here it has taken effect all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has taken effect everywhere or nowhere.
    pub async fn invalidate(&self) -> Result<(), larder_database::Error> {
        let invalidation = self.shared.database.invalidate();
        invalidation.service(self.shared.name).await
    }

    /// What the service did since the start.
    #[must_use]
    pub fn statistics(&self) -> ServiceStatistics {
        self.shared.recorder.statistics()
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Service")
            .field("name", &self.shared.name)
            .field("database", &self.shared.database)
            .finish_non_exhaustive()
    }
}
