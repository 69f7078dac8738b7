//! Which slot a dependency has.

use std::iter::repeat_with;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::dependency::Dependency;
use crate::slot::Slot;

/// The slots of some dependencies, looked up once and then checked in a few nanoseconds.
///
/// Cheap to clone. They belong to the [`Versions`](crate::Versions) that gave them, and are
/// never current for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    /// Sorted and without duplicates.
    indices: Arc<[u32]>,
    /// The table that they belong to.
    table: u64,
}

impl Slots {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// How many there are. Fewer than dependencies, if some share a slot.
    #[must_use]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether all of these are among `others`.
    pub(crate) fn are_within(&self, others: &Self) -> bool {
        self.indices
            .iter()
            .all(|index| others.indices.binary_search(index).is_ok())
    }
}

/// All slots of a cache, in two parts of fixed size (about 700 KiB together): one where each
/// table has a slot of its own, and one where tags, services and the tables that found no
/// place share slots by their hash. Sharing only invalidates too much.
///
/// There is no lock: invalidating waits for nobody, and costs the same however many entries
/// there are.
pub(crate) struct SlotTable {
    id: u64,
    /// Which table (object id + 1) owns the exact slot of the same index; 0 is free.
    owners: Box<[AtomicU64]>,
    /// The exact slots, then the shared ones.
    slots: Box<[Slot]>,
}

/// Tables beyond about this number share slots.
const EXACT: u32 = 1 << 13;
const SHARED: u32 = 1 << 16;
/// How many places are looked at for a table before it shares.
const PROBES: u32 = 32;

impl SlotTable {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            owners: repeat_with(AtomicU64::default)
                .take(EXACT as usize)
                .collect(),
            slots: repeat_with(Slot::default)
                .take((EXACT + SHARED) as usize)
                .collect(),
        }
    }

    /// The slots of these dependencies, together with `known` ones.
    pub(crate) fn slots<'d>(
        &self,
        dependencies: impl IntoIterator<Item = &'d Dependency>,
        known: &[u32],
    ) -> Slots {
        let mut indices: Vec<u32> = dependencies
            .into_iter()
            .map(|dependency| self.index(*dependency))
            .chain(known.iter().copied())
            .collect();
        indices.sort_unstable();
        indices.dedup();
        Slots {
            indices: indices.into(),
            table: self.id,
        }
    }

    /// These slots and those of further dependencies. Slots of another table stay what they
    /// are: never current here.
    pub(crate) fn union(&self, known: &Slots, dependencies: &[Dependency]) -> Slots {
        if known.table != self.id {
            return known.clone();
        }
        let union = self.slots(dependencies, &known.indices);
        if union == *known {
            // Shares the memory with every other result of the same statement.
            known.clone()
        } else {
            union
        }
    }

    pub(crate) fn are_current(&self, slots: &Slots, as_of: u64) -> bool {
        slots.table == self.id
            && slots
                .indices
                .iter()
                .all(|index| self.slots[*index as usize].is_current(as_of))
    }

    pub(crate) fn slot(&self, dependency: Dependency) -> &Slot {
        &self.slots[self.index(dependency) as usize]
    }

    pub(crate) fn each<'t>(&'t self, slots: &'t Slots) -> impl Iterator<Item = &'t Slot> {
        slots.indices.iter().map(|i| &self.slots[*i as usize])
    }

    fn index(&self, dependency: Dependency) -> u32 {
        dependency
            .as_table()
            .and_then(|oid| self.exact(oid))
            .unwrap_or_else(|| EXACT + mix(dependency.as_u64()) % SHARED)
    }

    /// The table's own slot; `None` if it found no place.
    ///
    /// A table always has the same answer: it takes the first free one of its places, places
    /// are never given back, and so the places before its own stay taken, as do all of them
    /// if it found none. Of two threads that bring the same table, one takes the place and
    /// the other finds it there.
    fn exact(&self, oid: u32) -> Option<u32> {
        let owner = u64::from(oid) + 1;
        let first = mix(u64::from(oid));
        (0..PROBES)
            .map(|probe| first.wrapping_add(probe) % EXACT)
            .find(|index| {
                let place = &self.owners[*index as usize];
                // Relaxed: the place says nothing but its owner, and is written once.
                match place.load(Ordering::Relaxed) {
                    0 => {
                        match place.compare_exchange(0, owner, Ordering::Relaxed, Ordering::Relaxed)
                        {
                            Ok(_) => true,
                            Err(other) => other == owner,
                        }
                    }
                    other => other == owner,
                }
            })
    }
}

/// Spreads numbers that follow on each other.
fn mix(number: u64) -> u32 {
    // 2^64 divided by the golden ratio; the high half of the product is well mixed.
    (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}
