//! Which slot a dependency has.

use std::iter::repeat_with;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::dependency::Dependency;
use crate::slot::Slot;

/// Some dependencies and their slots, looked up once and then checked in a few nanoseconds.
///
/// Cheap to clone. They belong to the [`Versions`](crate::Versions) that gave them, and are
/// never current for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    /// Sorted and without duplicates. Two dependencies may have the same slot.
    places: Arc<[Place]>,
    /// The table of slots that they belong to.
    table: u64,
}

/// A dependency, and the number of its slot, which follows from it.
type Place = (Dependency, u32);

impl Slots {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How many dependencies there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The dependencies, in the order of their numbers, each once.
    pub fn dependencies(&self) -> impl Iterator<Item = Dependency> {
        self.places.iter().map(|(dependency, _)| *dependency)
    }

    /// What the dependencies take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.places)
    }

    /// Whether all of these are among `others`.
    pub(crate) fn are_within(&self, others: &Self) -> bool {
        self.dependencies().all(|one| others.contain(one))
    }

    fn contain(&self, dependency: Dependency) -> bool {
        self.places
            .binary_search_by_key(&dependency, |(other, _)| *other)
            .is_ok()
    }
}

/// All slots of a cache, in three parts of fixed size. Two of them (about 800 KiB together) are
/// always there: one where each table has slots of its own, and one where tags, services and the
/// tables that found no place share slots by their hash. The third (2 MiB) is for single rows,
/// which share its slots by their hash, and is made when the first row comes. So rows, which may
/// be many and are written often, never share with anything else.
///
/// Sharing only invalidates too much. There is no lock: invalidating waits for nobody, and costs
/// the same however many entries there are.
pub(crate) struct SlotTable {
    id: u64,
    /// Which table, or aspect of one, owns the exact slot of the same index, by its number + 1;
    /// 0 is free.
    owners: Box<[AtomicU64]>,
    /// The exact slots, then the shared ones.
    slots: Box<[Slot]>,
    /// Those of rows, whose numbers follow on the others'.
    rows: OnceLock<Box<[Slot]>>,
}

/// Tables beyond about this number share slots. One that is read and written by rows takes three.
const EXACT: u32 = 1 << 14;
const SHARED: u32 = 1 << 16;
/// How many places are looked at for a table before it shares.
const PROBES: u32 = 32;

const FIRST_ROW: u32 = EXACT + SHARED;
/// The number of slots for rows, as a power of two.
const ROW_BITS: u32 = 18;

