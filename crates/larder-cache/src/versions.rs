//! Versions: what of all that was loaded is still right.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::dependency::Dependency;
use crate::doubt::Doubt;
use crate::slot::Slot;
use crate::slots::{SlotTable, Slots};

/// A moment in the sequence of invalidations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// The moment so many invalidations later.
    pub(crate) fn after(self, invalidations: u64) -> Self {
        Self(self.0.saturating_add(invalidations))
    }
}

/// The sequence of invalidations, and for each dependency the number of its last one.
///
/// A load takes [`Versions::now`] before it begins. Its result is current as long as nothing
/// that it depends on was invalidated later, whether the dependencies were known before the
/// load or only after it. An invalidation takes the next number and writes it to the slots of
/// its dependencies; it touches no entry.
///
/// Clones share the same versions.
///
/// # Why nothing stale gets through
///
/// A writer first commits, then invalidates, and only then acknowledges the write.
///
/// - A load whose version *covers* the invalidation (`now()` gave its number or a later one)
///   began after the commit and has read what was written: `now` acquires what the
///   invalidation released when it took its number, and the commit was before that.
/// - A load whose version does not cover it is found out by everybody who looks after the
///   acknowledgement: the slot was raised before it, slots never sink, and whoever knows of
///   the acknowledgement comes after the raise.
///
/// Between the two steps of an invalidation (the number is taken, the slot not yet raised) an
/// old result still passes for current. The write has not been acknowledged then, so no reader
/// is entitled to see it.
#[derive(Clone)]
pub struct Versions(Arc<Inner>);

struct Inner {
    sequence: AtomicU64,
    /// Invalidations that have taken their number, or are about to, and have not written it to all
    /// of their slots.
    under_way: AtomicU64,
    /// The greatest number up to which all invalidations are known to be complete.
    complete: AtomicU64,
    everything: Slot,
    table: SlotTable,
    open_doubts: AtomicU64,
    doubts: AtomicU64,
}

