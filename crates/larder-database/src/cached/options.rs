//! What a caller says about a cached read.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use larder_cache::{Dependency, EntryName, Freshness, Key, KeyBuilder, Mode};

use crate::Database;
use crate::request_scope::RequestScope;
use crate::scope::Context;

/// The options that all cached reads share.
#[derive(Debug, Clone, Default)]
pub(super) struct ReadOptions {
    pub(super) ttl: Option<Duration>,
    pub(super) stale_for: Duration,
    pub(super) stale_if_error: Duration,
    pub(super) tags: Vec<String>,
    pub(super) operation: Option<Operation>,
    pub(super) mode: Mode,
    pub(super) allow_volatile: bool,
    pub(super) ttl_only: bool,
    pub(super) local_only: bool,
    /// On whose behalf it reads.
    pub(super) scope: Option<Arc<RequestScope>>,
}

impl ReadOptions {
    /// Those of a read that nothing was said of, by this handle.
    pub(super) fn of(database: &Database) -> Self {
        Self {
            scope: database.request_scope().cloned(),
            ..Self::default()
        }
    }

    /// On whose behalf it reads.
    pub(super) fn scope(&self) -> Option<&RequestScope> {
        self.scope.as_deref()
    }

    /// Tells the call that the current task works for on whose behalf it reads.
    pub(super) fn tell_scope(&self) {
        if let Some(scope) = self.scope() {
            Context::look(|context| {
                if let Some(call) = &context.call {
                    call.reads_in(&scope.transactions);
                }
            });
        }
    }

    pub(super) fn freshness(&self, default_ttl: Duration) -> Freshness {
        Freshness {
            ttl: self.ttl.unwrap_or(default_ttl),
            stale_for: self.stale_for,
            stale_if_error: self.stale_if_error,
        }
    }

    /// Adds what was said of the read to its key. A result that was stored without a tag would
    /// not go with it, and one that may be served for an hour is not for a caller who allows a
    /// minute.
    pub(super) fn add_to(&self, key: &mut KeyBuilder, default_ttl: Duration) {
        let freshness = self.freshness(default_ttl);
        let times = [freshness.ttl, freshness.stale_for, freshness.stale_if_error];
        // In one piece: this is done for every hit.
        let flags = u8::from(self.allow_volatile)
            | u8::from(self.ttl_only) << 1
            | u8::from(self.scope.is_some()) << 2;
        let mut said = [flags; 25];
        for (place, time) in said[1..].chunks_exact_mut(8).zip(times) {
            let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            place.copy_from_slice(&nanoseconds.to_le_bytes());
        }
        key.bytes(&said);
        if let Some(scope) = &self.scope {
            key.bytes(&scope.digest.as_u128().to_le_bytes());
        }
        match &self.operation {
            Some((service, operation)) => key.text(service).text(operation),
            None => key.optional_bytes(None),
        };
        for tag in &self.tags {
            key.text(tag);
        }
    }

    /// What the result depends on beside tables.
    pub(super) fn dependencies(&self) -> impl Iterator<Item = Dependency> {
        let tags = self.tags.iter().map(|tag| Dependency::tag(tag));
        let service = self
            .operation
            .iter()
            .map(|(service, _)| Dependency::service(service));
        tags.chain(service)
    }

    /// All that the result depends on: these too, unless it is kept for its time alone.
    pub(super) fn all_dependencies(&self, mut tables: Vec<Dependency>) -> Vec<Dependency> {
        if self.ttl_only {
            tables.clear();
        }
        tables.extend(self.dependencies());
        tables
    }

    /// Whether it depends on the tables that its statement reads, and on nothing else.
    pub(super) fn depends_on_tables_alone(&self) -> bool {
        !self.ttl_only && self.tags.is_empty() && self.operation.is_none()
    }

    /// The name of all reads of this kind: `restaurants:nearby`, or `fallback`.
    pub(super) fn class(&self, fallback: impl FnOnce() -> String) -> String {
        match &self.operation {
            Some((service, operation)) => format!("{service}:{operation}"),
            None => fallback(),
        }
    }

    /// The readable name of the entry: `restaurants:nearby:` and the key, or `fallback` and the key.
    pub(super) fn name(
        &self,
        fallback: impl FnOnce() -> String + Send + 'static,
        key: Key,
    ) -> EntryName {
        let operation = self.operation.clone();
        EntryName::new(move || readable_name(operation.as_ref(), fallback, key))
    }

    /// The same name, at once.
    pub(super) fn readable_name(&self, fallback: impl FnOnce() -> String, key: Key) -> String {
        readable_name(self.operation.as_ref(), fallback, key)
    }
}

type Operation = (Cow<'static, str>, Cow<'static, str>);

fn readable_name(
    operation: Option<&Operation>,
    fallback: impl FnOnce() -> String,
    key: Key,
) -> String {
    match operation {
        Some((service, operation)) => format!("{service}:{operation}:{key}"),
        None => format!("{}:{key}", fallback()),
    }
}

/// The methods by which a caller says it; each kind of cached read has them all.
macro_rules! read_options {
    () => {
        /// How long the result is good for, unless a write invalidates it earlier. Without it
        /// the configured `cache.ttl` holds. Zero does not cache at all.
        pub fn ttl(mut self, ttl: std::time::Duration) -> Self {
            self.options.ttl = Some(ttl);
            self
        }

        /// For how long after its time a result is still served while one load in the
        /// background replaces it. Not at all by default. What a write has invalidated is never
        /// served.
        pub fn stale_for(mut self, stale_for: std::time::Duration) -> Self {
            self.options.stale_for = stale_for;
            self
        }

        /// For how long after its time a result is still served when the database fails. Not at
        /// all by default. What a write has invalidated is never served.
        pub fn stale_if_error(mut self, stale_if_error: std::time::Duration) -> Self {
            self.options.stale_if_error = stale_if_error;
            self
        }

        /// Lets the result be invalidated by this tag too; may be said several times.
        pub fn tag(mut self, tag: impl Into<String>) -> Self {
            self.options.tags.push(tag.into());
            self
        }

        /// Names the service and the operation that the read belongs to. The result can then be
        /// invalidated by the service, and its readable name begins with `service:operation:`.
        pub fn service(
            mut self,
            service: impl Into<std::borrow::Cow<'static, str>>,
            operation: impl Into<std::borrow::Cow<'static, str>>,
        ) -> Self {
            self.options.operation = Some((service.into(), operation.into()));
            self
        }

        /// Goes past the cache: reads from the database, and stores nothing.
        pub fn bypass(mut self) -> Self {
            self.options.mode = larder_cache::Mode::Bypass;
            self
        }

        /// Reads from the database in any case, and stores the result for the others.
        pub fn refresh(mut self) -> Self {
            self.options.mode = larder_cache::Mode::Refresh;
            self
        }

        /// Keeps the result for this time whatever is written meanwhile: no write invalidates it,
        /// not even one of this process. For reads of tables that are written all the time, where
        /// a result that is this old does as well. Tags and services still invalidate it.
        pub fn ttl_only(mut self, ttl: std::time::Duration) -> Self {
            self.options.ttl = Some(ttl);
            self.options.ttl_only = true;
            self
        }

        /// Keeps the result in this process only, and never in Redis.
        pub fn local_only(mut self) -> Self {
            self.options.local_only = true;
            self
        }

        /// Caches a result that depends on the time or on chance, such as one of `now()` or
        /// `random()`: it stays as it was for the time that it is good for.
        pub fn allow_volatile(mut self) -> Self {
            self.options.allow_volatile = true;
            self
        }
    };
}
pub(super) use read_options;
