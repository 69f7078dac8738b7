//! The kinds of faults.

use serde::Serialize;

use crate::mode::{Break, Mode};

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The server ends one connection of a worker.
    BackendEnded,
    /// The server ends all connections of all workers.
    AllBackendsEnded,
    /// A worker is killed just before it sends COMMIT.
    WorkerKilledBeforeCommit,
    /// A worker is killed while COMMIT is under way.
    WorkerKilledDuringCommit,
    /// A worker is killed just after COMMIT.
    WorkerKilledAfterCommit,
    /// A worker stands still for three times the bound.
    WorkerPaused,
    /// A COMMIT takes seconds.
    LateCommit,
    /// The same, and its worker is killed meanwhile: it takes effect when nobody waits for it.
    LateCommitOrphaned,
    /// Redis is away for a while.
    RedisStopped,
    /// Redis stands still.
    RedisPaused,
    /// Redis is started again with nothing in it.
    RedisRestartedEmpty,
    /// Redis is started again with what it had a while ago.
    RedisRestoredOlder,
    /// All connections to Redis are reset.
    RedisConnectionsReset,
}

impl Kind {
    const OF_DATABASE: [Self; 8] = [
        Self::BackendEnded,
        Self::AllBackendsEnded,
        Self::WorkerKilledBeforeCommit,
        Self::WorkerKilledDuringCommit,
        Self::WorkerKilledAfterCommit,
        Self::WorkerPaused,
        Self::LateCommit,
        Self::LateCommitOrphaned,
    ];

    const OF_REDIS: [Self; 5] = [
        Self::RedisStopped,
        Self::RedisPaused,
        Self::RedisRestartedEmpty,
        Self::RedisRestoredOlder,
        Self::RedisConnectionsReset,
    ];

    /// The kinds that a run has.
    pub(crate) fn of_run(mode: Mode, breakage: Option<Break>) -> Vec<Self> {
        match breakage {
            // Without faults it shows best: a worker that starts anew has no old results.
            Some(Break::CounterAfterLoad | Break::SnapshotAfterLoad | Break::JoinOldFlight) => {
                Vec::new()
            }
            Some(Break::LogAfterCommit) => vec![Self::LateCommitOrphaned],
            Some(Break::TrustL2) => vec![Self::RedisRestoredOlder],
            None => {
                let mut kinds = Self::OF_DATABASE.to_vec();
                if mode.has_redis() {
                    kinds.extend(Self::OF_REDIS);
                }
                kinds
            }
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::BackendEnded => "backend_ended",
            Self::AllBackendsEnded => "all_backends_ended",
            Self::WorkerKilledBeforeCommit => "worker_killed_before_commit",
            Self::WorkerKilledDuringCommit => "worker_killed_during_commit",
            Self::WorkerKilledAfterCommit => "worker_killed_after_commit",
            Self::WorkerPaused => "worker_paused",
            Self::LateCommit => "late_commit",
            Self::LateCommitOrphaned => "late_commit_orphaned",
            Self::RedisStopped => "redis_stopped",
            Self::RedisPaused => "redis_paused",
            Self::RedisRestartedEmpty => "redis_restarted_empty",
            Self::RedisRestoredOlder => "redis_restored_older",
            Self::RedisConnectionsReset => "redis_connections_reset",
        }
    }
}
