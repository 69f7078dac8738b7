//! A cached read: from the entry, from a flight, or by a load of its own.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::fly::{Storing, catch_panic};
use super::{Cache, Inner};
use crate::clock::Moment;
use crate::entry::{Age, Entry};
use crate::error::LoadError;
use crate::flight::{Apron, Departure, Outcome, Seat};
use crate::key::Key;
use crate::options::Freshness;
use crate::request::{Basis, Loaded, Mode, Request, Served, Source};
use crate::slots::Slots;

/// What a read is told to do.
pub(super) enum Claim<V, E> {
    /// Return this, and if there is a departure, load in the background.
    Serve(Served<V>, Option<Departure<V, E>>),
    /// Wait for a load that is under way.
    Join(Seat<V, E>),
    /// Load, and wait for it.
    Lead(Departure<V, E>),
}

/// Flights that bring nothing are waited for at most so often; then a read loads for itself.
///
/// Once more than never, so that one leader that goes away does not send all who wait to the
/// database. Not for ever, because each of the next ones may go away too.
pub(super) const MOST_IN_VAIN: u32 = 2;

impl Cache {
    /// The value under `key`, if it is there, has this type, may be served, and no load needs
    /// to be begun. Counts a hit or a stale hit, and nothing if it gives none:
    /// [`Cache::get_or_load`] comes next then.
    ///
    /// An entry past its time within `stale_for` is given only while a load replaces it; else
    /// `get_or_load` has to begin one.
    #[must_use]
    pub fn get<V>(&self, key: Key) -> Option<V>
    where
        V: Clone + Send + Sync + 'static,
    {
        self.find(key, |_, value: &V, _| value.clone())
    }

    /// [`Cache::get`], with what the value rests on.
    #[must_use]
    pub fn get_with_basis<V>(&self, key: Key) -> Option<Served<V>>
    where
        V: Clone + Send + Sync + 'static,
    {
        self.find(key, |entry, value: &V, now| Served {
            value: value.clone(),
            source: match entry.facts.times.age(now) {
                Age::Fresh => Source::Hit,
                Age::Stale | Age::Expired => Source::Stale,
            },
            basis: entry.basis(now),
        })
    }

    /// What `take` makes of the entry under `key`, if it may be served as [`Cache::get`] says.
    #[inline]
    fn find<V, T>(&self, key: Key, take: impl FnOnce(&Entry, &V, Moment) -> T) -> Option<T>
    where
        V: Clone + Send + Sync + 'static,
    {
        let inner = &*self.0;
        if !self.is_enabled() {
            return None;
        }
        // The entry first, and then what was invalidated: an invalidation that returned
        // before this call is seen whichever entry is found.
        let entry = inner.store.get(key)?;
        let now = inner.clock.now();
        let times = &entry.facts.times;
        if !inner.has_lease(now) || times.is_early(now) && !entry.is_refreshing() {
            return None;
        }
        let age = times.age(now);
        let lookups = inner.counters.lookups();
        let count = match age {
            Age::Fresh => &lookups.hits,
            Age::Stale if entry.is_refreshing() => &lookups.stale_hits,
            Age::Stale | Age::Expired => return None,
        };
        let value = entry.value::<V>()?;
        if !inner.is_current(&entry) {
            return None;
        }
        count.increment();
        Some(take(&entry, value, now))
    }

