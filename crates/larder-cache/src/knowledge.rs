//! What this process knows of invalidations, by the transactions that made them: by it an entry
//! of the second tier is believed or not.

use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};

use smallvec::SmallVec;

use crate::dependency::Dependency;
use crate::patterns::matches;
use crate::snapshot::{Snapshot, TransactionId};

/// The invalidations that this process has learned of.
///
/// A result of another process carries the [`Snapshot`] that was taken before its load. It is
/// right as far as this process can know if that snapshot saw every transaction which is known
/// here to have invalidated one of its dependencies. Where the result was in the meantime, and
/// what was lost there, does not matter.
///
/// What is known of a dependency is bounded: its newest transactions one by one, and of all older
/// ones the newest, below which a snapshot must not have had anything running. Rows are not told
/// apart one by one but by groups, of which there are 65,536: rows of a group are only believed
/// together.
#[derive(Default)]
pub struct Knowledge(RwLock<Known>);

#[derive(Default)]
struct Known {
    /// Rows stand for their groups, see `Dependency::grouped`.
    by_dependency: HashMap<Dependency, Recent>,
    everything: Recent,
    patterns: HashMap<Box<str>, Recent>,
    /// What the log tells has been learned.
    has_begun: bool,
    /// What a snapshot must have seen without exception: all below this.
    horizon: TransactionId,
}

/// The newest transactions that invalidated something.
#[derive(Debug, Clone, Default)]
struct Recent {
    /// In no order.
    newest: SmallVec<[TransactionId; 4]>,
    /// The newest of those that are no longer listed.
    older: Option<TransactionId>,
}

/// Why an entry of the second tier was not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Disbelief {
    /// The log no longer tells what happened since its load.
    Horizon,
    /// Something that it depends on was written after its load.
    Invalidated,
}

impl Recent {
    const MOST: usize = 8;

    fn learn(&mut self, transaction: TransactionId) {
        if self.newest.contains(&transaction) || self.older >= Some(transaction) {
            return;
        }
        self.newest.push(transaction);
        if self.newest.len() > Self::MOST {
            let oldest = self.newest.iter().enumerate().min_by_key(|(_, id)| **id);
            if let Some((at, _)) = oldest {
                let oldest = self.newest.swap_remove(at);
                self.older = self.older.max(Some(oldest));
            }
        }
    }

    fn is_seen_by(&self, snapshot: &Snapshot) -> bool {
        let older = self.older.is_none_or(|id| id < snapshot.oldest_running());
        older && self.newest.iter().all(|id| snapshot.sees(*id))
    }

    fn last(&self) -> TransactionId {
        let newest = self.newest.iter().max().copied();
        newest.max(self.older).unwrap_or_default()
    }
}

impl Knowledge {
    /// More dependencies than this are not told apart: those that were quiet longest are
    /// forgotten, and results from before their last invalidation are no longer believed.
    ///
    /// All groups of rows find room, and as many others: however many rows are written, nothing
    /// is forgotten for them.
    const MOST: usize = Dependency::ROW_GROUPS + (1 << 16);
    /// More different patterns than this count as everything.
    const MOST_PATTERNS: usize = 256;

