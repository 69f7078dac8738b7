//! What lanes have carried, and what went past them.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a read took a connection of the pool and not a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BypassReason {
    /// It may do more than read, or nobody knows what it does.
    Unfit,
    /// The current task has a transaction open.
    Transaction,
    /// No lane is open: the first ones are being opened, or the server cannot be reached.
    Closed,
    /// All lanes had enough to do, or were held up by a statement.
    Busy,
    /// It has not come before, and a text like this rarely comes again.
    Rare,
    /// Its result is too large.
    Large,
    /// It takes too long.
    Slow,
    /// It waited behind a statement that took too long.
    Blocked,
    /// The lane was lost.
    Lost,
    /// The server refused on the lane what it may allow elsewhere: a write, or a prepared
    /// statement that no longer holds.
    Refused,
}

impl BypassReason {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 10] = [
        Self::Unfit,
        Self::Transaction,
        Self::Closed,
        Self::Busy,
        Self::Rare,
        Self::Large,
        Self::Slow,
        Self::Blocked,
        Self::Lost,
        Self::Refused,
    ];

    /// As one word, as metrics show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unfit => "unfit",
            Self::Transaction => "transaction",
            Self::Closed => "closed",
            Self::Busy => "busy",
            Self::Rare => "rare",
            Self::Large => "large",
            Self::Slow => "slow",
            Self::Blocked => "blocked",
            Self::Lost => "lost",
            Self::Refused => "refused",
        }
    }
}

/// The state of a pool's lanes at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneStatus {
    /// Lanes that are open.
    pub open: usize,
    /// Reads that are on their way.
    pub in_flight: usize,
    /// Reads that were answered by a lane since the start.
    pub reads: u64,
    /// Reads that took a connection of the pool since the start, by why they did.
    pub bypassed: Vec<(BypassReason, u64)>,
}

impl LaneStatus {
    /// How many reads took a connection of the pool for this reason.
    pub fn bypassed_for(&self, reason: BypassReason) -> u64 {
        let mut all = self.bypassed.iter();
        all.find(|(other, _)| *other == reason)
            .map_or(0, |(_, count)| *count)
    }
}

/// What is counted.
#[derive(Default)]
pub(super) struct LaneCounters {
    reads: AtomicU64,
    bypassed: [AtomicU64; BypassReason::ALL.len()],
}

impl LaneCounters {
    pub(super) fn read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    pub(super) fn bypassed(&self, reason: BypassReason) {
        self.bypassed[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn status(&self, open: usize, in_flight: usize) -> LaneStatus {
        let count = |reason| {
            let count = &self.bypassed[reason as usize];
            (reason, count.load(Ordering::Relaxed))
        };
        LaneStatus {
            open,
            in_flight,
            reads: self.reads.load(Ordering::Relaxed),
            bypassed: BypassReason::ALL.map(count).to_vec(),
        }
    }
}
