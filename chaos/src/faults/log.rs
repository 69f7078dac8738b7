//! Which faults happened, and when.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Kind;
use crate::clock::Instant;

/// The faults of a run.
#[derive(Debug, Default)]
pub(crate) struct Log {
    happened: Vec<(Kind, Instant, Instant)>,
    /// Times that are no measure for other reasons, such as the start.
    unsettled: Vec<(Instant, Instant)>,
}

impl Log {
    pub(crate) fn happened(&mut self, kind: Kind, from: Instant, to: Instant) {
        self.happened.push((kind, from, to));
    }

    pub(crate) fn unsettled(&mut self, from: Instant, to: Instant) {
        self.unsettled.push((from, to));
    }

    /// How often each of these kinds happened.
    pub(crate) fn counts(&self, kinds: &[Kind]) -> BTreeMap<Kind, u64> {
        let mut counts: BTreeMap<Kind, u64> = kinds.iter().map(|kind| (*kind, 0)).collect();
        for (kind, ..) in &self.happened {
            *counts.entry(*kind).or_default() += 1;
        }
        counts
    }

    /// The times of faults, each with what it takes to recover.
    pub(crate) fn windows(&self, recovery: u64) -> Vec<(Instant, Instant)> {
        let faults = self
            .happened
            .iter()
            .map(|(_, from, to)| (*from, to + recovery));
        faults.chain(self.unsettled.iter().copied()).collect()
    }

    /// For people who read histories: one line each, with times in nanoseconds.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (kind, from, to) in &self.happened {
            let _ = writeln!(text, "{from} {to} {}", kind.as_str());
        }
        text
    }
}
