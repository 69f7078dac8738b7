//! What became of statements, by their text: how often, how long, and how the server runs them.
//!
//! [`Statements`] keeps a bounded number of texts, each with counters and a histogram of its own.
//! Where one more comes than there is room for, the tenth of them that took least time together
//! goes, and what was counted of it is added to one that stands for all others. So whatever costs
//! most stays, and nothing that was counted is lost.

mod counted;
mod summary;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::QueryObservation;

use counted::{Counted, milliseconds};
pub use summary::{PlanSnapshot, StatementSummary};

/// What stands for those that are not told apart.
const OTHERS: &str = "other";

/// A fingerprint as summaries show it.
fn name_of(fingerprint: u64) -> String {
    format!("{fingerprint:016x}")
}

/// What is known of statements, by the fingerprints of their texts. Taking note of one takes some
/// dozens of nanoseconds; each text takes about 10 KB.
pub struct Statements {
    most: usize,
    started: Instant,
    known: RwLock<HashMap<u64, Counted, BuildHasherDefault<AsItIs>>>,
    /// Those for which there was no room.
    others: Counted,
}

/// What has become of a statement that was taken note of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// It took as long as its threshold or longer.
    pub slow: bool,
    /// It is the first of its text, as far as that is remembered.
    pub first: bool,
}