    /// The value under a key that may be served because the database has failed: within its time
    /// or its `stale_if_error`, and not invalidated.
    #[must_use]
    pub fn kept_for_errors<V: Clone + Send + Sync + 'static>(&self, key: Key) -> Option<V> {
        let served = self.0.kept_for_errors(key)?;
        self.0.counters.stale_on_error.increment();
        Some(served.value)
    }

    /// Counts a read that its caller sends past the cache by itself.
    pub fn count_bypassed(&self) {
        self.0.counters.bypassed.increment();
    }

    /// The value under the request's key: from the cache, from a load that is under way, or by
    /// `load`.
    ///
    /// One load per key runs at a time, as a task of its own, and all who wait for it share its
    /// value or its error. A read that begins after a write was invalidated never gets a value
    /// from before it. An empty list or `None` is a value like any other.
    ///
    /// `load` runs without the task-locals of the caller, and within its tracing span. It must
    /// not ask for its own key: it would wait for itself.
    ///
    /// # Errors
    ///
    /// [`LoadError`] if the load failed and there is no value that `stale_if_error` allows.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the load goes on for the others and its value is stored. A load that goes past
    /// the cache ([`Mode::Bypass`], a `ttl` of zero, cache off) is dropped with the caller.
    pub async fn get_or_load<V, E, F, Fut>(
        &self,
        request: Request,
        load: F,
    ) -> Result<Served<V>, LoadError<E>>
    where
        V: Clone + Send + Sync + 'static,
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<V>, E>> + Send + 'static,
    {
        let Request {
            key,
            freshness,
            dependencies,
            mode,
            name,
        } = request;
        if mode == Mode::Bypass || freshness.ttl.is_zero() || !self.is_enabled() {
            self.0.counters.bypassed.increment();
            return self.load_alone(freshness, &dependencies, load).await;
        }
        let storing = Storing { freshness, name };
        let lookups = || self.0.counters.lookups();
        let mut has_joined = false;
        let mut in_vain = 0;
        loop {
            match self.claim(key, &dependencies, mode, in_vain < MOST_IN_VAIN) {
                Claim::Serve(served, refresh) => {
                    match served.source {
                        Source::Hit => lookups().hits.increment(),
                        _ => lookups().stale_hits.increment(),
                    }
                    if let Some(departure) = refresh {
                        self.fly(departure, storing, load, None);
                    }
                    return Ok(served);
                }
                Claim::Join(mut seat) => {
                    if !has_joined {
                        lookups().joined.increment();
                        has_joined = true;
                    }
                    match seat.wait().await {
                        Ok(landed) if !seat.is_entitled(&landed, &self.0.versions) => {}
                        // Its runtime ended, ours has not. Or a caller loaded by itself, and
                        // went away or keeps its error.
                        Err(LoadError::Cancelled) => in_vain += 1,
                        outcome => return self.served(key, outcome, Source::Joined),
                    }
                }
                Claim::Lead(departure) => {
                    if !has_joined {
                        lookups().misses.increment();
                    }
                    let (leader, outcome) = oneshot::channel();
                    self.fly(departure, storing, load, Some(leader));
                    let outcome = outcome.await.unwrap_or(Err(LoadError::Cancelled));
                    return self.served(key, outcome, Source::Loaded);
                }
            }
        }
    }

    /// Decides what a read does. One at a time for a key: between the look at the entry and the
    /// look at the flights, none lands.
    pub(super) fn claim<V, E>(
        &self,
        key: Key,
        known: &Slots,
        mode: Mode,
        may_join: bool,
    ) -> Claim<V, E>
    where
        V: Clone + Send + Sync + 'static,
        E: Send + Sync + 'static,
    {
        let inner = &*self.0;
        // Declared before the lock, and so dropped after it.
        let entry;
        let mut apron = inner.flights.lock(key);
        let depart = |apron: &mut Apron<'_>, replaces| {
            // Taken before the load begins. It may be given what is kept.
            let as_of = inner.versions.complete();
            apron.depart(Arc::clone(&inner.flights), as_of, known.clone(), replaces)
        };
        let now = inner.clock.now();
        // Without the lease others may have written what is not known here: nothing is served,
        // and nobody joins a load that began before.
        if mode == Mode::Normal && inner.has_lease(now) {
            entry = inner.current(key);
            if let Some(entry) = &entry
                && let Some(value) = entry.value::<V>()
            {
                let times = &entry.facts.times;
                let (source, refresh) = match times.age(now) {
                    Age::Fresh => {
                        let eagerness = inner.eagerness(entry.facts.load_time);
                        (Some(Source::Hit), times.draws_refresh(now, eagerness))
                    }
                    Age::Stale => (Some(Source::Stale), true),
                    Age::Expired => (None, false),
                };
                if let Some(source) = source {
                    let under_way = apron.joinable(&inner.versions, &inner.patterns);
                    let refresh = (refresh && under_way.is_none())
                        .then(|| depart(&mut apron, Some(Arc::clone(entry))));
                    drop(apron);
                    let served = Served {
                        value: value.clone(),
                        source,
                        basis: entry.basis(now),
                    };
                    return Claim::Serve(served, refresh);
                }
            }
            if may_join
                && let Some(flight) = apron.joinable(&inner.versions, &inner.patterns)
                && let Some(seat) = flight.seat(&inner.versions)
            {
                return Claim::Join(seat);
            }
        }
        Claim::Lead(depart(&mut apron, None))
    }

    /// What a caller gets who waited for a flight.
    fn served<V, E>(
        &self,
        key: Key,
        outcome: Outcome<V, E>,
        source: Source,
    ) -> Result<Served<V>, LoadError<E>>
    where
        V: Clone + Send + Sync + 'static,
    {
        match outcome {
            Ok(landed) => Ok(landed.served(source)),
            Err(error) => {
                let served = self.0.kept_for_errors(key).ok_or(error)?;
                self.0.counters.stale_on_error.increment();
                Ok(served)
            }
        }
    }

    /// Loads past the cache, in the caller's task.
    async fn load_alone<V, E, F, Fut>(
        &self,
        freshness: Freshness,
        known: &Slots,
        load: F,
    ) -> Result<Served<V>, LoadError<E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Loaded<V>, E>>,
    {
        self.0.counters.loads.increment();
        match catch_panic(async { load().await }).await {
            Ok(loaded) => Ok(self.0.not_kept(freshness, known, loaded)),
            Err(error) => {
                self.0.counters.load_failed(error.kind(), false);
                Err(error)
            }
        }
    }
}

impl Inner {
    /// A value that goes past the cache.
    pub(super) fn not_kept<V>(
        &self,
        freshness: Freshness,
        known: &Slots,
        loaded: Loaded<V>,
    ) -> Served<V> {
        let basis = Basis {
            dependencies: self.versions.union(known, &loaded.dependencies),
            fresh_for: loaded.freshness(freshness).ttl,
            snapshot: loaded.snapshot,
            by_time: loaded.by_time,
            is_storable: loaded.storable,
        };
        Served {
            value: loaded.value,
            source: Source::Loaded,
            basis,
        }
    }

    /// The entry under `key`, if it was not invalidated. One that was is removed.
    fn current(&self, key: Key) -> Option<Arc<Entry>> {
        let entry = self.store.get(key)?;
        if self.is_current(&entry) {
            return Some(entry);
        }
        self.store.remove(key, &entry);
        None
    }

    /// The value to serve although its time is up, because a load failed.
    pub(super) fn kept_for_errors<V: Clone + 'static>(&self, key: Key) -> Option<Served<V>> {
        let entry = self.store.get(key)?;
        let value = entry.value::<V>()?;
        let now = self.clock.now();
        let allowed = entry.facts.times.allow_on_error(now) && self.is_current(&entry);
        allowed.then(|| Served {
            value: value.clone(),
            source: Source::StaleOnError,
            basis: entry.basis(now),
        })
    }
}
