//! How far warming has come.

use std::time::Duration;

use serde::Serialize;

/// How far the warming of a process has come; by [`Database::warming`](crate::Database::warming).
///
/// The numbers of reads are those of the round that runs, or ran last: at the start, or when somebody
/// asked for one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WarmingProgress {
    /// Registered reads of this round.
    pub total: u64,
    /// Those that have ended well.
    pub done: u64,
    /// Those that have failed; each is logged with its name.
    pub failed: u64,
    /// Those that run now.
    pub running: u64,
    /// Keys that other processes, or this one before it was restarted, have listed as the hottest.
    pub hot_keys: u64,
    /// Those whose values were fetched from Redis.
    pub fetched: u64,
    /// Values that were fetched and that nobody has read so far.
    pub in_reserve: u64,
    /// Rounds that have ended since the start.
    pub rounds: u64,
    /// Whether there is nothing left to do. False from the start of the process, if
    /// `cache.warm` is on, until the first round has ended.
    pub finished: bool,
}

/// What became of one round of warming.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WarmingReport {
    /// Registered reads that have ended well.
    pub done: u64,
    /// Those that have failed, in the order in which they did.
    pub failed: Vec<WarmingFailure>,
    /// Values of hot keys that were fetched from Redis.
    pub fetched: u64,
    /// Whether the database was shut down before the round was through.
    pub stopped: bool,
    /// How long it took. In milliseconds, where it is serialised.
    #[serde(rename = "took_ms", serialize_with = "crate::fleet::milliseconds")]
    pub took: Duration,
}

impl WarmingReport {
    /// Whether all reads have ended well.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && !self.stopped
    }
}

/// A registered read that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WarmingFailure {
    /// The name that it was registered by.
    pub name: String,
    /// Its error, with those that caused it.
    pub error: String,
}