impl Statements {
    /// Room for this many texts; at least one.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            started: Instant::now(),
            known: RwLock::default(),
            others: Counted::of_others(),
        }
    }

    /// Takes note of a statement that ended in this second since the start. Gives whether it is
    /// the first of its text.
    pub(crate) fn record(&self, second: u64, query: &QueryObservation<'_>, slow: bool) -> bool {
        // While this lock is held nothing goes to the others: no count comes too late.
        if let Some(counted) = self.read().get(&query.fingerprint) {
            counted.add(second, query, slow);
            return false;
        }
        self.record_first(second, query, slow)
    }

    #[cold]
    fn record_first(&self, second: u64, query: &QueryObservation<'_>, slow: bool) -> bool {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.most && !known.contains_key(&query.fingerprint) {
            let least = least(&known, self.most.div_ceil(10));
            for fingerprint in least {
                if let Some(counted) = known.remove(&fingerprint) {
                    self.others.absorb(&counted);
                }
            }
        }
        let before = known.len();
        let counted = known
            .entry(query.fingerprint)
            .or_insert_with(|| Counted::new(query.text, query.operation));
        counted.add(second, query, slow);
        known.len() > before
    }

    /// Which tables statements of this text read or write, so that its summary shows them.
    pub fn describe(&self, fingerprint: u64, collections: Vec<String>) {
        if let Some(counted) = self.read().get(&fingerprint) {
            counted.describe(collections);
        }
    }

    /// Keeps a slow statement as an example of its text, in place of an older one. `show` is asked
    /// for it at most once a second.
    pub fn keep_example(&self, fingerprint: u64, show: impl FnOnce() -> String) {
        let second = self.started.elapsed().as_secs();
        if let Some(counted) = self.read().get(&fingerprint) {
            counted.keep_example(second, show);
        }
    }

    /// Whether it is time to take a plan for this text: none was asked for within `interval`. Who
    /// is told so is expected to take one.
    pub fn is_plan_due(&self, fingerprint: u64, interval: Duration) -> bool {
        let now = self.started.elapsed();
        let known = self.read();
        let counted = known.get(&fingerprint);
        counted.is_some_and(|counted| counted.is_plan_due(now, interval))
    }

    /// Keeps the plan of a text, in place of an older one.
    pub fn keep_plan(&self, fingerprint: u64, plan: PlanSnapshot) {
        if let Some(counted) = self.read().get(&fingerprint) {
            counted.keep_plan(Arc::new(plan));
        }
    }

    /// Counts that one session or request has run statements of this text again and again. Gives
    /// whether that was noticed for the first time.
    pub fn repeated(&self, fingerprint: u64) -> bool {
        let known = self.read();
        known.get(&fingerprint).is_some_and(Counted::repeated)
    }

    /// How many texts are told apart now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether no statement has ended yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// What is known, those that took most time together first. Those that are not told apart
    /// come last, as `other`, if there are any.
    #[must_use]
    pub fn summaries(&self) -> Vec<StatementSummary> {
        let moments = self.moments();
        let known = self.read();
        let mut summaries: Vec<StatementSummary> = known
            .iter()
            .map(|(fingerprint, counted)| counted.summary(name_of(*fingerprint), moments))
            .collect();
        drop(known);
        summaries.sort_by(|one, other| {
            let by_time = other.total_ms.total_cmp(&one.total_ms);
            by_time.then_with(|| one.fingerprint.cmp(&other.fingerprint))
        });
        let others = self.others.summary(OTHERS.to_owned(), moments);
        summaries.extend((others.calls > 0).then_some(others));
        summaries
    }

    /// What is known of this many texts: of those that took most time together, the longest first.
    /// Those that are not told apart are one of them, as `other`, where they took that long.
    ///
    /// The others are not looked at closer than that: it costs as much as the number that is
    /// asked for, and not as all that are known.
    #[must_use]
    pub fn slowest(&self, number: usize) -> Vec<StatementSummary> {
        let moments = self.moments();
        let known = self.read();
        let mut longest: Vec<(u64, Option<u64>)> = known
            .iter()
            .map(|(fingerprint, counted)| (counted.total(), Some(*fingerprint)))
            .collect();
        if self.others.has_calls() {
            longest.push((self.others.total(), None));
        }
        longest.sort_unstable_by_key(|(total, fingerprint)| (Reverse(*total), *fingerprint));
        longest.truncate(number);
        let summaries = longest.into_iter().filter_map(|(_, fingerprint)| {
            Some(match fingerprint {
                Some(known_as) => known.get(&known_as)?.summary(name_of(known_as), moments),
                None => self.others.summary(OTHERS.to_owned(), moments),
            })
        });
        summaries.collect()
    }

    /// What is known of the text of this fingerprint, as a summary names it; `None` if it is not
    /// known, or no more.
    #[must_use]
    pub fn summary_of(&self, fingerprint: &str) -> Option<StatementSummary> {
        let moments = self.moments();
        if fingerprint == OTHERS {
            let has_calls = self.others.has_calls();
            return has_calls.then(|| self.others.summary(OTHERS.to_owned(), moments));
        }
        let wanted = u64::from_str_radix(fingerprint, 16).ok()?;
        let known = self.read();
        // Written another way it is not what a summary says.
        let counted = known
            .get(&wanted)
            .filter(|_| name_of(wanted) == fingerprint)?;
        Some(counted.summary(fingerprint.to_owned(), moments))
    }

    /// The duration of all statements together in milliseconds, with those that are not told apart.
    #[must_use]
    pub fn total_ms(&self) -> f64 {
        // While this lock is held nothing goes to the others: nothing is counted twice.
        let known = self.read();
        let told_apart: u64 = known.values().map(Counted::total).sum();
        milliseconds(told_apart.saturating_add(self.others.total()))
    }

    fn moments(&self) -> Moments {
        Moments {
            now: Utc::now(),
            second: self.started.elapsed().as_secs(),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<u64, Counted, BuildHasherDefault<AsItIs>>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Statements {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Statements")
            .field("most", &self.most)
            .field("known", &self.len())
            .finish_non_exhaustive()
    }
}

/// The fingerprints of those that took least time together.
fn least(known: &HashMap<u64, Counted, BuildHasherDefault<AsItIs>>, number: usize) -> Vec<u64> {
    let mut times: Vec<(u64, u64)> = known
        .iter()
        .map(|(fingerprint, counted)| (counted.total(), *fingerprint))
        .collect();
    if number < times.len() {
        times.select_nth_unstable(number);
        times.truncate(number);
    }
    times
        .into_iter()
        .map(|(_, fingerprint)| fingerprint)
        .collect()
}

/// When it is, by the clock on the wall and in seconds since the start.
#[derive(Debug, Clone, Copy)]
struct Moments {
    now: DateTime<Utc>,
    second: u64,
}

impl Moments {
    /// What the clock on the wall would have shown in this second.
    fn at(self, second: u64) -> DateTime<Utc> {
        let ago = Duration::from_secs(self.second.saturating_sub(second));
        self.now - ago
    }
}

/// Fingerprints are hashes already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
