//! When functions began whose values have not been given yet.
//!
//! # Why the earliest counts
//!
//! Several calls with the same arguments may run at the same time, and a value that is given does
//! not say whose it is. So it is kept as of the earliest call that has not ended: whichever call
//! it came from, that one did not begin before. For the same reason the *latest* is forgotten when
//! a value has been given: of those that remain, the earliest is still not later than any call
//! that runs.
//!
//! A call that fails or is dropped gives no value, and nobody tells. What it has left is forgotten
//! after the longest time that a call may take. Until then later values are kept as of that call,
//! so they may not outlive an invalidation that they have seen; never the other way round.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use larder_cache::{Begun, Cache, Key, Snapshot, Version};
use tokio::sync::OnceCell;
use tokio::task;

/// What the database could at least see when a function began; `None` if that could not be told.
pub(super) type SnapshotCell = Arc<OnceCell<Option<Snapshot>>>;

/// The calls of one function that have not ended.
pub(super) struct Pending {
    calls: Mutex<Calls>,
}

struct Calls {
    /// By a part of the key: calls that share it count as calls with the same arguments.
    by_key: HashMap<u16, SameKey>,
    swept: Instant,
}

/// The calls with the same arguments, as far as it is told.
#[derive(Default)]
struct SameKey {
    /// The earliest first.
    beginnings: VecDeque<Beginning>,
    /// The tasks whose value is awaited, and since when.
    tasks: Vec<(Option<task::Id>, Instant)>,
    /// A function has begun of which no snapshot was taken before: none of the values may leave
    /// this process.
    stays_here: bool,
}

/// Some calls that began while nothing was invalidated.
struct Beginning {
    begun: Begun,
    version: Version,
    /// When the last of them was noted.
    noted: Instant,
    calls: u32,
    snapshot: SnapshotCell,
}

/// As of when a value is kept.
#[derive(Debug, Clone)]
pub(super) struct AsOf {
    pub(super) begun: Begun,
    pub(super) snapshot: Option<Snapshot>,
    /// How long ago it was noted.
    pub(super) age: Duration,
}

/// A call that may begin; not noted any more once this is dropped without
/// [`begins`](Self::begins).
pub(super) struct Noted<'p> {
    pending: &'p Pending,
    key: Key,
    pub(super) begun: Begun,
    /// What the database could at least see before any of these calls began.
    pub(super) snapshot: SnapshotCell,
    /// That of calls before. It has to be there first.
    pub(super) earlier: Option<SnapshotCell>,
    begins: bool,
}

/// Calls with the same arguments are told apart by what was invalidated meanwhile, but no more
/// than so many times.
const MOST_BEGINNINGS: usize = 8;

/// More tasks than this do not wait for the same value.
const MOST_TASKS: usize = 1_024;

impl Pending {
    pub(super) fn new() -> Self {
        let calls = Calls {
            by_key: HashMap::new(),
            swept: Instant::now(),
        };
        Self {
            calls: Mutex::new(calls),
        }
    }

