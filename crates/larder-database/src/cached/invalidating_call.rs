//! A call of a function that makes cached results go when it has succeeded.

use std::borrow::Cow;
use std::hash::Hash;
use std::sync::Arc;

use larder_cache::{Cause, Dependency, Touched};

use super::call::{add_argument, call_dependency};
use crate::Database;

/// A call of a function that makes cached results go; made by [`Database::invalidating_call`].
///
/// It is what `#[invalidates]` makes of the body of a function. It is for what Larder cannot see:
/// a write through Larder invalidates by itself.
///
/// What is named is invalidated when the body has returned `Ok`, `Some` or a plain value, and not
/// after `Err` or `None`. Inside an open transaction of the same task it takes effect with its
/// commit, in all processes, and not at all if that is rolled back.
///
/// Where the other processes cannot be told because the server does not answer, this one has
/// invalidated all the same, and tells them as soon as it can.
#[derive(Debug)]
#[must_use = "nothing is run until the body is given"]
pub struct InvalidatingCall {
    database: Database,
    name: &'static str,
    service: Option<Cow<'static, str>>,
    dependencies: Vec<Dependency>,
    calls: Vec<(&'static str, Vec<u8>)>,
    before: bool,
    tables: Vec<Cow<'static, str>>,
    everything: bool,
    condition: bool,
}

impl Database {
    /// A call of a function of this name that makes cached results go.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(db: larder_database::Database) -> Result<(), std::io::Error> {
    /// db.invalidating_call("import_prices")
    ///     .tag("prices")
    ///     .run(async { std::fs::write("prices.csv", "bread,2") })
    ///     .await
    /// # }
    /// ```
    pub fn invalidating_call(&self, name: &'static str) -> InvalidatingCall {
        InvalidatingCall {
            database: self.clone(),
            name,
            service: None,
            dependencies: Vec::new(),
            calls: Vec::new(),
            before: false,
            tables: Vec::new(),
            everything: false,
            condition: true,
        }
    }
}

impl InvalidatingCall {
    /// The service that it belongs to.
    pub fn of_service(mut self, service: impl Into<Cow<'static, str>>) -> Self {
        self.service = Some(service.into());
        self
    }

    /// Results of the service that it belongs to; of everything where it belongs to none.
    pub fn this_service(self) -> Self {
        match self.service.clone() {
            Some(service) => self.service(service),
            None => self.everything(),
        }
    }

    /// Results of calls of the function of this name, in the same service, with the
    /// [arguments](Self::argument) that follow.
    pub fn call(mut self, name: &'static str) -> Self {
        self.calls.push((name, Vec::new()));
        self
    }

    /// An argument of the last [call](Self::call), each in its turn.
    pub fn argument<A: Hash + ?Sized>(mut self, argument: &A) -> Self {
        if let Some((_, arguments)) = self.calls.last_mut() {
            add_argument(arguments, argument);
        }
        self
    }

    /// Invalidates before the body runs, too, and after it whatever it returns: for a body that may
    /// have done its work although it fails.
    pub fn before(mut self) -> Self {
        self.before = true;
        self
    }

    /// Results that carry this tag.
    pub fn tag(mut self, tag: impl AsRef<str>) -> Self {
        self.dependencies.push(Dependency::tag(tag.as_ref()));
        self
    }

    /// Results of this service.
    pub fn service(mut self, service: impl AsRef<str>) -> Self {
        self.dependencies
            .push(Dependency::service(service.as_ref()));
        self
    }

    /// Results that depend on this table, named as in SQL. One that is not there invalidates
    /// everything, and is logged.
    pub fn table(mut self, table: impl Into<Cow<'static, str>>) -> Self {
        self.tables.push(table.into());
        self
    }

    /// All results.
    pub fn everything(mut self) -> Self {
        self.everything = true;
        self
    }

    /// Whether anything is invalidated by this call.
    pub fn condition(mut self, condition: bool) -> Self {
        self.condition &= condition;
        self
    }

    /// Runs the body, and invalidates if it returns `Ok`.
    ///
    /// # Errors
    ///
    /// Those of the body.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the body is dropped. Once that has returned, what is named is invalidated in this
    /// process; the others may not have been told.
    #[expect(clippy::manual_async_fn, reason = "that has its arguments twice")]
    pub fn run<V, E, F>(self, body: F) -> impl Future<Output = Result<V, E>>
    where
        F: Future<Output = Result<V, E>>,
    {
        // The body is in it once, and runs on the heap: see `CachedCall`.
        async move {
            self.begin().await;
            let outcome = Box::pin(body).await;
            if self.before || outcome.is_ok() {
                self.invalidate().await;
            }
            outcome
        }
    }

    /// Runs the body, and invalidates if it returns `Some`.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    #[expect(clippy::manual_async_fn, reason = "that has its arguments twice")]
    pub fn run_option<V, F>(self, body: F) -> impl Future<Output = Option<V>>
    where
        F: Future<Output = Option<V>>,
    {
        // The body is in it once, and runs on the heap: see `CachedCall`.
        async move {
            self.begin().await;
            let outcome = Box::pin(body).await;
            if self.before || outcome.is_some() {
                self.invalidate().await;
            }
            outcome
        }
    }

    /// Runs the body, and invalidates.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    #[expect(clippy::manual_async_fn, reason = "that has its arguments twice")]
    pub fn run_plain<V, F>(self, body: F) -> impl Future<Output = V>
    where
        F: Future<Output = V>,
    {
        // The body is in it once, and runs on the heap: see `CachedCall`.
        async move {
            self.begin().await;
            let value = Box::pin(body).await;
            self.invalidate().await;
            value
        }
    }

    async fn begin(&self) {
        if self.before {
            self.invalidate().await;
        }
    }

    async fn invalidate(&self) {
        if !self.condition {
            return;
        }
        let touched = self.touched().await;
        let pool = &self.database.inner().pool;
        if pool.note_in_transaction(Arc::new(touched.clone())) {
            return;
        }
        let invalidation = self.database.invalidate();
        if let Err(error) = invalidation.all_of(touched.clone(), Cause::Tag).await {
            tracing::warn!(
                name = self.name,
                "failed to {error}: other processes are told later what is invalidated"
            );
            let inner = self.database.inner();
            if let Some(fleet) = &inner.fleet {
                fleet.owe(&inner.cache, &touched);
            }
        }
    }

    async fn touched(&self) -> Touched {
        let service = self.service.as_deref();
        let calls = self.calls.iter();
        let calls = calls.map(|(name, arguments)| call_dependency(service, name, arguments));
        let all = self.dependencies.iter().copied().chain(calls);
        let mut touched = Touched::dependencies(all);
        if self.everything {
            touched = touched.and(&Touched::everything());
        }
        let is_in_transaction = self.database.inner().pool.is_in_transaction();
        for table in &self.tables {
            if is_in_transaction {
                // The connection that the catalog would be read on may be that of the transaction.
                let table = self.database.touched_by_known_table(table);
                touched = touched.and(&table.unwrap_or_else(Touched::everything));
                continue;
            }
            touched = touched.and(&match self.database.touched_by_table(table).await {
                Ok(table) => table,
                Err(error) => {
                    tracing::warn!(
                        name = self.name,
                        "failed to {error}: everything is invalidated"
                    );
                    Touched::everything()
                }
            });
        }
        touched
    }
}
