//! Flights: one load per key at a time, shared by all who may have its result.

use std::any::Any;
use std::collections::HashMap;
use std::iter::repeat_with;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::entry::Entry;
use crate::error::LoadError;
use crate::failpoints;
use crate::key::Key;
use crate::patterns::Patterns;
use crate::request::Basis;
use crate::slots::Slots;
use crate::versions::{Version, Versions};

/// The loads that are under way, by key.
pub(crate) struct Flights {
    shards: Box<[Shard]>,
    next: AtomicU64,
}

type Shard = Mutex<HashMap<Key, Flight>>;

/// A load that is under way.
pub(crate) struct Flight {
    number: u64,
    /// The version taken before the load began.
    as_of: Version,
    /// What its result was known to depend on before.
    known: Slots,
    /// A `watch::Receiver<Option<Outcome<V, E>>>`, whatever `V` and `E` are.
    outcome: Box<dyn Any + Send + Sync>,
}

/// What came out of a flight.
pub(crate) type Outcome<V, E> = Result<Landed<V>, LoadError<E>>;

/// A result, and all that it rests on.
#[derive(Clone)]
pub(crate) struct Landed<V> {
    pub(crate) value: V,
    /// What it rests on, as of its landing.
    pub(crate) basis: Basis,
    /// It was kept by a second tier.
    pub(crate) fetched: bool,
}

impl Flights {
    pub(crate) fn new() -> Self {
        const SHARDS: usize = 64;
        Self {
            shards: repeat_with(Mutex::default).take(SHARDS).collect(),
            next: AtomicU64::new(0),
        }
    }

    /// The number of a load that nobody can join.
    pub(crate) fn take_number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Locks the part of the flights where `key` is. Nobody's code but our own may run while
    /// the lock is held: no clone, drop or closure of a caller.
    pub(crate) fn lock(&self, key: Key) -> Apron<'_> {
        // The key is a hash: any of its bits will do.
        let shard = (key.as_u128() >> 64) as usize % self.shards.len();
        Apron {
            flights: self.shards[shard]
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
            next: &self.next,
            key,
        }
    }
}

/// The place of one key, locked.
pub(crate) struct Apron<'a> {
    flights: MutexGuard<'a, HashMap<Key, Flight>>,
    next: &'a AtomicU64,
    key: Key,
}

impl Apron<'_> {
    /// The flight under way, if whoever comes now may have its result.
    ///
    /// # Why a joiner misses no write
    ///
    /// A caller may be given any result that contains every write acknowledged before the call
    /// began. When it joins, nothing that the result depends on was invalidated after the
    /// flight took its version; invalidations precede acknowledgements, so every write
    /// acknowledged by now was covered by that version, and the load began after it. A write
    /// that is invalidated after the joining is concurrent with the call: the call may count
    /// as having happened before it, and gets the result all the same, as the leader does. The
    /// result is not stored then, and whoever comes after that invalidation finds the flight
    /// not current and begins another one.
    ///
    /// What a result depends on may become known only during the load. Where nothing was known
    /// before, nothing at all may have been invalidated since. Where the load finds more than
    /// was known, the joiner looks again when it has landed, see [`Seat::is_entitled`].
    pub(crate) fn joinable(&self, versions: &Versions, patterns: &Patterns) -> Option<&Flight> {
        let flight = self.flights.get(&self.key)?;
        if failpoints::is_on("join-old-flight") {
            return Some(flight);
        }
        // Patterns before versions, see `Patterns::invalidate`. The name of the entry is not
        // known yet, so any pattern counts.
        let joinable = patterns.none_since(flight.as_of)
            && (versions.nothing_since(flight.as_of)
                || !flight.known.is_empty() && versions.are_current(&flight.known, flight.as_of));
        joinable.then_some(flight)
    }

    /// Begins a flight in place of the one that may be under way; that one goes on for those
    /// who joined it.
    ///
    /// `as_of` must have been taken before, and the load must begin after this.
    pub(crate) fn depart<V, E>(
        &mut self,
        flights: Arc<Flights>,
        as_of: Version,
        known: Slots,
        replaces: Option<Arc<Entry>>,
    ) -> Departure<V, E>
    where
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
    {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (joiners, outcome) = watch::channel(None);
        let flight = Flight {
            number,
            as_of,
            known: known.clone(),
            outcome: Box::new(outcome),
        };
        self.flights.insert(self.key, flight);
        if let Some(entry) = &replaces {
            entry.set_refreshing(true);
        }
        let place = Place {
            flights,
            key: self.key,
            number,
            replaces,
        };
        Departure {
            place,
            as_of,
            known,
            joiners,
        }
    }

    fn free(&mut self, number: u64) {
        // A later flight may have taken its place.
        if self
            .flights
            .get(&self.key)
            .is_some_and(|flight| flight.number == number)
        {
            self.flights.remove(&self.key);
        }
    }
}