    /// Notes that a function may begin in this task, once the caller of this is told that there is
    /// no value.
    pub(super) fn note(&self, cache: &Cache, key: Key, longest: Duration) -> Noted<'_> {
        let mut calls = self.lock();
        let now = Instant::now();
        calls.sweep(now, longest);
        let same = calls.by_key.entry(bucket(key)).or_default();
        same.expire(now, longest);
        let before = cache.versions().now();
        let begun = cache.begin(1);
        if same.tasks.len() < MOST_TASKS {
            same.tasks.push((task::try_id(), now));
        }
        let full = same.beginnings.len() >= MOST_BEGINNINGS;
        let last = same.beginnings.back_mut();
        if let Some(last) = last.filter(|last| full || last.version == before) {
            // Taken for earlier than it is, at most.
            last.calls = last.calls.saturating_add(1);
            last.noted = now;
        } else {
            same.beginnings.push_back(Beginning {
                begun,
                version: cache.versions().now(),
                noted: now,
                calls: 1,
                snapshot: SnapshotCell::default(),
            });
        }
        let mut cells = same.beginnings.iter().rev().map(|one| &one.snapshot);
        let snapshot = cells.next().map(Arc::clone).unwrap_or_default();
        let earlier = cells.next().map(Arc::clone);
        Noted {
            pending: self,
            key,
            begun,
            snapshot,
            earlier,
            begins: false,
        }
    }

    /// As of when a value is kept that this task gives; `None` if it has noted no beginning.
    pub(super) fn take(&self, key: Key, longest: Duration) -> Option<AsOf> {
        let mut calls = self.lock();
        let now = Instant::now();
        let same = calls.by_key.get_mut(&bucket(key))?;
        same.expire(now, longest);
        let is_ours = same.forget_task();
        let as_of = is_ours.then(|| same.earliest(now)).flatten();
        if as_of.is_some() {
            same.forget_latest();
        }
        calls.tidy(key);
        as_of
    }

    /// A function begins that no snapshot was taken before: whatever values are awaited under this
    /// key, one of them may be its own.
    pub(super) fn stay_here(&self, key: Key) {
        if let Some(same) = self.lock().by_key.get_mut(&bucket(key)) {
            same.stays_here = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted<'_> {
    /// The function begins now.
    pub(super) fn begins(mut self) {
        self.begins = true;
    }
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        if !self.begins {
            let mut calls = self.pending.lock();
            if let Some(same) = calls.by_key.get_mut(&bucket(self.key))
                && same.forget_task()
            {
                same.forget_latest();
            }
            calls.tidy(self.key);
        }
    }
}

impl Calls {
    /// Forgets all that nobody comes back for, once in a while.
    fn sweep(&mut self, now: Instant, longest: Duration) {
        if now.duration_since(self.swept) < longest {
            return;
        }
        self.swept = now;
        self.by_key.retain(|_, same| {
            same.expire(now, longest);
            !same.beginnings.is_empty()
        });
    }

    fn tidy(&mut self, key: Key) {
        let key = bucket(key);
        if let Some(same) = self.by_key.get(&key)
            && same.beginnings.is_empty()
        {
            self.by_key.remove(&key);
        }
    }
}

impl SameKey {
    fn expire(&mut self, now: Instant, longest: Duration) {
        let is_young = |noted: Instant| now.duration_since(noted) <= longest;
        self.beginnings.retain(|one| is_young(one.noted));
        self.tasks.retain(|(_, noted)| is_young(*noted));
        if self.beginnings.is_empty() {
            *self = Self::default();
        }
    }

    fn earliest(&self, now: Instant) -> Option<AsOf> {
        let first = self.beginnings.front()?;
        let snapshot = first.snapshot.get().cloned().flatten();
        Some(AsOf {
            begun: first.begun,
            snapshot: snapshot.filter(|_| !self.stays_here),
            age: now.duration_since(first.noted),
        })
    }

    /// Whether this task has noted a beginning. One of them is forgotten.
    fn forget_task(&mut self) -> bool {
        let ours = task::try_id();
        let at = self.tasks.iter().position(|(task, _)| *task == ours);
        at.map(|at| self.tasks.swap_remove(at)).is_some()
    }

    fn forget_latest(&mut self) {
        if let Some(last) = self.beginnings.back_mut() {
            last.calls -= 1;
            if last.calls == 0 {
                self.beginnings.pop_back();
            }
        }
    }
}

