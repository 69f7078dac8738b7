//! What was committed, and since when it was visible.

use std::collections::HashMap;

use crate::clock::Instant;
use crate::history::{Incarnation, ReadOutcome, Value, WriteOutcome};
use crate::register::{Register, Token};

/// What the database has in the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truth {
    pub(crate) ledger: Vec<Committed>,
    pub(crate) registers: Vec<Value>,
}

/// A line of the ledger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Committed {
    pub(crate) token: Token,
    pub(crate) register: Register,
    pub(crate) version: i64,
    /// When its transaction was committed, by the server.
    pub(crate) at: Instant,
}

/// The server stamps a commit a moment before others see it. Where nobody is known to have seen
/// it earlier, that moment is taken to be over after this: 100 ms.
const UNTIL_VISIBLE: u64 = 100_000_000;

/// The versions of all registers.
pub(super) struct Timeline {
    versions: HashMap<Register, Vec<Version>>,
}

/// A version of a register.
#[derive(Debug, Clone, Copy)]
pub(super) struct Version {
    pub(super) number: i64,
    pub(super) token: Token,
    pub(super) committed: Instant,
    /// From when on every new snapshot has it, or a later one, for certain.
    visible: Instant,
}

impl Timeline {
    pub(super) fn of(truth: &Truth, histories: &[Incarnation]) -> Self {
        let mut versions: HashMap<Register, Vec<Version>> = HashMap::new();
        for line in &truth.ledger {
            versions.entry(line.register).or_default().push(Version {
                number: line.version,
                token: line.token,
                committed: line.at,
                visible: line.at.saturating_add(UNTIL_VISIBLE),
            });
        }
        for versions in versions.values_mut() {
            versions.sort_by_key(|version| version.number);
        }
        let mut timeline = Self { versions };
        timeline.add_what_was_seen(histories);
        // Who sees a version sees that all before it are over.
        for versions in timeline.versions.values_mut() {
            let mut earliest = Instant::MAX;
            for version in versions.iter_mut().rev() {
                earliest = earliest.min(version.visible);
                version.visible = earliest;
            }
        }
        timeline
    }

    /// An acknowledgement, or a read that returned it, shows that a version is visible.
    fn add_what_was_seen(&mut self, histories: &[Incarnation]) {
        for history in histories {
            for write in &history.writes {
                if let WriteOutcome::Acknowledged {
                    completed,
                    versions,
                } = &write.outcome
                {
                    for (register, number) in versions {
                        self.seen(*register, *number, write.token, *completed);
                    }
                }
            }
            for read in &history.reads {
                if let ReadOutcome::Seen {
                    completed, values, ..
                } = &read.outcome
                {
                    for value in values {
                        self.seen(value.register, value.version, value.token, *completed);
                    }
                }
            }
        }
    }

    fn seen(&mut self, register: Register, number: i64, token: Token, at: Instant) {
        let version = self.versions.get_mut(&register).and_then(|versions| {
            let index = versions.partition_point(|version| version.number < number);
            versions.get_mut(index)
        });
        // What was seen before its commit is another matter.
        if let Some(version) = version
            && version.number == number
            && version.token == token
            && at >= version.committed
        {
            version.visible = version.visible.min(at);
        }
    }

    /// This version, if it was ever committed.
    pub(super) fn version(&self, value: &Value) -> Option<Version> {
        if value.version == 0 && value.token == Token::INITIAL {
            return Some(Version {
                number: 0,
                token: Token::INITIAL,
                committed: 0,
                visible: 0,
            });
        }
        let versions = self.versions.get(&value.register)?;
        let index = versions.partition_point(|version| version.number < value.version);
        let same = versions[index..]
            .iter()
            .take_while(|version| version.number == value.version);
        same.copied().find(|version| version.token == value.token)
    }

    /// From when on a later version was visible.
    pub(super) fn outdated_since(&self, value: &Value) -> Option<Instant> {
        let versions = self.versions.get(&value.register)?;
        let next = versions.partition_point(|version| version.number <= value.version);
        versions.get(next).map(|version| version.visible)
    }
}
