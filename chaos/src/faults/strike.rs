//! How each fault is done.

use std::time::Duration;

use super::Kind;
use crate::crew::{Crew, Strike};
use crate::error::Result;
use crate::interrupts::pause;
use crate::servers::{Postgres, Redis};

/// How long to wait for a commit to strike at.
const PATIENCE: Duration = Duration::from_secs(6);

/// What can be struck.
pub(crate) struct Targets<'a> {
    pub(crate) postgres: &'a Postgres,
    pub(crate) redis: Option<&'a mut Redis>,
    pub(crate) crew: &'a mut Crew,
    pub(crate) bound: Duration,
}

impl Targets<'_> {
    /// Lets a fault happen and pass; says whether it came about.
    pub(crate) fn strike(&mut self, kind: Kind, random: &mut fastrand::Rng) -> Result<bool> {
        let victim = random.usize(..self.crew.len());
        let microseconds = Duration::from_micros;
        match kind {
            Kind::BackendEnded => Ok(self.postgres.end_backends(false)? > 0),
            Kind::AllBackendsEnded => Ok(self.postgres.end_backends(true)? > 0),
            Kind::WorkerKilledBeforeCommit => self.kill_at_commit(victim, Duration::ZERO),
            Kind::WorkerKilledDuringCommit => {
                self.kill_at_commit(victim, microseconds(random.u64(200..1_000)))
            }
            Kind::WorkerKilledAfterCommit => {
                self.kill_at_commit(victim, microseconds(random.u64(1_000..5_000)))
            }
            Kind::WorkerPaused => {
                self.crew.set_paused(victim, true);
                let waited = pause(3 * self.bound);
                self.crew.set_paused(victim, false);
                waited.map(|()| true)
            }
            Kind::LateCommit => {
                self.crew.tell(victim, "late");
                // It takes up to three seconds; others write and read meanwhile.
                pause(Duration::from_millis(3_200))?;
                Ok(true)
            }
            Kind::LateCommitOrphaned => {
                let strike = Strike {
                    after: Duration::from_millis(random.u64(50..700)),
                    late: true,
                };
                let struck = self.crew.strike(victim, strike, PATIENCE)?;
                self.crew.revive()?;
                // Until the commit lands and would be too old.
                pause(Duration::from_secs(2))?;
                Ok(struck)
            }
            _ => self.strike_redis(kind, random),
        }
    }

    fn kill_at_commit(&mut self, victim: usize, after: Duration) -> Result<bool> {
        let strike = Strike { after, late: false };
        let struck = self.crew.strike(victim, strike, PATIENCE)?;
        self.crew.revive()?;
        Ok(struck)
    }

    fn strike_redis(&mut self, kind: Kind, random: &mut fastrand::Rng) -> Result<bool> {
        let Some(redis) = self.redis.as_deref_mut() else {
            return Ok(false);
        };
        let a_while = Duration::from_millis(random.u64(1_000..2_500));
        match kind {
            Kind::RedisStopped => {
                redis.stop();
                pause(a_while)?;
                redis.launch_empty()?;
            }
            Kind::RedisPaused => {
                redis.set_paused(true);
                let waited = pause(a_while);
                redis.set_paused(false);
                waited?;
            }
            Kind::RedisRestartedEmpty => {
                redis.stop();
                redis.launch_empty()?;
            }
            Kind::RedisRestoredOlder => {
                if !redis.has_copy() {
                    redis.save_copy()?;
                    pause(a_while)?;
                }
                redis.stop();
                redis.launch_older()?;
                // A copy for the next time: it will be older then.
                redis.save_copy()?;
            }
            Kind::RedisConnectionsReset => return Ok(redis.reset_connections()? > 0),
            _ => return Ok(false),
        }
        Ok(true)
    }
}
