//! An entry: a value and what decides whether it may be served.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::clock::Moment;
use crate::options::Freshness;
use crate::patterns::Checked;
use crate::request::Basis;
use crate::slots::Slots;
use crate::snapshot::Snapshot;
use crate::versions::Version;

/// A stored value. The last field is what lets an `Entry<V>` become an `Entry`, in one
/// allocation with its value.
pub(crate) struct Entry<V: ?Sized = dyn Any + Send + Sync> {
    pub(crate) facts: Facts,
    value: V,
}

/// All of an entry but its value.
pub(crate) struct Facts {
    /// The version that the load took before it began.
    pub(crate) as_of: Version,
    /// How long the load took.
    pub(crate) load_time: Duration,
    /// What tells the value from others.
    pub(crate) digest: Option<u128>,
    /// The number of the flight that loaded it: of two loads of a key, the later one.
    pub(crate) flight: u64,
    pub(crate) slots: Slots,
    /// What the load could see.
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// In part its time alone keeps the value right.
    pub(crate) by_time: bool,
    pub(crate) name: Box<str>,
    pub(crate) checked: Checked,
    pub(crate) times: Times,
    /// Set while a load in the background replaces it.
    pub(crate) refreshing: AtomicBool,
    /// What the caller said the value takes.
    pub(crate) value_bytes: u64,
    pub(crate) value_type: &'static str,
}

/// Until when an entry may be served, and how.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    stored: Moment,
    /// From when on a reader may load it anew although it is fresh.
    early_from: Moment,
    fresh_until: Moment,
    stale_until: Moment,
    on_error_until: Moment,
}

/// How old an entry is, by its own freshness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    Fresh,
    Stale,
    Expired,
}

impl Times {
    /// How many of the times that a load takes before its end an entry is looked at for an early
    /// refresh: earlier, one in 20,000 reads would begin one.
    const EARLY: f64 = 10.0;

    /// The times of a value stored now. `eagerness` is how long its load took, times how eagerly
    /// it is to be refreshed.
    pub(crate) fn new(now: Moment, freshness: Freshness, eagerness: Duration) -> Self {
        let fresh_until = now.after(freshness.ttl);
        let early = eagerness.mul_f64(Self::EARLY).min(freshness.ttl);
        Self {
            stored: now,
            early_from: now.after(freshness.ttl.saturating_sub(early)),
            fresh_until,
            stale_until: fresh_until.after(freshness.stale_for),
            on_error_until: fresh_until.after(freshness.stale_if_error),
        }
    }

    pub(crate) fn age(&self, now: Moment) -> Age {
        if now < self.fresh_until {
            Age::Fresh
        } else if now < self.stale_until {
            Age::Stale
        } else {
            Age::Expired
        }
    }

    /// How much longer it is fresh.
    pub(crate) fn fresh_for(&self, now: Moment) -> Duration {
        self.fresh_until.since(now)
    }

    /// Whether it is fresh, and so near its end that a reader may have to load it anew.
    pub(crate) fn is_early(&self, now: Moment) -> bool {
        self.early_from <= now && now < self.fresh_until && self.early_from < self.fresh_until
    }

    /// Whether this reader has to, by chance: the nearer the end, the likelier.
    pub(crate) fn draws_refresh(&self, now: Moment, eagerness: Duration) -> bool {
        // 1 - f64() is never 0, whose logarithm has no end.
        let early = eagerness.mul_f64(-(1.0 - fastrand::f64()).ln());
        self.is_early(now) && now.after(early) >= self.fresh_until
    }

    /// Whether it may be served because a load failed.
    pub(crate) fn allow_on_error(&self, now: Moment) -> bool {
        self.on_error_until > self.fresh_until && now < self.on_error_until
    }

    /// From when on nobody may be served.
    pub(crate) fn dead_from(&self) -> Moment {
        self.stale_until.max(self.on_error_until)
    }
}

impl Entry {
    pub(crate) fn new<V: Any + Send + Sync>(facts: Facts, value: V) -> Arc<Self> {
        Arc::new(Entry { facts, value })
    }

    /// What it weighs: its value by the caller's estimate, its name, its dependencies, its
    /// snapshot, the entry itself, and about what the indices take for it.
    pub(crate) fn weight(&self) -> u64 {
        /// A place in the cache with its spare room and its part of the ghosts, a node of the
        /// set of expiry times, and three headers of allocations.
        const INDICES: usize = 192;
        let facts = &self.facts;
        let snapshot = facts.snapshot.as_ref().map_or(0, |taken| taken.bytes());
        let own = size_of::<Facts>() + INDICES + facts.name.len() + facts.slots.bytes() + snapshot;
        facts.value_bytes.saturating_add(own as u64)
    }

    /// The value, if it has this type.
    pub(crate) fn value<V: Any>(&self) -> Option<&V> {
        self.value.downcast_ref()
    }

    /// What the value rests on.
    pub(crate) fn basis(&self, now: Moment) -> Basis {
        let facts = &self.facts;
        Basis {
            dependencies: facts.slots.clone(),
            snapshot: facts.snapshot.clone(),
            by_time: facts.by_time,
            is_storable: true,
            fresh_for: facts.times.fresh_for(now),
        }
    }

    pub(crate) fn is_refreshing(&self) -> bool {
        // Relaxed: a hint about who begins to load. Nothing is read on the strength of it.
        self.facts.refreshing.load(Ordering::Relaxed)
    }

    pub(crate) fn set_refreshing(&self, refreshing: bool) {
        self.facts.refreshing.store(refreshing, Ordering::Relaxed);
    }

    pub(crate) fn describe(&self, now: Moment, is_current: bool) -> EntryDescription {
        let times = &self.facts.times;
        EntryDescription {
            name: self.facts.name.to_string(),
            state: match (is_current, times.age(now)) {
                (false, _) => EntryState::Invalidated,
                (true, Age::Fresh) => EntryState::Fresh,
                (true, Age::Stale) => EntryState::Stale,
                (true, Age::Expired) => EntryState::Expired,
            },
            age: now.since(times.stored),
            fresh_for: times.fresh_for(now),
            bytes: self.weight(),
            dependencies: self.facts.slots.len(),
            value_type: self.facts.value_type,
            refreshing: self.is_refreshing(),
        }
    }
}

/// What tells an entry from others under the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryStamp {
    /// The number of the load that made it.
    pub load: u64,
    /// What its loader said about its value.
    pub digest: Option<u128>,
}

/// What is known of an entry, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EntryDescription {
    /// The readable name.
    pub name: String,
    /// Whether it would be served.
    pub state: EntryState,
    /// How long ago it was stored.
    pub age: Duration,
    /// How much longer it is fresh; zero if it is not.
    pub fresh_for: Duration,
    /// What it weighs, in bytes.
    pub bytes: u64,
    /// How many dependencies it has.
    pub dependencies: usize,
    /// The Rust type of its value.
    pub value_type: &'static str,
    /// Whether a load in the background replaces it just now.
    pub refreshing: bool,
}

/// Whether an entry would be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryState {
    /// It is served.
    Fresh,
    /// It is served while a load in the background replaces it.
    Stale,
    /// Its time is up. It is served only where a load failed and `stale_if_error` allows it.
    Expired,
    /// Something that it depends on was invalidated, or is in doubt. It is not served.
    Invalidated,
}