    /// This transaction has invalidated these.
    ///
    /// To be called *before* [`Versions`](crate::Versions) are told: a read that takes its version
    /// after that then also finds it here.
    pub fn learn(
        &self,
        transaction: TransactionId,
        dependencies: impl IntoIterator<Item = Dependency>,
    ) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for dependency in dependencies {
            let grouped = dependency.grouped();
            let recent = known.by_dependency.entry(grouped).or_default();
            recent.learn(transaction);
        }
        if known.by_dependency.len() > Self::MOST {
            known.forget_half();
        }
    }

    /// This transaction has invalidated everything.
    pub fn learn_everything(&self, transaction: TransactionId) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.everything.learn(transaction);
    }

    /// This transaction has invalidated the entries whose names match a pattern.
    pub fn learn_pattern(&self, transaction: TransactionId, pattern: &str) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.patterns.len() < Self::MOST_PATTERNS || known.patterns.contains_key(pattern) {
            let recent = known.patterns.entry(pattern.into()).or_default();
            recent.learn(transaction);
        } else {
            known.everything.learn(transaction);
        }
    }

    /// The log tells nothing of transactions below this one any more.
    pub fn raise_horizon(&self, horizon: TransactionId) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.horizon = known.horizon.max(horizon);
    }

    /// Forgets everything. Until [`begin`](Self::begin) nothing is believed: nobody knows yet what
    /// happened.
    pub fn forget(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Known::default();
    }

    /// What the log still tells has been learned, and what is below this it tells no more.
    pub fn begin(&self, horizon: TransactionId) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.horizon = known.horizon.max(horizon);
        known.has_begun = true;
    }

    /// Whether a result of this name that depends on these, loaded after the snapshot was taken, contains all
    /// that is known.
    ///
    /// # Errors
    ///
    /// Why it is not to be believed.
    pub fn check(
        &self,
        snapshot: &Snapshot,
        dependencies: impl IntoIterator<Item = Dependency>,
        name: &str,
    ) -> Result<(), Disbelief> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if !known.has_begun || snapshot.oldest_running() < known.horizon {
            return Err(Disbelief::Horizon);
        }
        let mut patterns = known.patterns.iter();
        let spared = patterns
            .all(|(pattern, recent)| recent.is_seen_by(snapshot) || !matches(pattern, name));
        let seen = spared
            && known.everything.is_seen_by(snapshot)
            && dependencies.into_iter().all(|dependency| {
                let recent = known.by_dependency.get(&dependency.grouped());
                recent.is_none_or(|recent| recent.is_seen_by(snapshot))
            });
        seen.then_some(()).ok_or(Disbelief::Invalidated)
    }
}

impl Known {
    fn forget_half(&mut self) {
        let mut last: Vec<TransactionId> = self.by_dependency.values().map(Recent::last).collect();
        let middle = last.len() / 2;
        let (_, floor, _) = last.select_nth_unstable(middle);
        let floor = *floor;
        self.by_dependency.retain(|_, recent| recent.last() > floor);
        self.horizon = self.horizon.max(TransactionId(floor.0.saturating_add(1)));
    }
}

