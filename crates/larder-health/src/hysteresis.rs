//! How a status settles: one blip changes nothing.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::Status;

#[cfg(test)]
mod tests;

/// How long something has to be worse, or better, before it counts as that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hysteresis {
    /// It counts as worse after this many checks in a row. 2 by default; 1 is at once.
    pub worse_after: u32,
    /// It counts as better after this many checks in a row. 2 by default; 1 is at once.
    pub better_after: u32,
    /// How long it counts as bad at least before it counts as better. None by default.
    pub minimum: Duration,
}

impl Hysteresis {
    /// Whatever is found counts at once.
    pub const IMMEDIATE: Self = Self {
        worse_after: 1,
        better_after: 1,
        minimum: Duration::ZERO,
    };
}

impl Default for Hysteresis {
    fn default() -> Self {
        Self {
            worse_after: 2,
            better_after: 2,
            minimum: Duration::ZERO,
        }
    }
}

/// A status that does not flap.
///
/// That nothing can be said makes nothing better and nothing worse: what was bad stays bad until it
/// is seen to be well. Only what was well is not called so any more after a while.
#[derive(Debug, Default)]
pub(crate) struct Settling {
    /// As it settled when something was known last.
    settled: Status,
    /// Since when it is worse than healthy, or as bad as it is.
    since: Option<Instant>,
    /// What was found lately and known, the newest last.
    found: VecDeque<Status>,
    /// How often in a row, up to the last time, nothing could be said.
    unknown: u32,
}

impl Settling {
    /// Takes note of what was found; `at_once` if it has happened often enough already. Gives what
    /// it counts as.
    pub(crate) fn note(
        &mut self,
        found: Status,
        at_once: bool,
        now: Instant,
        rules: Hysteresis,
    ) -> Status {
        if found == Status::Unknown {
            self.unknown = self.unknown.saturating_add(1);
            let is_forgotten = self.unknown >= rules.better_after.max(1);
            return match self.settled {
                Status::Healthy if is_forgotten => Status::Unknown,
                settled => settled,
            };
        }
        self.unknown = 0;
        self.note_known(found, at_once, now, rules);
        self.settled
    }

    fn note_known(&mut self, found: Status, at_once: bool, now: Instant, rules: Hysteresis) {
        let most = rules.worse_after.max(rules.better_after).max(1) as usize;
        self.found.push_back(found);
        while self.found.len() > most {
            self.found.pop_front();
        }
        // Nothing was ever known before: there is nothing that could flap.
        if at_once || self.settled == Status::Unknown {
            self.settle(self.settled.max(found), now);
        }
        // As bad as each of the last ones was at least.
        if let Some(worse) = self.lately(rules.worse_after).and_then(Iterator::min)
            && worse > self.settled
        {
            self.settle(worse, now);
        }
        // As good as each of the last ones was at least.
        let is_over = |since: Instant| now.saturating_duration_since(since) >= rules.minimum;
        if let Some(better) = self.lately(rules.better_after).and_then(Iterator::max)
            && better < self.settled
            && self.since.is_none_or(is_over)
        {
            self.settle(better, now);
        }
    }

    fn settle(&mut self, status: Status, now: Instant) {
        if status != self.settled {
            self.settled = status;
            self.since = Some(now);
        }
    }

    /// The last so many, if there have been so many.
    fn lately(&self, count: u32) -> Option<impl Iterator<Item = Status>> {
        let count = count.max(1) as usize;
        let skipped = self.found.len().checked_sub(count)?;
        Some(self.found.iter().skip(skipped).copied())
    }
}
