//! Several statements whose result is kept as one.

use std::any::{TypeId, type_name};
use std::borrow::Cow;
use std::hash::Hash;
use std::sync::Arc;

use larder_cache::{Dependency, Key, KeyBuilder, Mode, Request};
use larder_metrics::OperationScope;
use larder_pool::AsyncClosure;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::composite_load::{CompositeLoad, Form};
use super::options::{ReadOptions, read_options};
use super::portable::portable_bytes;
use crate::fleet::SharedRead;
use crate::scope::{CallKind, CallScope, Part};
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
    /// The same for other programs, where types have other ids.
    shared_arguments: Key,
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
        let mut shared = KeyBuilder::new();
        shared
            .text(type_name::<A>())
            .bytes(&portable_bytes(arguments));
        CachedRead {
            database: self,
            arguments: key.finish(),
            shared_arguments: shared.finish(),
            options: ReadOptions {
                operation: Some((service.into(), operation.into())),
                ..ReadOptions::of(self)
            },
        }
    }
}

/// Stands for a type that may have no size.
struct Named<A: ?Sized>(std::marker::PhantomData<A>);

impl CachedRead<'_> {
    read_options!();

    /// Loads the result: from this process, or by running the closure on a connection of its own,
    /// outside of any transaction. It stays in this process: for results that only mean something
    /// here, or that are as quickly loaded as fetched. [`load_shared`](Self::load_shared) keeps it
    /// in Redis too.
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
        self.load_by(closure, None).await
    }

    /// Loads the result as [`load`](Self::load) does, and keeps it in Redis too, if there is one,
    /// where other processes find it: for results that take long to load, and that many processes
    /// need.
    ///
    /// The result has to be serialisable in a form that is not self-describing: no
    /// `#[serde(untagged)]`, `#[serde(flatten)]` or `serde_json::Value` in it. What cannot be
    /// written and read again stays in this process, which is logged. All programs that share
    /// results must run the same closure for the same service, operation and arguments; a result
    /// of a type that has other fields meanwhile is not used. The `Hash` of the arguments has to
    /// tell them apart.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load). Nothing that happens to Redis is an error.
    ///
    /// # Cancel safety
    ///
    /// As [`load`](Self::load).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
    /// use larder_database::sql;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Summary {
    ///     menus: i64,
    /// }
    ///
    /// let summary = db
    ///     .cached_read("menus", "summary", "Miami")
    ///     .load_shared(async |conn| {
    ///         let menus = sql("SELECT count(*) FROM menus WHERE city = 'Miami'");
    ///         let menus = menus.fetch_scalar_on(conn).await?;
    ///         Ok::<_, larder_database::Error>(Summary { menus })
    ///     })
    ///     .await?;
    /// # drop(summary);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn load_shared<V, E, F>(self, closure: F) -> Result<Arc<V>, Error>
    where
        for<'c> F: AsyncFnOnce(&'c mut Connection) -> Result<V, E>
            + AsyncClosure<&'c mut Connection, Result<V, E>, Future: Send>
            + Send
            + 'static,
        V: Serialize + DeserializeOwned + Send + Sync + 'static,
        E: ClosureError<Outcome = Error>,
    {
        self.load_by(closure, Some(Form::of())).await
    }

    async fn load_by<V, E, F>(self, closure: F, form: Option<Form<V>>) -> Result<Arc<V>, Error>
    where
        for<'c> F: AsyncFnOnce(&'c mut Connection) -> Result<V, E>
            + AsyncClosure<&'c mut Connection, Result<V, E>, Future: Send>
            + Send
            + 'static,
        V: Send + Sync + 'static,
        E: ClosureError<Outcome = Error>,
    {
        let part = Part::begin();
        part.depends_on(self.options.dependencies());
        let Self {
            database,
            arguments,
            shared_arguments,
            options,
        } = self;
        let inner = database.inner();
        if inner.pool.is_in_transaction() {
            return Err(Error::CachedReadInTransaction);
        }
        options.tell_scope();
        if let Some(scope) = options.scope() {
            inner.learn_role(scope).await;
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
            inner.went_past(|| options.class(String::new), || None);
            // Boxed, so that the future of a hit stays small.
            let read = Box::pin(inner.pool.within(database.read(closure)));
            return part.settle(read.await.map(Arc::new));
        };
        let mut key = KeyBuilder::with_seed(inner.key_seed(&state));
        options.add_to(&mut key, inner.default_ttl);
        key.type_id(TypeId::of::<V>()).hash(&arguments);
        let key = key.finish();
        let may_be_shared = form.is_some() && !options.local_only && inner.may_share_type::<V>();
        let class = inner.classes.of_options(&options);
        let shared_key = || {
            let mut key = KeyBuilder::with_seed(inner.key_seed(&state));
            options.add_to(&mut key, inner.default_ttl);
            // Results that know nothing of rows stand under other keys: what they depend on says too little.
            key.text("several statements by rows")
                .text(type_name::<V>())
                .u64(shared_arguments.as_u128() as u64)
                .u64((shared_arguments.as_u128() >> 64) as u64);
            key.finish()
        };
        if options.mode == Mode::Normal
            && let Some(value) =
                inner.kept::<Arc<V>>(key, || options.class(String::new), &options.tags)
        {
            OperationScope::record_hit();
            class.hit();
            if let (Some(tier), Some(_)) = (&inner.second_tier, &form)
                && tier.hot_keys.draws()
            {
                tier.hot_keys.hit(shared_key());
            }
            part.end();
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
        let name = options.class(String::new);
        let shared = form
            .filter(|_| may_be_shared)
            .and_then(|form| Some((form.fingerprint()?, form)))
            .map(|(fingerprint, form)| {
                let key = shared_key();
                let read = SharedRead {
                    key,
                    fingerprint,
                    dependencies: extra.clone(),
                    freshness,
                    name: options.readable_name(String::new, key),
                };
                (form, read)
            });
        let by_time = options.ttl_only || options.allow_volatile;
        let observed = inner.classes.observe(&class, &request, by_time);
        let load = CompositeLoad {
            database: Arc::clone(inner),
            scope: Arc::new(CallScope::new(
                key,
                CallKind::Read,
                Arc::clone(&inner.picture),
                Arc::clone(&state),
                options.allow_volatile,
                options.scope.clone(),
            )),
            state,
            closure,
            request_scope: options.scope.clone(),
            ttl_only: options.ttl_only,
            extra,
            refresh: options.mode == Mode::Refresh,
        };
        let load = async move || load.run(shared).await;
        // On the heap: a hit does not carry what only a miss needs.
        let loading = inner.load(observed, request, load, name, &options.tags);
        Box::pin(loading).await
    }
}