impl fmt::Debug for Knowledge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        formatter
            .debug_struct("Knowledge")
            .field("dependencies", &known.by_dependency.len())
            .field("horizon", &known.horizon)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Dependency = Dependency::table(1);
    const B: Dependency = Dependency::table(2);

    fn snapshot(text: &str) -> Snapshot {
        text.parse().unwrap()
    }

    fn begun() -> Knowledge {
        let knowledge = Knowledge::default();
        knowledge.begin(TransactionId(0));
        knowledge
    }

    #[test]
    fn a_result_is_believed_if_its_snapshot_saw_all_that_is_known() {
        let knowledge = begun();
        knowledge.learn(TransactionId(12), [A]);
        assert_eq!(knowledge.check(&snapshot("13:13:"), [A], "name"), Ok(()));
        assert_eq!(knowledge.check(&snapshot("12:12:"), [B], "name"), Ok(()));
        for late in ["12:12:", "12:14:12", "5:9:"] {
            let answer = knowledge.check(&snapshot(late), [B, A], "name");
            assert_eq!(answer, Err(Disbelief::Invalidated), "{late}");
        }
        // The one that ran longest does not hide those that had ended.
        assert_eq!(knowledge.check(&snapshot("3:14:3"), [A], "name"), Ok(()));
    }

    #[test]
    fn everything_and_the_horizon_concern_all() {
        let knowledge = begun();
        knowledge.learn_everything(TransactionId(20));
        let before = snapshot("20:20:");
        assert_eq!(
            knowledge.check(&before, [A], "name"),
            Err(Disbelief::Invalidated)
        );
        let after = snapshot("21:21:");
        assert_eq!(knowledge.check(&after, [], "name"), Ok(()));
        knowledge.raise_horizon(TransactionId(22));
        knowledge.raise_horizon(TransactionId(4));
        assert_eq!(knowledge.check(&after, [], "name"), Err(Disbelief::Horizon));
        knowledge.forget();
        assert_eq!(knowledge.check(&after, [], "name"), Err(Disbelief::Horizon));
        knowledge.begin(TransactionId(0));
        assert_eq!(knowledge.check(&before, [A], "name"), Ok(()));
    }

    #[test]
    fn patterns_concern_the_names_that_match() {
        let knowledge = begun();
        knowledge.learn_pattern(TransactionId(5), "menus:*");
        let before = snapshot("5:5:");
        let answer = knowledge.check(&before, [A], "menus:1");
        assert_eq!(answer, Err(Disbelief::Invalidated));
        assert_eq!(knowledge.check(&before, [A], "orders:1"), Ok(()));
        assert_eq!(knowledge.check(&snapshot("6:6:"), [A], "menus:1"), Ok(()));
        for n in 0..=Knowledge::MOST_PATTERNS {
            knowledge.learn_pattern(TransactionId(7), &format!("other:{n}"));
        }
        let answer = knowledge.check(&snapshot("6:6:"), [A], "menus:1");
        assert_eq!(
            answer,
            Err(Disbelief::Invalidated),
            "one too many is everything"
        );
    }

    #[test]
    fn what_is_no_longer_listed_counts_by_the_newest_of_it() {
        let knowledge = begun();
        for id in (1..=20).rev() {
            knowledge.learn(TransactionId(id), [A]);
        }
        // 13 to 20 are listed; 12 stands for the rest.
        assert_eq!(knowledge.check(&snapshot("13:21:"), [A], "name"), Ok(()));
        let running = snapshot("12:21:12");
        assert_eq!(
            knowledge.check(&running, [A], "name"),
            Err(Disbelief::Invalidated)
        );
        let listed = snapshot("13:21:19");
        assert_eq!(
            knowledge.check(&listed, [A], "name"),
            Err(Disbelief::Invalidated)
        );
    }

    #[test]
    fn a_row_is_believed_whatever_was_written_to_others() {
        let knowledge = begun();
        let row = |n: u64| Dependency::row(16_384, &n.to_be_bytes());
        knowledge.learn(TransactionId(12), [Dependency::some_row(16_384), row(1)]);
        let before = snapshot("12:12:");
        let reads = [
            (vec![A, row(1)], Err(Disbelief::Invalidated)),
            (vec![A, row(2)], Ok(())),
            (
                vec![A, Dependency::some_row(16_384)],
                Err(Disbelief::Invalidated),
            ),
            (vec![A, Dependency::some_row(16_385)], Ok(())),
        ];
        for (read, answer) in reads {
            assert_eq!(
                knowledge.check(&before, read.clone(), "name"),
                answer,
                "{read:?}"
            );
        }
        assert_eq!(
            knowledge.check(&snapshot("13:13:"), [A, row(1)], "name"),
            Ok(())
        );
    }

    #[test]
    fn however_many_rows_are_written_nothing_is_forgotten() {
        let knowledge = begun();
        let row = |n: u64| Dependency::row(16_384, &n.to_be_bytes());
        knowledge.learn(TransactionId(5), [A]);
        for n in 0..4 * Knowledge::MOST as u64 {
            knowledge.learn(TransactionId(10 + n), [row(n)]);
        }
        let before = snapshot("9:9:");
        assert_eq!(
            knowledge.check(&before, [A], "name"),
            Ok(()),
            "no horizon rose"
        );
        for n in [0, 1, 100_000] {
            let answer = knowledge.check(&before, [row(n)], "name");
            assert_eq!(answer, Err(Disbelief::Invalidated));
        }
    }

    #[test]
    fn dependencies_beyond_the_bound_are_forgotten_on_the_safe_side() {
        let knowledge = begun();
        for n in 0..=Knowledge::MOST as u64 {
            let tag = Dependency::tag(&n.to_string());
            knowledge.learn(TransactionId(n + 1), [tag]);
        }
        let first = Dependency::tag("0");
        let long_ago = snapshot("1:1:");
        assert_eq!(
            knowledge.check(&long_ago, [first], "name"),
            Err(Disbelief::Horizon)
        );
        let lately = snapshot("1000000:1000000:");
        assert_eq!(knowledge.check(&lately, [first], "name"), Ok(()));
    }
}
