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
    /// The mean pause between two turns of a task that writes, in milliseconds.
    pub(crate) write_pause: f64,
    /// What a turn is.
    pub(crate) turn: Turn,
    /// How many rows of each table are used: few are read more often.
    pub(crate) rows: u32,
}

/// What a task that writes does at its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Turn {
    /// One write of any kind; of a hundred, so many take one to three seconds to commit. A read
    /// of what was written follows, at once or later.
    Any { late: u32 },
    /// Several writes to one register, one shortly after the other: the first makes others load
    /// anew, and the next is committed while they do. A slow read follows each at once.
    Burst { writes: u32, gap: u64 },
}

impl Workload {
    /// The everyday one: mostly reads, and a few writes per second from all processes together.
    pub(crate) fn usual() -> Self {
        Self {
            readers: 6,
            read_pause: 12.0,
            slow_reads: 2,
            writers: 2,
            // Each write takes away what was kept of its table: more of them leave few hits where
            // the machine is slow.
            write_pause: 1_400.0,
            turn: Turn::Any { late: 2 },
            rows: crate::register::PER_TABLE,
        }
    }

    /// One that lets a broken promise show. Writes are rare where the next one to the same table
    /// would cover what the last one left behind.
    pub(crate) fn exposing(breakage: Break) -> Self {
        let bursts = Self {
            readers: 8,
            slow_reads: 70,
            writers: 1,
            write_pause: 2_500.0,
            turn: Turn::Burst { writes: 3, gap: 30 },
            rows: 4,
            ..Self::usual()
        };
        match breakage {
            Break::CounterAfterLoad | Break::SnapshotAfterLoad => bursts,
            Break::JoinOldFlight => Self {
                write_pause: 1_000.0,
                ..bursts
            },
            Break::TrustL2 => Self {
                slow_reads: 5,
                turn: Turn::Any { late: 0 },
                write_pause: 6_000.0,
                ..bursts
            },
            // The writes that count are those whose process is killed.
            Break::LogAfterCommit => Self {
                slow_reads: 5,
                turn: Turn::Any { late: 0 },
                write_pause: 12_000.0,
                ..bursts
            },
        }
    }
}
