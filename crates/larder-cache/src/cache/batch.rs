//! Values that are stored from outside: of several keys that are loaded together, by one question
//! to the database, and of writers.

use super::Cache;
use super::keep::Landing;
use crate::clock::Moment;
use crate::entry::Age;
use crate::failpoints;
use crate::key::Key;
use crate::request::{Loaded, Request};
use crate::versions::Version;

/// The beginning of a load of several entries, or of a writer's work; made by [`Cache::begin`]
/// before anything is read.
#[derive(Debug, Clone, Copy)]
pub struct Begun {
    as_of: Version,
    flight: u64,
    at: Moment,
}

impl Begun {
    /// As of when what is loaded now is right: nothing that it depends on may have been invalidated
    /// later.
    #[must_use]
    pub fn as_of(&self) -> Version {
        self.as_of
    }
}

impl Cache {
    /// The value under `key`, if it is there, has this type and is fresh. Unlike
    /// [`Cache::get`] it never asks anybody to load it anew ahead of time.
    #[must_use]
    pub fn get_fresh<V>(&self, key: Key) -> Option<V>
    where
        V: Clone + Send + Sync + 'static,
    {
        let inner = &*self.0;
        if !self.is_enabled() {
            return None;
        }
        // The entry first, see `Cache::get`.
        let entry = inner.store.get(key)?;
        let now = inner.clock.now();
        if !inner.has_lease(now) || entry.facts.times.age(now) != Age::Fresh {
            return None;
        }
        let value = entry.value::<V>()?;
        if !inner.is_current(&entry) {
            return None;
        }
        inner.counters.lookups().hits.increment();
        Some(value.clone())
    }

    /// Begins to load what is missing under so many keys. To be called before anything is read
    /// for them: what is invalidated from here on is not stored.
    ///
    /// Loads of several entries are not shared between callers who ask at the same time.
    #[must_use]
    pub fn begin(&self, missing: usize) -> Begun {
        let inner = &*self.0;
        inner.counters.lookups().misses.add(missing as u64);
        inner.counters.loads.increment();
        Begun {
            // The loads may be given what is kept.
            as_of: inner.versions.complete(),
            flight: inner.flights.take_number(),
            at: inner.clock.now(),
        }
    }

    /// Stores what was loaded for one of the keys, if nothing that it depends on was invalidated
    /// since the load began. The mode of the request does not count.
    pub fn put<V>(&self, request: Request, begun: Begun, loaded: &Loaded<V>)
    where
        V: Clone + Send + Sync + 'static,
    {
        let inner = &*self.0;
        let as_of = if failpoints::is_on("counter-after-load") {
            inner.versions.now()
        } else {
            begun.as_of
        };
        let landing = Landing {
            key: request.key,
            as_of,
            flight: begun.flight,
            known: &request.dependencies,
            freshness: request.freshness,
            took: inner.clock.now().since(begun.at),
            name: loaded.storable.then(|| request.name.make()),
        };
        inner.keep(landing, loaded);
    }

