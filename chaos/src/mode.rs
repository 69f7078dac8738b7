//! What a run has: a Redis or none, hints or none, a promise broken on purpose or none.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How the caches of the processes hear of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Each process has a cache of its own and follows the log in PostgreSQL.
    NoL2,
    /// Results are shared through Redis, and hints go through it. A process waits for another's
    /// load.
    L2Hints,
    /// Results are shared through Redis; without hints each process polls.
    L2NoHints,
    /// Each process has a cache that hears of nobody else: right for one process, and for more
    /// the checker has to find what is wrong.
    Local,
}

impl Mode {
    /// What a run without `--mode` goes through.
    pub(crate) const ALL: [Self; 3] = [Self::NoL2, Self::L2Hints, Self::L2NoHints];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NoL2 => "no_l2",
            Self::L2Hints => "l2_hints",
            Self::L2NoHints => "l2_no_hints",
            Self::Local => "local",
        }
    }

    pub(crate) fn has_redis(self) -> bool {
        matches!(self, Self::L2Hints | Self::L2NoHints)
    }
}

/// A promise that Larder is made to break, by the name of its failpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Break {
    /// The counters of an entry are taken after its load.
    CounterAfterLoad,
    /// The snapshot of an entry in Redis is taken after its load.
    SnapshotAfterLoad,
    /// The log is written after COMMIT, in a transaction of its own.
    LogAfterCommit,
    /// A read joins a load that began before its process's own write.
    JoinOldFlight,
    /// What Redis has is served without a look at its snapshot.
    TrustL2,
}

impl Break {
    pub(crate) const ALL: [Self; 5] = [
        Self::CounterAfterLoad,
        Self::SnapshotAfterLoad,
        Self::LogAfterCommit,
        Self::JoinOldFlight,
        Self::TrustL2,
    ];

    /// The name of its failpoint.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::CounterAfterLoad => "counter-after-load",
            Self::SnapshotAfterLoad => "snapshot-after-load",
            Self::LogAfterCommit => "log-after-commit",
            Self::JoinOldFlight => "join-old-flight",
            Self::TrustL2 => "trust-l2",
        }
    }

    /// The mode in which it shows.
    pub(crate) fn mode(self) -> Mode {
        match self {
            Self::CounterAfterLoad | Self::LogAfterCommit | Self::JoinOldFlight => Mode::NoL2,
            Self::SnapshotAfterLoad => Mode::L2Hints,
            Self::TrustL2 => Mode::L2NoHints,
        }
    }
}
