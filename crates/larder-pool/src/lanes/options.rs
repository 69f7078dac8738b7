//! How many lanes there are, and what they carry.

use std::time::Duration;

/// How many connections carry reads of many callers at the same time, and which reads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneOptions {
    /// How many lanes are opened once there is something for them. 2 by default; 0 for none at
    /// all, so that every statement takes a connection of the pool.
    pub count: usize,
    /// How many there are at most while many reads are on their way. 4 by default.
    pub most: usize,
    /// How many bytes of rows are held for one caller. A statement whose result is larger runs on
    /// a connection of the pool, at once and from then on. 1 MiB by default.
    pub result_cap: usize,
    /// A statement that usually takes longer than this uses the pool. Whoever waits behind
    /// one that does is sent there too. 100 ms by default.
    pub slow_after: Duration,
    /// The `statement_timeout` of lanes: after this a statement is ended there and run again on
    /// a connection of the pool, under that one's own. 1 s by default.
    pub statement_timeout: Duration,
}

impl Default for LaneOptions {
    fn default() -> Self {
        Self {
            count: 2,
            most: 4,
            result_cap: 1 << 20,
            slow_after: Duration::from_millis(100),
            statement_timeout: Duration::from_secs(1),
        }
    }
}

impl LaneOptions {
    /// No lanes.
    pub fn off() -> Self {
        Self {
            count: 0,
            most: 0,
            ..Self::default()
        }
    }

    /// How many may be open: a bound below `count` is a mistake that harms nobody.
    pub(super) fn most(&self) -> usize {
        self.most.max(self.count)
    }
}
