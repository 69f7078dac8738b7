//! Which entries' time is up, without looking at the others.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Moment;
use crate::entry::Entry;
use crate::key::Key;

/// All stored entries in the order in which their time is up: one record for each, which goes
/// when the entry goes.
#[derive(Default)]
pub(crate) struct Expiry(Mutex<BTreeSet<Record>>);

/// Where an entry stands: when its time is up, its key, its flight.
pub(crate) type Record = (Moment, Key, u64);

fn record(key: Key, entry: &Entry) -> Record {
    (entry.facts.times.dead_from(), key, entry.facts.flight)
}

impl Expiry {
    pub(crate) fn insert(&self, key: Key, entry: &Entry) {
        self.lock().insert(record(key, entry));
    }

    pub(crate) fn remove(&self, key: Key, entry: &Entry) {
        self.lock().remove(&record(key, entry));
    }

    /// Takes out up to `most` records whose time is up at `now`.
    pub(crate) fn take_due(&self, now: Moment, most: usize) -> Vec<Record> {
        let mut records = self.lock();
        let mut due = Vec::new();
        while due.len() < most && records.first().is_some_and(|(at, ..)| *at <= now) {
            due.extend(records.pop_first());
        }
        due
    }

    /// Takes out up to `most` records, whatever their time.
    pub(crate) fn take_any(&self, most: usize) -> Vec<Record> {
        let mut records = self.lock();
        (0..most).map_while(|_| records.pop_first()).collect()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