impl Versions {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            sequence: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            complete: AtomicU64::new(0),
            everything: Slot::default(),
            table: SlotTable::new(),
            open_doubts: AtomicU64::new(0),
            doubts: AtomicU64::new(0),
        }))
    }

    /// The version that a load takes before it begins.
    #[must_use]
    pub fn now(&self) -> Version {
        Version(self.0.sequence.load(Ordering::Acquire))
    }

    /// The version that a load takes before it begins which may be given results that are kept: a
    /// number up to which all invalidations are complete.
    ///
    /// What is read from the database after [`Versions::now`] contains all writes up to that number.
    /// What is kept does not: between the two steps of an invalidation an old result still passes
    /// for current, and what is made of it then would carry a number that covers the invalidation.
    /// Up to this number none is between its steps, so a result that is current now is right for
    /// it. Where one is under way, an earlier number is given, which is right, too.
    ///
    /// # Why it is complete
    ///
    /// An invalidation counts itself as under way, takes its number, writes it to its slots, and
    /// then counts itself out. Whoever sees its number (acquire, release) sees that it was counted,
    /// so if nothing is under way *after* the sequence was read, each invalidation up to that number
    /// has counted itself out, and its slots are seen as it left them.
    #[must_use]
    pub fn complete(&self) -> Version {
        let now = self.0.sequence.load(Ordering::Acquire);
        if self.0.under_way.load(Ordering::Acquire) == 0 {
            self.0.complete.fetch_max(now, Ordering::AcqRel);
            return Version(now);
        }
        Version(self.0.complete.load(Ordering::Acquire))
    }

    /// Makes everything loaded so far that depends on one of these wrong.
    ///
    /// When this returns, no result from before is served, stored or joined any more. Gives how
    /// many numbers of the sequence it took: 1, or 0 where there are no dependencies.
    pub fn invalidate(&self, dependencies: impl IntoIterator<Item = Dependency>) -> u64 {
        let mut dependencies = dependencies.into_iter().peekable();
        if dependencies.peek().is_none() {
            return 0;
        }
        self.at_next_number(|number| {
            for dependency in dependencies {
                self.0.table.slot(dependency).invalidate(number);
            }
        });
        1
    }

    /// Makes everything loaded so far wrong. Gives how many numbers of the sequence it took: 1.
    pub fn invalidate_everything(&self) -> u64 {
        self.at_next_number(|number| self.0.everything.invalidate(number));
        1
    }

    /// The slots of these dependencies, for checks by [`Versions::are_current`].
    #[must_use]
    pub fn slots(&self, dependencies: &[Dependency]) -> Slots {
        self.0.table.slots(dependencies, &[])
    }

    /// Whether none of these was invalidated after `as_of`, and none is in doubt.
    #[must_use]
    pub fn are_current(&self, slots: &Slots, as_of: Version) -> bool {
        self.0.everything.is_current(as_of.0) && self.0.table.are_current(slots, as_of.0)
    }

    /// Puts these dependencies in doubt: a write to them may or may not have taken effect.
    ///
    /// While the guard lives, nothing that depends on them is served, stored or joined. When it
    /// is dropped they count as invalidated at that moment. Doubts may overlap.
    pub fn doubt(&self, dependencies: impl IntoIterator<Item = Dependency>) -> Doubt {
        let dependencies: Vec<Dependency> = dependencies.into_iter().collect();
        Doubt::open(self.clone(), Some(self.slots(&dependencies)))
    }

    /// Puts everything in doubt, as [`Versions::doubt`] does with some dependencies.
    pub fn doubt_everything(&self) -> Doubt {
        Doubt::open(self.clone(), None)
    }

    /// Keeps these dependencies out of the cache until the guard is dropped, as if they were in
    /// doubt: caching is switched off for them.
    pub fn suspend(&self, dependencies: impl IntoIterator<Item = Dependency>) -> Doubt {
        let dependencies: Vec<Dependency> = dependencies.into_iter().collect();
        Doubt::suspend(self.clone(), Some(self.slots(&dependencies)))
    }

    /// Keeps everything out of the cache until the guard is dropped.
    pub fn suspend_everything(&self) -> Doubt {
        Doubt::suspend(self.clone(), None)
    }

    /// Whether nothing at all was invalidated after `as_of`, and nothing is in doubt. The
    /// question to ask when it is not known what a result depends on.
    pub(crate) fn nothing_since(&self, as_of: Version) -> bool {
        self.now() == as_of && self.0.open_doubts.load(Ordering::Acquire) == 0
    }

    /// `known` and the slots of further dependencies.
    pub(crate) fn union(&self, known: &Slots, dependencies: &[Dependency]) -> Slots {
        self.0.table.union(known, dependencies)
    }

    /// Writes the next number of an invalidation to its slots.
    ///
    /// Release: a load that sees this number sees the commit before it, and that it is under way.
    /// Acquire keeps the chain from one invalidation to the next.
    pub(crate) fn at_next_number(&self, write: impl FnOnce(u64)) {
        /// Counted out also where the writing panics: the dependencies come from a caller's iterator.
        struct UnderWay<'v>(&'v AtomicU64);
        impl Drop for UnderWay<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::AcqRel);
            }
        }
        self.0.under_way.fetch_add(1, Ordering::AcqRel);
        let _under_way = UnderWay(&self.0.under_way);
        write(self.0.sequence.fetch_add(1, Ordering::AcqRel) + 1);
    }

    /// How many doubts there were.
    pub(crate) fn doubts(&self) -> u64 {
        self.0.doubts.load(Ordering::Relaxed)
    }

    pub(crate) fn count_doubt(&self) {
        self.0.doubts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn open_doubt(&self, slots: Option<&Slots>) {
        self.0.open_doubts.fetch_add(1, Ordering::AcqRel);
        match slots {
            Some(slots) => self.0.table.each(slots).for_each(Slot::open_doubt),
            None => self.0.everything.open_doubt(),
        }
    }

    pub(crate) fn close_doubt(&self, slots: Option<&Slots>) {
        self.at_next_number(|number| match slots {
            Some(slots) => {
                let slots = self.0.table.each(slots);
                slots.for_each(|slot| slot.close_doubt(number));
            }
            None => self.0.everything.close_doubt(number),
        });
        self.0.open_doubts.fetch_sub(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versions")
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}