impl SlotTable {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            owners: repeat_with(AtomicU64::default)
                .take(EXACT as usize)
                .collect(),
            slots: fresh(FIRST_ROW),
            rows: OnceLock::new(),
        }
    }

    /// The slots of these dependencies, together with `known` ones.
    pub(crate) fn slots<'d>(
        &self,
        dependencies: impl IntoIterator<Item = &'d Dependency>,
        known: &[Place],
    ) -> Slots {
        let mut places: Vec<Place> = dependencies
            .into_iter()
            .map(|dependency| (*dependency, self.index(*dependency)))
            .chain(known.iter().copied())
            .collect();
        places.sort_unstable();
        places.dedup();
        Slots {
            places: places.into(),
            table: self.id,
        }
    }

    /// These slots and those of further dependencies. Slots of another table stay what they
    /// are: never current here.
    pub(crate) fn union(&self, known: &Slots, dependencies: &[Dependency]) -> Slots {
        let has_all = || dependencies.iter().all(|one| known.contain(*one));
        if known.table != self.id || has_all() {
            // Shares the memory with every other result of the same statement.
            known.clone()
        } else {
            self.slots(dependencies, &known.places)
        }
    }

    pub(crate) fn are_current(&self, slots: &Slots, as_of: u64) -> bool {
        slots.table == self.id && self.each(slots).all(|slot| slot.is_current(as_of))
    }

    pub(crate) fn slot(&self, dependency: Dependency) -> &Slot {
        self.at(self.index(dependency))
    }

    pub(crate) fn each<'t>(&'t self, slots: &'t Slots) -> impl Iterator<Item = &'t Slot> {
        slots.places.iter().map(|(_, index)| self.at(*index))
    }

    fn at(&self, index: u32) -> &Slot {
        match index.checked_sub(FIRST_ROW) {
            None => &self.slots[index as usize],
            Some(row) => &self.rows()[row as usize],
        }
    }

    /// Made by whoever comes first, be it a reader or a writer: a write of a row that nobody has
    /// read yet is noted all the same, because a read of it may be under way.
    fn rows(&self) -> &[Slot] {
        self.rows.get_or_init(|| fresh(1 << ROW_BITS))
    }

    fn index(&self, dependency: Dependency) -> u32 {
        if dependency.is_row() {
            return FIRST_ROW + (dependency.spread() >> (u32::BITS - ROW_BITS));
        }
        dependency
            .table_oid()
            .and_then(|_| self.exact(dependency))
            .unwrap_or_else(|| EXACT + dependency.spread() % SHARED)
    }

    /// The own slot of a table, or of an aspect of one; `None` if it found no place.
    ///
    /// It always has the same answer: it takes the first free one of its places, places are
    /// never given back, and so the places before its own stay taken, as do all of them if it
    /// found none. Of two threads that bring the same one, one takes the place and the other
    /// finds it there.
    fn exact(&self, dependency: Dependency) -> Option<u32> {
        let owner = dependency.as_u64() + 1;
        // The high bits, in which the aspects of a table differ too.
        let first = dependency.spread() >> (u32::BITS - EXACT.ilog2());
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

fn fresh(number: u32) -> Box<[Slot]> {
    repeat_with(Slot::default).take(number as usize).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn they_know_their_dependencies() {
        let table = SlotTable::new();
        let given = [
            Dependency::tag("a"),
            Dependency::row(7, b"1"),
            Dependency::table(7),
            Dependency::some_row(7),
            Dependency::tag("a"),
        ];
        let slots = table.slots(&given, &[]);
        let known: Vec<Dependency> = slots.dependencies().collect();
        assert_eq!(known, [given[2], given[3], given[1], given[0]]);
        assert_eq!(slots.len(), 4);
        let same = table.union(&slots, &given[1..3]);
        assert!(Arc::ptr_eq(&slots.places, &same.places));
        let more = table.union(&slots, &[Dependency::new_rows(7)]);
        assert_eq!(more.len(), 5);
        assert!(slots.are_within(&more) && !more.are_within(&slots));
    }

    #[test]
    fn rows_never_share_with_anything_else() {
        let table = SlotTable::new();
        assert!(table.rows.get().is_none(), "made when the first one comes");
        let rows: HashSet<u32> = (0..10_000_u32)
            .map(|n| table.index(Dependency::row(16_384 + n % 3, &n.to_be_bytes())))
            .collect();
        assert!(rows.iter().all(|row| *row >= FIRST_ROW));
        assert!(rows.len() > 9_700, "spread evenly: {}", rows.len());
        for oid in 16_384..18_384 {
            for one in [
                Dependency::table(oid),
                Dependency::some_row(oid),
                Dependency::new_rows(oid),
            ] {
                assert!(table.index(one) < EXACT, "{one:?} has a slot of its own");
            }
        }
        for n in 0..1_000 {
            let index = table.index(Dependency::tag(&n.to_string()));
            assert!((EXACT..FIRST_ROW).contains(&index));
        }
    }

    /// The write of a row comes before anybody has asked for its slot.
    #[test]
    fn a_write_to_a_row_that_nobody_has_read_is_noted() {
        let table = SlotTable::new();
        let row = Dependency::row(7, b"1");
        table.slot(row).invalidate(1);
        let slots = table.slots(&[row], &[]);
        assert!(!table.are_current(&slots, 0) && table.are_current(&slots, 1));
    }
}
