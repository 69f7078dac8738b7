//! Which keys are read most, by a sample.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use larder_cache::Key;

/// Counts how often keys are read, as far as it takes to know the hottest.
///
/// One hit in [`SAMPLED`](Self::SAMPLED) is noted and counts for as many; each miss is noted. Bounded:
/// of more keys than it has places for, those that were read least are forgotten.
pub(crate) struct HotKeys {
    /// How many are wanted. None at all where nobody would find them again.
    most: usize,
    counts: Mutex<HashMap<u128, u32>>,
    /// Whether anything was noted since the list was last made.
    is_new: AtomicBool,
}

/// What lists of another form do not begin with.
const FORM: &[u8] = b"hot1";

/// A key and its count.
const ENTRY: usize = 16 + 4;

impl HotKeys {
    /// One hit in so many is noted.
    const SAMPLED: u8 = 64;

    /// So many keys are counted for each that is wanted, so that one that is becoming hot is not
    /// forgotten before it is.
    const PLACES: usize = 4;

    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            counts: Mutex::default(),
            is_new: AtomicBool::new(false),
        }
    }

    /// Whether keys are counted at all.
    pub(super) fn is_on(&self) -> bool {
        self.most > 0
    }

    /// Whether this hit is noted. Asked at every hit.
    #[inline]
    pub(crate) fn draws(&self) -> bool {
        self.most > 0 && fastrand::u8(..).is_multiple_of(Self::SAMPLED)
    }

    /// Notes a hit that was drawn.
    pub(crate) fn hit(&self, key: Key) {
        self.add(key, u32::from(Self::SAMPLED));
    }

    /// Notes a read that was no hit.
    pub(crate) fn missed(&self, key: Key) {
        if self.most > 0 {
            self.add(key, 1);
        }
    }

    fn add(&self, key: Key, times: u32) {
        // Who reads does not wait for whoever else does: it is a sample anyway.
        let Ok(mut counts) = self.counts.try_lock() else {
            return;
        };
        let count = counts.entry(key.as_u128()).or_default();
        *count = count.saturating_add(times);
        if counts.len() > self.most.saturating_mul(Self::PLACES) {
            *counts = hottest(&counts, self.most.saturating_mul(Self::PLACES / 2))
                .into_iter()
                .collect();
        }
        drop(counts);
        self.is_new.store(true, Ordering::Relaxed);
    }

    /// Whether anything was read since the list was last made.
    pub(crate) fn has_news(&self) -> bool {
        self.is_new.load(Ordering::Relaxed)
    }

    /// The list of the hottest keys, together with what other processes have listed: a key counts
    /// as often as it was read by the process that reads it most. All counts become smaller with
    /// each list, so that what is no longer read makes room.
    pub(crate) fn list(&self, others: &[(u128, u32)]) -> Vec<u8> {
        self.is_new.store(false, Ordering::Relaxed);
        let mut counts = self.lock();
        let mut all = counts.clone();
        for count in counts.values_mut() {
            *count -= *count / 8;
        }
        drop(counts);
        for (key, count) in others {
            let known = all.entry(*key).or_default();
            *known = (*known).max(count - count / 8);
        }
        let mut list = FORM.to_vec();
        for (key, count) in hottest(&all, self.most) {
            list.extend(key.to_le_bytes());
            list.extend(count.to_le_bytes());
        }
        list
    }

    /// The keys of a list, the hottest first. What is no list has none.
    pub(crate) fn read(&self, list: &[u8]) -> Vec<(u128, u32)> {
        let Some(entries) = list.strip_prefix(FORM) else {
            return Vec::new();
        };
        let entries = entries.chunks_exact(ENTRY).take(self.most);
        let entry = |bytes: &[u8]| {
            let (key, count) = bytes.split_first_chunk::<16>()?;
            let count = count.first_chunk::<4>()?;
            Some((u128::from_le_bytes(*key), u32::from_le_bytes(*count)))
        };
        entries.filter_map(entry).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u128, u32>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys with the highest counts, those first.
fn hottest(counts: &HashMap<u128, u32>, most: usize) -> Vec<(u128, u32)> {
    let mut hottest: Vec<(u128, u32)> = counts.iter().map(|(key, count)| (*key, *count)).collect();
    hottest.sort_unstable_by_key(|(key, count)| (std::cmp::Reverse(*count), *key));
    hottest.truncate(most);
    hottest
}

#[cfg(test)]
mod tests {
    use larder_cache::KeyBuilder;

    use super::*;

    fn key(number: u32) -> Key {
        KeyBuilder::new().u32(number).finish()
    }

    #[test]
    fn the_hottest_keys_survive_a_flood_of_others() {
        let hot = HotKeys::new(3);
        for number in 0..1_000 {
            for often in [1, 2, 3] {
                for _ in 0..often {
                    hot.missed(key(often));
                }
            }
            hot.missed(key(100 + number));
        }
        let list = hot.read(&hot.list(&[]));
        let keys: Vec<u128> = list.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, [3, 2, 1].map(|number| key(number).as_u128()));
        assert_eq!(list.first().map(|(_, count)| *count), Some(3_000));
        assert!(hot.lock().len() <= 12);
    }

    #[test]
    fn what_nobody_reads_any_more_makes_room() {
        let hot = HotKeys::new(1);
        hot.hit(key(1));
        let mut list = hot.list(&[]);
        assert!(!hot.has_news());
        // Others have read something else a little less often than this was.
        for _ in 0..40 {
            hot.missed(key(2));
        }
        for _ in 0..6 {
            list = hot.list(&hot.read(&list));
            hot.missed(key(2));
            hot.hit(key(2));
        }
        assert_eq!(
            hot.read(&list).first().map(|(key, _)| *key),
            Some(key(2).as_u128())
        );
    }

    #[test]
    fn what_is_no_list_has_no_keys() {
        let hot = HotKeys::new(2);
        let mut list = FORM.to_vec();
        list.extend([7; 3 * ENTRY + 5]);
        assert_eq!(hot.read(&list).len(), 2);
        list[0] = b'H';
        for other in [&list[..], b"", b"ho", b"hot1", &[0; 9]] {
            assert!(hot.read(other).is_empty());
        }
    }

    #[test]
    fn without_places_nothing_is_drawn_nor_kept() {
        let hot = HotKeys::new(0);
        assert!((0..1_000).all(|_| !hot.draws()));
        hot.missed(key(1));
        assert!(hot.lock().is_empty() && !hot.has_news());
        let hot = HotKeys::new(1);
        let drawn = (0..64_000).filter(|_| hot.draws()).count();
        assert!((500..2_000).contains(&drawn), "{drawn} of 64,000");
    }
}
