//! The cache: entries, flights and versions as one thing.

mod batch;
mod fly;
mod invalidation;
mod keep;
mod read;
mod run;

pub use self::batch::Begun;
pub use self::invalidation::Invalidated;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use self::invalidation::Listener;
use crate::clock::{Clock, Moment};
use crate::entry::{Entry, EntryDescription, EntryStamp};
use crate::flight::Flights;
use crate::key::Key;
use crate::lease::Lease;
use crate::options::CacheOptions;
use crate::patterns::Patterns;
use crate::statistics::{CacheStatistics, Counters};
use crate::store::Store;
use crate::versions::Versions;

/// Results of reads, kept in this process. Clones share the same cache.
///
/// See the [crate's documentation](crate) for an example.
#[derive(Clone)]
pub struct Cache(Arc<Inner>);

struct Inner {
    store: Store,
    flights: Arc<Flights>,
    versions: Versions,
    patterns: Patterns,
    counters: Counters,
    clock: Clock,
    lease: Lease,
    early_refresh: f64,
    jitter: f64,
    enabled: AtomicBool,
    cleanup_interval: Duration,
    listener: OnceLock<Listener>,
}

impl Cache {
    /// An empty cache. Spawns nothing; see [`Cache::run_cleanup`].
    #[must_use]
    pub fn new(options: CacheOptions) -> Self {
        Self(Arc::new(Inner {
            store: Store::new(options.max_entries, options.max_bytes),
            flights: Arc::new(Flights::new()),
            versions: Versions::new(),
            patterns: Patterns::default(),
            counters: Counters::new(),
            clock: options.clock,
            lease: options.lease,
            early_refresh: options.early_refresh.clamp(0.0, 1_000.0),
            jitter: options.jitter.clamp(0.0, 1.0),
            enabled: AtomicBool::new(true),
            cleanup_interval: options.cleanup_interval,
            listener: OnceLock::new(),
        }))
    }

    /// What of the entries is current. Shared with everything that learns of writes.
    #[must_use]
    pub fn versions(&self) -> &Versions {
        &self.0.versions
    }

    /// Until when entries may be served.
    #[must_use]
    pub fn lease(&self) -> &Lease {
        &self.0.lease
    }

    /// The clock that entries live by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The clock that the lease lives by: the system's, also where a test sets the time of
    /// entries by hand.
    #[must_use]
    pub fn lease_clock(&self) -> Clock {
        Clock::system()
    }

    /// Turns the cache on or off. Off, every read goes to its load, and nothing is kept; what
    /// was kept is dropped.
    pub fn set_enabled(&self, enabled: bool) {
        self.0.enabled.store(enabled, Ordering::Relaxed);
        if !enabled {
            // A load that lands just now may still store. That stays correct: invalidations
            // count whether the cache is on or off.
            self.0.store.clear();
        }
    }

    /// Whether the cache is on.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.0.is_enabled()
    }

    /// What the cache has done, and what it holds.
    #[must_use]
    pub fn statistics(&self) -> CacheStatistics {
        self.0.counters.statistics(
            self.0.versions.doubts(),
            self.0.store.len() as u64,
            self.0.store.bytes(),
        )
    }

    /// What tells the entry under this key from others, if it is there and would be served: see
    /// [`Loaded::digest`](crate::Loaded::digest). Counts nothing.
    #[must_use]
    pub fn stamp(&self, key: Key) -> Option<EntryStamp> {
        let entry = self.0.store.peek(key)?;
        let now = self.0.clock.now();
        let facts = &entry.facts;
        let is_served =
            self.0.has_lease(now) && now < facts.times.dead_from() && self.0.is_current(&entry);
        is_served.then_some(EntryStamp {
            load: facts.flight,
            digest: facts.digest,
        })
    }

    /// What is known of the entry under this key; `None` if there is none.
    #[must_use]
    pub fn explain(&self, key: Key) -> Option<EntryDescription> {
        let entry = self.0.store.peek(key)?;
        Some(entry.describe(self.0.clock.now(), self.0.is_current(&entry)))
    }

    /// Removes the entries whose time is up, and says how many. It looks at no others.
    pub fn clean_up(&self) -> usize {
        let removed = self.0.store.remove_dead(self.0.clock.now());
        self.0.counters.expired.add(removed as u64);
        removed
    }

    /// Calls [`Cache::clean_up`] every `cleanup_interval`, for ever: to be spawned as a task
    /// and aborted.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with time.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it stops, and loses nothing.
    pub async fn run_cleanup(self) {
        let period = self.0.cleanup_interval.max(Duration::from_millis(1));
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.clean_up();
        }
    }
}

impl Inner {
    /// Whether the lease holds, `now` being the time of entries.
    fn has_lease(&self, now: Moment) -> bool {
        // Mostly both clocks are the same, and one look at it is enough.
        if self.clock.is_system() {
            self.lease.holds(now)
        } else {
            self.lease.holds(Clock::system().now())
        }
    }

    fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    fn eagerness(&self, load_time: Duration) -> Duration {
        load_time.mul_f64(self.early_refresh)
    }

    /// Whether nothing that the entry depends on was invalidated, by dependency, by pattern or
    /// with everything.
    fn is_current(&self, entry: &Entry) -> bool {
        let facts = &entry.facts;
        // Patterns before versions, see `Patterns::invalidate`.
        self.patterns.spare(&facts.name, &facts.checked)
            && self.versions.are_current(&facts.slots, facts.as_of)
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("enabled", &self.is_enabled())
            .field("statistics", &self.statistics())
            .finish_non_exhaustive()
    }
}
