//! How much the processes do, and of what.

use serde::{Deserialize, Serialize};

use crate::mode::Break;

/// What one process does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Workload {
    /// Tasks that read.
    pub(crate) readers: u32,
    /// The mean pause between two reads of a task, in milliseconds.
    pub(crate) read_pause: f64,
    /// Of a hundred reads: how many are slow ones, which overlap with commits.
    pub(crate) slow_reads: u32,
    /// Tasks that write.
    pub(crate) writers: u32,
    /// The mean pause between two writes of a task, in milliseconds.
    pub(crate) write_pause: f64,
    /// Of a hundred writes: how many take one to three seconds to commit.
    pub(crate) late_writes: u32,
    /// A read after the task's own write follows at once and is a slow one.
    pub(crate) own_reads_slow: bool,
    /// How many rows of each table are used: few are read more often.
    pub(crate) rows: u32,
}

impl Workload {
    /// The everyday one: mostly reads, and a few writes per second from all processes together.
    pub(crate) fn usual() -> Self {
        Self {
            readers: 6,
            read_pause: 12.0,
            slow_reads: 2,
            writers: 2,
            write_pause: 1_000.0,
            late_writes: 2,
            own_reads_slow: false,
            rows: crate::register::PER_TABLE,
        }
    }

    /// One that lets a broken promise show. Writes are rare where the next one to the same table
    /// would cover what the last one left behind.
    pub(crate) fn exposing(breakage: Break) -> Self {
        let sparse = Self {
            readers: 8,
            slow_reads: 60,
            writers: 1,
            write_pause: 6_000.0,
            late_writes: 0,
            rows: 6,
            ..Self::usual()
        };
        match breakage {
            Break::CounterAfterLoad | Break::SnapshotAfterLoad => sparse,
            Break::LogAfterCommit | Break::TrustL2 => Self {
                slow_reads: 5,
                ..sparse
            },
            Break::JoinOldFlight => Self {
                write_pause: 400.0,
                own_reads_slow: true,
                ..sparse
            },
        }
    }
}