impl Flight {
    /// A seat for a joiner; `None` if the flight carries another type.
    pub(crate) fn seat<V, E>(&self, versions: &Versions) -> Option<Seat<V, E>>
    where
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
    {
        let outcome: &watch::Receiver<Option<Outcome<V, E>>> = self.outcome.downcast_ref()?;
        Some(Seat {
            outcome: outcome.clone(),
            as_of: self.as_of,
            known: self.known.clone(),
            entitled: versions.nothing_since(self.as_of) || failpoints::is_on("join-old-flight"),
        })
    }
}

/// A joiner's place in a flight.
pub(crate) struct Seat<V, E> {
    outcome: watch::Receiver<Option<Outcome<V, E>>>,
    as_of: Version,
    known: Slots,
    /// Nothing at all had been invalidated when it was taken.
    entitled: bool,
}

impl<V, E> Seat<V, E> {
    /// Waits for the flight to land.
    pub(crate) async fn wait(&mut self) -> Outcome<V, E>
    where
        V: Clone,
    {
        match self.outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Err(LoadError::Cancelled)),
            // The leader's task is gone without a word.
            Err(_) => Err(LoadError::Cancelled),
        }
    }

    /// Whether the caller may have the result: if it had joined because what was *known* was
    /// current, and the result depends on more, something of that may have been invalidated
    /// before it joined.
    pub(crate) fn is_entitled(&self, landed: &Landed<V>, versions: &Versions) -> bool {
        self.entitled
            || landed.basis.dependencies.are_within(&self.known)
            || versions.are_current(&landed.basis.dependencies, self.as_of)
    }
}

/// A flight from the side of its leader. Dropped, it frees the place of the key, and those who
/// wait learn that there is no result.
pub(crate) struct Departure<V, E> {
    /// Dropped first, so that whoever learns the outcome finds the place free.
    place: Place,
    pub(crate) as_of: Version,
    pub(crate) known: Slots,
    joiners: watch::Sender<Option<Outcome<V, E>>>,
}

impl<V: Clone, E> Departure<V, E> {
    pub(crate) fn key(&self) -> Key {
        self.place.key
    }

    pub(crate) fn number(&self) -> u64 {
        self.place.number
    }

    /// Whether it loads what is served meanwhile.
    pub(crate) fn is_refresh(&self) -> bool {
        self.place.replaces.is_some()
    }

    /// The entry that is served meanwhile, if there is one.
    pub(crate) fn replaces(&self) -> Option<&Entry> {
        self.place.replaces.as_deref()
    }

    /// Frees the place and gives the outcome to all who have joined, if anybody has.
    pub(crate) fn land(self, outcome: impl FnOnce() -> Outcome<V, E>) {
        // From here on nobody joins.
        drop(self.place);
        // A leader that nobody has joined keeps the only reference to an error.
        if self.joiners.receiver_count() > 0 {
            self.joiners.send_replace(Some(outcome()));
        }
    }
}

struct Place {
    flights: Arc<Flights>,
    key: Key,
    number: u64,
    replaces: Option<Arc<Entry>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.flights.lock(self.key).free(self.number);
        if let Some(entry) = &self.replaces {
            entry.set_refreshing(false);
        }
    }
}