/// 14 bits, so that what is remembered is bounded whatever is called.
fn bucket(key: Key) -> u16 {
    (key.as_u128() & 0x3fff) as u16
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use larder_cache::{CacheOptions, Cause, Dependency, KeyBuilder};

    use super::*;

    const LONG: Duration = Duration::from_secs(600);
    const TABLE: Dependency = Dependency::table(7);

    struct Calling {
        cache: Cache,
        pending: Pending,
        key: Key,
    }

    fn calling() -> Calling {
        Calling {
            cache: Cache::new(CacheOptions {
                max_entries: 10,
                max_bytes: 1 << 20,
                ..CacheOptions::default()
            }),
            pending: Pending::new(),
            key: KeyBuilder::new().text("a").finish(),
        }
    }

    impl Calling {
        fn begin(&self) {
            self.pending.note(&self.cache, self.key, LONG).begins();
        }

        fn write(&self) {
            self.cache.invalidate(&[TABLE], Cause::Write);
        }

        /// Whether what a function gives now began after the last write; `None` if it is not kept.
        fn gives(&self) -> Option<bool> {
            let as_of = self.pending.take(self.key, LONG)?;
            let slots = self.cache.versions().slots(&[TABLE]);
            let loaded = larder_cache::Loaded::new(1_u8, Vec::new(), 1);
            let request = larder_cache::Request {
                key: self.key,
                freshness: larder_cache::Freshness::for_ttl(LONG),
                dependencies: slots,
                mode: larder_cache::Mode::Normal,
                name: "a".into(),
            };
            self.cache.put(request, as_of.begun, &loaded);
            Some(self.cache.get_fresh::<u8>(self.key).is_some())
        }

        fn is_empty(&self) -> bool {
            self.pending.lock().by_key.is_empty()
        }
    }

    #[test]
    fn a_value_is_kept_as_of_the_earliest_call_that_has_not_ended() {
        let calling = calling();
        assert_eq!(calling.gives(), None, "nobody has begun");
        calling.begin();
        calling.write();
        calling.begin();
        // The value may be that of the first, whichever gives it.
        assert_eq!(calling.gives(), Some(false));
        assert_eq!(calling.gives(), Some(false));
        assert_eq!(calling.gives(), None);
        assert!(calling.is_empty());
        calling.begin();
        assert_eq!(calling.gives(), Some(true));
    }

    #[test]
    fn the_first_may_end_last() {
        let calling = calling();
        calling.begin();
        for _ in 0..3 {
            calling.write();
            calling.begin();
            assert_eq!(calling.gives(), Some(false), "the first still runs");
        }
        assert_eq!(calling.gives(), Some(false));
        assert!(calling.is_empty());
    }

    #[test]
    fn more_calls_than_are_told_apart_count_as_earlier() {
        let calling = calling();
        for _ in 0..3 * MOST_BEGINNINGS {
            calling.write();
            calling.begin();
        }
        assert_eq!(
            calling.pending.lock().by_key[&bucket(calling.key)]
                .beginnings
                .len(),
            MOST_BEGINNINGS
        );
        for _ in 0..3 * MOST_BEGINNINGS {
            assert_eq!(calling.gives(), Some(false));
        }
        assert!(calling.is_empty());
    }

    #[test]
    fn what_was_never_given_is_forgotten() {
        let calling = calling();
        calling.begin();
        calling.write();
        assert!(calling.pending.take(calling.key, Duration::ZERO).is_none());
        assert!(calling.is_empty());
        drop(calling.pending.note(&calling.cache, calling.key, LONG));
        assert!(calling.is_empty(), "it did not begin");
        calling.begin();
        assert_eq!(calling.gives(), Some(true));
    }

    #[tokio::test]
    async fn only_the_task_that_has_asked_gives() {
        let calling = Arc::new(calling());
        calling.begin();
        let other = Arc::clone(&calling);
        let given = tokio::spawn(async move { other.gives() }).await.unwrap();
        assert_eq!(given, None, "it may have begun at any time");
        assert_eq!(calling.gives(), Some(true));
    }

    #[test]
    fn a_value_leaves_the_process_only_if_all_that_run_have_a_snapshot() {
        let calling = calling();
        let note = || calling.pending.note(&calling.cache, calling.key, LONG);
        let taken = |noted: &Noted<'_>, text: &str| {
            noted.snapshot.set(Some(text.parse().unwrap())).unwrap();
        };
        let next = |noted: &Noted<'_>| noted.snapshot.get().cloned().flatten().unwrap().next();
        let take = || calling.pending.take(calling.key, LONG).unwrap().snapshot;
        let first = note();
        taken(&first, "10:10:");
        first.begins();
        let same = note();
        assert_eq!(next(&same).0, 10, "nothing was written: the same");
        same.begins();
        calling.write();
        let second = note();
        assert!(second.earlier.is_some());
        taken(&second, "20:20:");
        second.begins();
        for _ in 0..3 {
            assert_eq!(take().unwrap().next().0, 10, "the earliest");
        }
        let third = note();
        taken(&third, "30:30:");
        third.begins();
        note().begins();
        calling.pending.stay_here(calling.key);
        assert!(take().is_none());
        assert!(take().is_none());
        assert!(calling.is_empty());
    }
}
