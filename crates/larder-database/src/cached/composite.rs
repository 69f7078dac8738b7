//! Several statements whose result is kept as one.

use std::any::TypeId;
use std::borrow::Cow;
use std::hash::Hash;
use std::sync::Arc;

use larder_cache::{Dependency, Key, KeyBuilder, Loaded, Mode, Request};
use larder_metrics::OperationScope;
use larder_pool::AsyncClosure;
use larder_sql::StatementProfile;

use super::options::{ReadOptions, read_options};
use super::plan::dependencies;
use super::run::estimate;
use crate::coherence::CatalogState;
use crate::{ClosureError, Connection, Database, Error};

/// Several statements whose result is kept as one; made by [`Database::cached_read`].
///
/// Which tables the result depends on is recorded while the statements run. If one of them
/// cannot be cached safely, or writes, the result is not stored.
#[derive(Debug)]
#[must_use = "nothing is read until it is loaded"]
pub struct CachedRead<'a> {
    database: &'a Database,
    arguments: Key,
    options: ReadOptions,
}

impl Database {
    /// Several statements whose result is kept as one, under a service, an operation and the
    /// arguments that decide the result: the closure must not depend on anything else.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
    /// use std::time::Duration;
    ///
    /// use larder_database::sql;
    ///
    /// let city = "Miami".to_owned();
    /// let summary = db
    ///     .cached_read("menus", "summary", &city)
    ///     .ttl(Duration::from_secs(60))
    ///     .load(async move |conn| {
    ///         let menus: i64 = sql("SELECT count(*) FROM menus WHERE city = :city")
    ///             .bind("city", city.as_str())
    ///             .fetch_scalar_on(conn)
    ///             .await?;
    ///         let cities: i64 = sql("SELECT count(DISTINCT city) FROM menus").fetch_scalar_on(conn).await?;
    ///         Ok::<_, larder_database::Error>((menus, cities))
    ///     })
    ///     .await?;
    /// # drop(summary);
    /// # Ok(())
    /// # }
    /// ```
    pub fn cached_read<A>(
        &self,
        service: impl Into<Cow<'static, str>>,
        operation: impl Into<Cow<'static, str>>,
        arguments: &A,
    ) -> CachedRead<'_>
    where
        A: Hash + ?Sized + 'static,
    {
        let mut key = KeyBuilder::new();
        key.type_id(TypeId::of::<Named<A>>()).hash(arguments);
        CachedRead {
            database: self,
            arguments: key.finish(),
            options: ReadOptions {
                operation: Some((service.into(), operation.into())),
                ..ReadOptions::default()
            },
        }
    }
}

/// Stands for a type that may have no size.
struct Named<A: ?Sized>(std::marker::PhantomData<A>);

impl CachedRead<'_> {
    read_options!();

    /// Loads the result: from the cache, or by running the closure on a connection of its own,
    /// outside of any transaction.
    ///
    /// # Errors
    ///
    /// [`Error::CachedReadInTransaction`] inside a transaction of this database: there, run the
    /// statements on its connection. Otherwise the closure's own error, or why no connection
    /// could be had.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time. A load that has begun goes on for the others who wait.
    pub async fn load<V, E, F>(self, closure: F) -> Result<Arc<V>, Error>
    where
        for<'c> F: AsyncFnOnce(&'c mut Connection) -> Result<V, E>
            + AsyncClosure<&'c mut Connection, Result<V, E>, Future: Send>
            + Send
            + 'static,
        V: Send + Sync + 'static,
        E: ClosureError<Outcome = Error>,
    {
        let Self {
            database,
            arguments,
            options,
        } = self;
        let inner = database.inner();
        if inner.pool.is_in_transaction() {
            return Err(Error::CachedReadInTransaction);
        }
        let freshness = options.freshness(inner.default_ttl);
        let goes_past =
            options.mode == Mode::Bypass || !inner.cache.is_enabled() || freshness.ttl.is_zero();
        let state = if goes_past {
            None
        } else {
            inner.picture_that_holds().await?
        };
        let Some(state) = state else {
            OperationScope::record_miss();
            inner.cache.count_bypassed();
            // Boxed, so that the future of a hit stays small.
            let read = Box::pin(inner.pool.within(database.read(closure)));
            return read.await.map(Arc::new);
        };
        let mut key = KeyBuilder::with_seed(inner.key_seed(&state));
        options.add_to(&mut key, inner.default_ttl);
        key.type_id(TypeId::of::<V>()).hash(&arguments);
        let key = key.finish();
        if options.mode == Mode::Normal
            && let Some(value) = inner.cache.get::<Arc<V>>(key)
        {
            OperationScope::record_hit();
            return Ok(value);
        }
        let extra: Vec<Dependency> = options.dependencies().collect();
        let request = Request {
            key,
            freshness,
            // Not known before the load.
            dependencies: inner.cache.versions().slots(&[]),
            mode: options.mode,
            name: options.name(String::new, key),
        };
        let allow_volatile = options.allow_volatile;
        let loader = Arc::clone(inner);
        let load = async move || {
            let holds = loader.picture.is_current(state.generation);
            let mut session = loader.pool.session().await.map_err(Error::from)?;
            let holds = holds && loader.same_settings(&session, state.generation);
            session.start_recording();
            // A cached read inside would not be among what is recorded here.
            let result = loader.pool.within(closure(&mut session)).await;
            let value = result.map_err(|error| error.into_outcome(session.last_server_error()))?;
            let recording = session.finish_recording();
            if loader.picture.outdates(&session) {
                session.discard();
            }
            let tables = tables(&state, &recording.statements, allow_volatile);
            Ok(Loaded {
                value: Arc::new(value),
                bytes: estimate(&recording) + size_of::<V>() as u64,
                storable: holds && tables.is_some(),
                kept: None,
                digest: None,
                dependencies: tables.into_iter().flatten().chain(extra).collect(),
            })
        };
        // On the heap: a hit does not carry what only a miss needs.
        Box::pin(inner.load(request, load)).await
    }
}

/// The tables that all of these statements read; `None` if the result may not be stored.
fn tables(
    state: &CatalogState,
    statements: &[Arc<StatementProfile>],
    allow_volatile: bool,
) -> Option<Vec<Dependency>> {
    let mut all = Vec::new();
    for profile in statements {
        match state.catalog.reads(profile) {
            Ok(reads) if reads.volatile.is_empty() || allow_volatile => {
                all.extend(dependencies(&reads.tables));
            }
            Ok(_) => {
                tracing::debug!(
                    statement = &*profile.normalised,
                    "not cached: it changes by itself"
                );
                return None;
            }
            Err(reason) => {
                tracing::debug!(statement = &*profile.normalised, %reason, "not cached");
                return None;
            }
        }
    }
    Some(all)
}
