//! What a caller asks for, what a load gives, and what the caller gets.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::dependency::Dependency;
use crate::key::Key;
use crate::options::Freshness;
use crate::slots::Slots;
use crate::snapshot::Snapshot;

/// A cached read.
#[derive(Debug)]
pub struct Request {
    /// What the result is kept under.
    pub key: Key,
    /// How long the result is good for, if this read loads it. A result that is there is
    /// served by the freshness that it was stored with.
    pub freshness: Freshness,
    /// What the result depends on, if all of it is known before the load; otherwise none.
    ///
    /// It decides who may share a load that is under way: with it, whoever comes before one of
    /// these is invalidated; without it, whoever comes before anything is invalidated.
    pub dependencies: Slots,
    /// How the cache is used.
    pub mode: Mode,
    /// The readable name of the entry, which patterns are matched with.
    pub name: EntryName,
}

/// How a read uses the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Serves what is kept; else loads, or waits for a load that is under way, and stores.
    #[default]
    Normal,
    /// Loads anew in any case and stores. Others may share the load.
    Refresh,
    /// Loads for this caller alone, in the caller's own task; serves and stores nothing.
    Bypass,
}

/// The readable name of an entry, such as `restaurants:nearby:0f3a9c`, made only when the entry
/// is stored.
pub struct EntryName(Box<dyn FnOnce() -> String + Send>);

impl EntryName {
    /// A name that `make` makes when it is needed.
    pub fn new(make: impl FnOnce() -> String + Send + 'static) -> Self {
        Self(Box::new(make))
    }

    pub(crate) fn make(self) -> String {
        (self.0)()
    }
}

impl From<String> for EntryName {
    fn from(name: String) -> Self {
        Self::new(|| name)
    }
}

impl From<&'static str> for EntryName {
    fn from(name: &'static str) -> Self {
        Self::new(|| name.to_owned())
    }
}

impl fmt::Debug for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryName").finish_non_exhaustive()
    }
}

/// What a load returns.
#[derive(Debug, Clone)]
pub struct Loaded<V> {
    /// The value, cheap to clone: every caller gets a clone.
    pub value: V,
    /// What the value depends on, including what is known only after the load. Those of
    /// [`Request::dependencies`] count in any case.
    pub dependencies: Vec<Dependency>,
    /// An estimate of what the value takes, in bytes.
    ///
    /// An entry weighs this, and what it takes itself: its name, 16 bytes for each dependency,
    /// its snapshot, and a fixed part of about 400 bytes for the entry and its places in the
    /// indices.
    pub bytes: u64,
    /// Whether the value may be stored. If not, it still goes to all who wait for it.
    pub storable: bool,
    /// What is known of the value if it was not made now, but kept by somebody else.
    pub kept: Option<Kept>,
    /// What tells this value from others, if that can be told without comparing them.
    pub digest: Option<u128>,
    /// What the load could see, if it was asked for that before it began.
    pub snapshot: Option<Arc<Snapshot>>,
    /// In part its time alone keeps the value right, and not what it depends on.
    pub by_time: bool,
    /// How long the value is fresh at most, if it rests on others that are not fresh for longer;
    /// not more than [`Freshness::ttl`] counts. Zero: it is not stored.
    pub fresh_for: Option<Duration>,
}

/// A value that a second tier had kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// How much longer it is fresh; not more than [`Freshness::ttl`] counts.
    pub fresh_for: Duration,
    /// How long the load took that had made it.
    pub load_time: Duration,
}

impl<V> Loaded<V> {
    /// A value that was made now and may be stored.
    pub fn new(value: V, dependencies: Vec<Dependency>, bytes: u64) -> Self {
        Self {
            value,
            dependencies,
            bytes,
            storable: true,
            kept: None,
            digest: None,
            snapshot: None,
            by_time: false,
            fresh_for: None,
        }
    }

    /// The freshness that it has of what was asked for.
    pub(crate) fn freshness(&self, mut asked: Freshness) -> Freshness {
        let bounds = [self.kept.map(|kept| kept.fresh_for), self.fresh_for];
        for bound in bounds.into_iter().flatten() {
            asked.ttl = asked.ttl.min(bound);
        }
        asked
    }
}

/// What a caller gets.
#[derive(Debug, Clone)]
pub struct Served<V> {
    /// The value.
    pub value: V,
    /// Where it came from.
    pub source: Source,
    /// What it rests on.
    pub basis: Basis,
}

/// What a value rests on: all that a value which is made from it has to know, to be kept itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Basis {
    /// What it depends on: all of the request and of the load together.
    pub dependencies: Slots,
    /// What its load could see, if that is known.
    pub snapshot: Option<Arc<Snapshot>>,
    /// In part its time alone keeps it right: see [`Loaded::by_time`].
    pub by_time: bool,
    /// It may be kept: not all that it depends on may be known otherwise.
    pub is_storable: bool,
    /// How much longer it is fresh; zero if it is served past its time, or was loaded with a
    /// `ttl` of zero.
    pub fresh_for: Duration,
}

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// Kept, and fresh.
    Hit,
    /// Kept, and past its time, within `stale_for`. A load replaces it, or has just failed to.
    Stale,
    /// Kept, and past its time, within `stale_if_error`: a load had failed.
    StaleOnError,
    /// Loaded for this caller.
    Loaded,
    /// Fetched for this caller from a second tier.
    Fetched,
    /// Loaded for another caller at the same time.
    Joined,
}