    /// Stores a value that a writer made, if between `begun` and now nothing was invalidated but
    /// by this writer itself, in `own` numbers of the sequence (what the calls that invalidated
    /// gave, added up), and nothing that the value depends on is in doubt. Says whether it is
    /// stored. The mode of the request does not count.
    ///
    /// `begun` must have been made before the writer's transaction took its snapshot, and the
    /// value must be what a load after the writer's writes would give: what it had read before it
    /// wrote is not looked at again. Whatever is kept under the key is replaced, and so is what
    /// loads that are under way will give.
    ///
    /// # Why nothing stale gets in
    ///
    /// Let the sequence be at `b` when the work begins, and at `n = b + own` now. It grew by as
    /// many numbers as the writer took, so all of them are the writer's, and no other writer took
    /// one in between. What another one has written was invalidated either
    ///
    /// - by a number up to `b`: its commit came before that number was taken, which [`Cache::begin`]
    ///   acquired, so the writer began after that commit and its value contains it; or
    /// - by a number above `n`, taken already or yet to be: the entry is kept as of `n`, and found
    ///   out by everybody who looks after that write was acknowledged, as any other entry is.
    ///
    /// The writer's own numbers do not make its own value wrong, because they are not above `n`.
    /// The sequence is looked at once: were it looked at again for the version of the entry,
    /// somebody else's number could come in between and pass for the writer's. A doubt that is
    /// open on one of the dependencies is greater than any number, one that was closed meanwhile
    /// took a number, and one that is opened later makes the entry wrong.
    pub fn put_after_own_writes<V>(
        &self,
        request: Request,
        begun: Begun,
        own: u64,
        loaded: &Loaded<V>,
    ) -> bool
    where
        V: Clone + Send + Sync + 'static,
    {
        let inner = &*self.0;
        let as_of = inner.versions.now();
        if as_of != begun.as_of.after(own) {
            return false;
        }
        let landing = Landing {
            key: request.key,
            as_of,
            // Not that of the beginning: a load that began meanwhile may not have seen what was
            // written, and nothing else tells, where the writer invalidates nothing of it.
            flight: inner.flights.take_number(),
            known: &request.dependencies,
            freshness: request.freshness,
            took: inner.clock.now().since(begun.at),
            name: loaded.storable.then(|| request.name.make()),
        };
        inner.keep(landing, loaded).is_stored
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{CacheOptions, Cause, Clock, Dependency, Freshness, KeyBuilder, Lease, Mode};

    const TABLE: Dependency = Dependency::table(7);

    fn cache(lease: Lease, clock: Clock) -> Cache {
        Cache::new(CacheOptions {
            max_entries: 100,
            max_bytes: 1 << 20,
            jitter: 0.0,
            lease,
            clock,
            ..CacheOptions::default()
        })
    }

    fn request(cache: &Cache, name: &'static str) -> Request {
        Request {
            key: KeyBuilder::new().text(name).finish(),
            freshness: Freshness::for_ttl(Duration::from_secs(60)),
            dependencies: cache.versions().slots(&[TABLE]),
            mode: Mode::Normal,
            name: name.into(),
        }
    }

    #[test]
    fn what_was_invalidated_after_the_beginning_is_not_stored() {
        let cache = cache(Lease::permanent(), Clock::system());
        let key = request(&cache, "a").key;
        let loaded = Loaded::new(1_u32, Vec::new(), 4);
        let begun = cache.begin(1);
        cache.put(request(&cache, "a"), begun, &loaded);
        assert_eq!(cache.get_fresh::<u32>(key), Some(1));
        cache.invalidate(&[TABLE], Cause::Write);
        assert_eq!(cache.get_fresh::<u32>(key), None);
        cache.put(request(&cache, "a"), begun, &loaded);
        assert_eq!(cache.get_fresh::<u32>(key), None, "it began before");
        let begun = cache.begin(1);
        cache.invalidate_matching("b*");
        cache.put(request(&cache, "a"), begun, &loaded);
        cache.put(request(&cache, "b"), begun, &loaded);
        assert_eq!(cache.get_fresh::<u32>(key), Some(1));
        let key = request(&cache, "b").key;
        assert_eq!(cache.get_fresh::<u32>(key), None, "its name matches");
        let begun = cache.begin(1);
        let mut other = loaded.clone();
        other.dependencies.push(Dependency::tag("late"));
        cache.invalidate_tags(["late"]);
        cache.put(request(&cache, "b"), begun, &other);
        assert_eq!(
            cache.get_fresh::<u32>(key),
            None,
            "what its load told counts"
        );
        let mut other = loaded;
        other.storable = false;
        cache.put(request(&cache, "b"), cache.begin(1), &other);
        assert_eq!(cache.get_fresh::<u32>(key), None, "it may not be stored");
    }

    #[test]
    fn nothing_is_served_without_the_lease_or_past_its_time() {
        let (clock, time) = Clock::manual();
        let lease = Lease::lapsed();
        let cache = cache(lease.clone(), clock.clone());
        let key = request(&cache, "a").key;
        let loaded = Loaded::new(1_u32, Vec::new(), 4);
        cache.put(request(&cache, "a"), cache.begin(1), &loaded);
        assert_eq!(cache.get_fresh::<u32>(key), None);
        lease.renew(Clock::system().now(), Duration::from_secs(100));
        assert_eq!(cache.get_fresh::<u32>(key), Some(1));
        assert_eq!(cache.get_fresh::<u64>(key), None, "it is of another type");
        time.advance(Duration::from_secs(61));
        assert_eq!(cache.get_fresh::<u32>(key), None);
    }
}
