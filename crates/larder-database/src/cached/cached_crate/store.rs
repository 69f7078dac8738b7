//! What a caller says of a store.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::pending::Pending;
use super::place::{Place, Said};
use crate::Database;

/// A store for `#[concurrent_cached]` of the crate `cached`: the values of a function, kept in
/// this process and, if there is one, in Redis, and gone when a table is written that they depend
/// on.
///
/// `K` is made of the arguments, and its `Hash` has to tell them apart; `V` is what the function
/// returns inside its `Ok`. What cannot be told from the function has to be said: the tables that
/// it reads ([`depends_on_table`](Self::depends_on_table)). Larder's own decorator finds them out
/// by itself, and waits for another call with the same arguments instead of running the function
/// twice; prefer it where you can choose.
///
/// # Nothing fails
///
/// An outage of Redis or of the database is a miss, never an error: the error type of the store is
/// [`Infallible`](std::convert::Infallible). Errors of Larder can be made of it, so that a function
/// with such an error needs no more; another error type takes `map_error = |never| match never {}`.
///
/// # What is kept
///
/// A value is kept as of the moment when its call was told that there is none, before the function
/// ran: what is invalidated between that and the end of the function makes that the value is not
/// kept. Calls with the same arguments at the same time count as begun with the earliest of them.
/// So the store has to be asked and given the value in the same task, and a value is not kept
///
/// - if the function was called inside a transaction of this database, whose writes others do not
///   see; it runs each time there;
/// - if nobody asked before it ran: `force_refresh` and the companion `.._prime_cache` of the
///   macro. What is kept under the key goes then, so that the next call runs the function;
/// - if the function ran for longer than [`longest_call`](Self::longest_call);
/// - if a table that it is said to depend on does not exist, or may not be cached. That is logged
///   once;
/// - if the table is written more often than the cache could help.
///
/// Redis gets a value only if the database was asked before the function ran what it could see;
/// each miss takes one round trip for that. The values are kept there as those of
/// [`CachedRead::load_shared`](crate::CachedRead::load_shared) are.
///
/// # Invalidation
///
/// The store is a service by its name: `db.invalidate().service("menus")` takes all of its values
/// in all processes, and `db.invalidate().matching("menus:*")` too. Removing and clearing by the
/// methods of the traits does the same, through the log of invalidations; if the database cannot
/// be reached, it holds in this process, and a warning is logged.
///
/// # Examples
///
/// ```
/// use std::sync::OnceLock;
/// use std::time::Duration;
///
/// use cached::macros::concurrent_cached;
/// use larder_database::{CachedStore, Database, Error};
///
/// static DATABASE: OnceLock<Database> = OnceLock::new();
///
/// fn db() -> &'static Database {
///     DATABASE.get().expect("it was opened before the first call")
/// }
///
/// #[concurrent_cached(
///     ty = "CachedStore<String, i64>",
///     create = { CachedStore::new(db(), "menus").depends_on_table("menus").ttl(Duration::from_secs(600)) }
/// )]
/// async fn menus_in(city: String) -> Result<i64, Error> {
///     let count = db().sql("SELECT count(*) FROM menus WHERE city = :city");
///     count.bind("city", city).fetch_scalar().await
/// }
/// ```
pub struct CachedStore<K, V> {
    pub(super) database: Database,
    pub(super) said: Said,
    /// In nanoseconds; [`DEFAULT`] stands for that of the database.
    ttl: AtomicU64,
    pub(super) longest_call: Duration,
    pub(super) patience: Duration,
    pub(super) pending: Pending,
    /// As of the last picture of the catalog.
    pub(super) place: ArcSwapOption<Place>,
    /// It has been said why nothing is kept.
    pub(super) has_warned: AtomicBool,
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    types: PhantomData<fn(K) -> V>,
}

/// The time to live of the database.
const DEFAULT: u64 = u64::MAX;

impl<K, V> CachedStore<K, V> {
    /// A store on this database, whose values are of the service `name`. Two functions that have
    /// the same name and the same types of keys and values would share their values.
    pub fn new(database: &Database, name: impl Into<String>) -> Self {
        Self {
            database: database.clone(),
            said: Said {
                name: name.into(),
                scope: database.request_scope().cloned(),
                ..Said::default()
            },
            ttl: AtomicU64::new(DEFAULT),
            longest_call: Duration::from_secs(60),
            patience: Duration::from_millis(50),
            pending: Pending::new(),
            place: ArcSwapOption::empty(),
            has_warned: AtomicBool::new(false),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            types: PhantomData,
        }
    }

    /// How long a value is good for, unless it is invalidated earlier. Without it the configured
    /// `cache.ttl` holds. Zero keeps nothing.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        self.keep_for(ttl);
        self
    }

    /// The values depend on this table or view, written as in SQL: a write to it makes them go.
    /// To be said of each that the function reads. A store of which none is said keeps its values
    /// for their time, whatever is written.
    #[must_use]
    pub fn depends_on_table(mut self, name: impl Into<String>) -> Self {
        self.said.tables.push(name.into());
        self
    }

    /// Lets the values be invalidated by this tag too; may be said several times.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.said.tags.push(tag.into());
        self
    }

    /// Keeps the values in this process only, and never in Redis.
    #[must_use]
    pub fn local_only(mut self) -> Self {
        self.said.local_only = true;
        self
    }

    /// How long the function takes at most: a minute by default. A call that ends without a
    /// value, because it failed or was dropped, tells nobody, so it counts as running for that
    /// long, and values of the same arguments are kept as of it until then: they go with the next
    /// invalidation, and what is loaded after that is not kept yet. A call that runs for longer
    /// must not overlap with another one of the same arguments.
    #[must_use]
    pub fn longest_call(mut self, longest: Duration) -> Self {
        self.longest_call = longest;
        self
    }

    /// How long a call waits for the database at most before the function runs, where its answer
    /// decides what may be kept in Redis: 50 ms by default. After that the value stays in this
    /// process.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How long values are kept that are given from now on.
    pub(super) fn time_to_live(&self) -> Duration {
        match self.ttl.load(Ordering::Relaxed) {
            DEFAULT => self.database.inner().default_ttl,
            nanoseconds => Duration::from_nanos(nanoseconds),
        }
    }

    pub(super) fn keep_for(&self, ttl: Duration) {
        let nanoseconds = u64::try_from(ttl.as_nanos()).unwrap_or(DEFAULT);
        self.ttl
            .store(nanoseconds.min(DEFAULT - 1), Ordering::Relaxed);
    }
}

impl<K, V> fmt::Debug for CachedStore<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CachedStore")
            .field("said", &self.said)
            .field("ttl", &self.time_to_live())
            .finish_non_exhaustive()
    }
}
