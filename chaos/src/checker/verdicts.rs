//! What was found wrong.

use std::collections::BTreeMap;

use serde::Serialize;

/// A broken promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Lost,
    Doubled,
    OwnWriteMissed,
    StaleBeyondBound,
    Dirty,
    Contradicted,
}

/// How many examples of each are kept.
const EXAMPLES: usize = 10;

/// All that was found.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    counts: BTreeMap<Verdict, u64>,
    examples: BTreeMap<Verdict, Vec<String>>,
    /// The oldest result, in nanoseconds.
    pub(crate) max_staleness: u64,
}

impl Verdicts {
    pub(super) fn add(&mut self, verdict: Verdict, example: impl FnOnce() -> String) {
        *self.counts.entry(verdict).or_default() += 1;
        let examples = self.examples.entry(verdict).or_default();
        if examples.len() < EXAMPLES {
            examples.push(example());
        }
    }

    pub(crate) fn count(&self, verdict: Verdict) -> u64 {
        self.counts.get(&verdict).copied().unwrap_or(0)
    }

    pub(crate) fn any(&self) -> bool {
        !self.counts.is_empty()
    }

    /// The first ones, for people.
    pub(crate) fn examples(&self) -> impl Iterator<Item = &str> {
        self.examples.values().flatten().map(String::as_str)
    }
}
