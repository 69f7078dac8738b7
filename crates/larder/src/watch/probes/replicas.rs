//! The replicas of the server: how far they are behind, and whether one is gone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use larder_database::{Error, sql};
use larder_health::{Finding, Probe};
use larder_pool::Connection;

use super::{Context, asking};

/// On a standby how far it is behind itself, else how far its standbys are: how many there are, and
/// the lag of the worst in seconds, which is NULL where the role may not see it. A standby that
/// receives nothing, but is fed from an archive, cannot tell. On the primary a backup and a standby
/// that is being built are in the list, too; whose state the role may not see, its lag it may not
/// see either.
///
/// The third is how many of them are standbys for sure: no backup, which replays nothing, and no
/// subscription, which has one more for each table at first. NULL where the role may not see.
const REPLICAS: &str = "\
    SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN
        pg_catalog.jsonb_build_array(1, CASE
            WHEN pg_catalog.pg_last_wal_receive_lsn() IS NULL THEN NULL
            WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() THEN 0
            ELSE extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()) END,
            NULL)
    ELSE
        (SELECT pg_catalog.jsonb_build_array(
            count(*) FILTER (WHERE state = 'streaming' OR state IS NULL),
            extract(epoch FROM max(replay_lag) FILTER (WHERE state = 'streaming')),
            CASE WHEN count(*) FILTER (WHERE state IS NULL) = 0
                THEN count(*) FILTER (WHERE state = 'streaming' AND replay_lsn IS NOT NULL AND NOT EXISTS (
                    SELECT FROM pg_catalog.pg_replication_slots slot
                    WHERE slot.active_pid = sender.pid AND slot.slot_type = 'logical')) END)
         FROM pg_catalog.pg_stat_replication sender)
    END";

/// What the server says of its replicas.
#[derive(Debug, Clone, Copy, Default)]
struct Replicas {
    count: f64,
    lag: Option<f64>,
    /// How many standbys there are, where that can be known.
    standbys: Option<u64>,
}

pub(super) fn replicas(context: &Context<'_>) -> Arc<dyn Probe> {
    let link = Arc::clone(&context.link);
    let health = &context.config.health;
    let max = health.max_replica_lag.as_secs_f64();
    let seen = Arc::new(Seen::new(health.window));
    let ask = move || {
        let (link, seen) = (Arc::clone(&link), Arc::clone(&seen));
        async move {
            match link.ask(read).await {
                Some(Ok(replicas)) => judge(replicas, &seen, Instant::now(), max),
                _ => Finding::unknown("the lag of replicas cannot be asked for now"),
            }
        }
    };
    Arc::new(asking(context, "replicas", ask))
}

async fn read(connection: &mut Connection) -> Result<Replicas, Error> {
    let answer: serde_json::Value = sql(REPLICAS).fetch_scalar_on(connection).await?;
    Ok(Replicas {
        count: answer[0].as_f64().unwrap_or_default(),
        lag: answer[1].as_f64(),
        standbys: answer[2].as_u64(),
    })
}

fn judge(replicas: Replicas, seen: &Seen, now: Instant, max: f64) -> Finding {
    let Replicas {
        count,
        lag,
        standbys,
    } = replicas;
    let lag = lag.filter(|_| count >= 1.0);
    let gone = standbys.and_then(|standbys| gone(standbys, seen, now));
    let behind = match lag {
        // There is none. If there ever was, that is how it is now; else there is nothing to say.
        None if count < 1.0 && seen.ever() => Finding::healthy().observing(count, ""),
        None if count < 1.0 => Finding::default(),
        None => Finding::healthy().observing(count, ""),
        Some(lag) => behind(count, lag, max),
    };
    // What is measured stays the lag of those that are there.
    let observed = behind.observed;
    let mut finding = Finding::worst(gone.into_iter().chain([behind]));
    finding.observed = observed;
    finding
}

/// A standby whose connection is lost is in no list, and one that is back and catches up has no lag to
/// tell yet: nothing there says how far they are behind.
fn gone(standbys: u64, seen: &Seen, now: Instant) -> Option<Finding> {
    let most = seen.most(standbys, now);
    let missing = most.checked_sub(standbys).filter(|missing| *missing > 0)?;
    let reason = format!(
        "{missing} of {most} replicas that there were within {:?} stream no more",
        seen.window
    );
    Some(Finding::degraded(reason).of_fault("gone").curing(
        "see whether the replica runs and reaches this server: its log, the network, its slot in pg_replication_slots; if it was taken away on purpose, nothing has to be done",
    ))
}

fn behind(count: f64, lag: f64, max: f64) -> Finding {
    let lag = (lag.max(0.0) * 10.0).round() / 10.0;
    let reason =
        |max: f64| format!("the slowest of {count} replicas is {lag} s behind, above {max} s");
    let finding = if lag > max {
        Finding::degraded(reason(max))
    } else if lag > max / 2.0 {
        Finding::warning(reason(max / 2.0))
    } else {
        Finding::healthy()
    };
    finding
        .observing(lag, "s")
        .measured("lag")
        .of_fault("lag")
        .cured_by(|| {
            "see what holds up replay on the replica: long queries there, its disk, the network"
                .to_owned()
        })
}

/// How many standbys were seen lately. After the window those that went are taken for gone for good.
#[derive(Debug)]
struct Seen {
    window: Duration,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    lately: VecDeque<(Instant, u64)>,
    ever: bool,
}

impl Seen {
    fn new(window: Duration) -> Self {
        Self {
            window,
            counts: Mutex::default(),
        }
    }

    /// The most that were seen in the window, now included. Takes note of them.
    fn most(&self, standbys: u64, now: Instant) -> u64 {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.ever |= standbys > 0;
        let is_old = |at: Instant| now.saturating_duration_since(at) >= self.window;
        while counts.lately.front().is_some_and(|(at, _)| is_old(*at)) {
            counts.lately.pop_front();
        }
        counts.lately.push_back((now, standbys));
        let lately = counts.lately.iter().map(|(_, standbys)| *standbys);
        lately.max().unwrap_or(standbys)
    }

    /// Whether there was ever one.
    fn ever(&self) -> bool {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.ever
    }
}

#[cfg(test)]
mod tests {
    use larder_health::Status;

    use super::*;

    /// What is found of so many standbys and this lag, at these seconds; the window is a minute.
    fn found(answers: &[(u64, Option<u64>, Option<f64>)]) -> Vec<Finding> {
        let (seen, start) = (Seen::new(Duration::from_secs(60)), Instant::now());
        answers
            .iter()
            .map(|(second, standbys, lag)| {
                let replicas = Replicas {
                    count: standbys.unwrap_or(2) as f64,
                    lag: *lag,
                    standbys: *standbys,
                };
                judge(replicas, &seen, start + Duration::from_secs(*second), 10.0)
            })
            .collect()
    }

    #[test]
    fn a_standby_that_is_gone_is_told_for_as_long_as_the_window() {
        let findings = found(&[
            (0, Some(2), Some(0.5)),
            (30, Some(1), Some(0.5)),
            (59, Some(0), None),
            (60, Some(0), None),
            (120, Some(0), None),
        ]);
        let statuses = findings.iter().map(|finding| finding.status);
        use Status::{Degraded, Healthy};
        let expected = [Healthy, Degraded, Degraded, Degraded, Healthy];
        assert_eq!(statuses.collect::<Vec<_>>(), expected);
        assert_eq!(findings[1].fault, Some("gone"));
        assert_eq!(
            findings[2].reason.as_deref(),
            Some("2 of 2 replicas that there were within 60s stream no more")
        );
        let lag = findings[1].observed.map(|observed| observed.value);
        assert_eq!(lag, Some(0.5), "that of the other one");
        assert_eq!(findings[4].reason, None);
    }

    #[test]
    fn one_that_lags_and_then_is_gone_is_not_well_again() {
        let findings = found(&[(0, Some(1), Some(42.0)), (30, Some(0), None)]);
        let faults = findings.iter().map(|finding| finding.fault);
        assert_eq!(faults.collect::<Vec<_>>(), [Some("lag"), Some("gone")]);
        assert!(
            findings
                .iter()
                .all(|found| found.status == Status::Degraded)
        );
        // Nobody's lag is measured, and none is shown.
        assert!(
            findings[1]
                .observed
                .is_none_or(|observed| observed.unit != "s")
        );
    }

    #[test]
    fn where_there_never_was_one_nothing_is_said() {
        let findings = found(&[(0, Some(0), None), (90, Some(0), None)]);
        assert!(findings.iter().all(|found| *found == Finding::default()));
    }

    #[test]
    fn where_nobody_may_count_them_none_is_missed() {
        let findings = found(&[(0, None, None), (30, None, None)]);
        assert!(findings.iter().all(|found| found.status == Status::Healthy));
    }

    #[test]
    fn more_than_before_is_no_fault() {
        let findings = found(&[(0, Some(1), None), (30, Some(3), None)]);
        assert!(findings.iter().all(|found| found.status == Status::Healthy));
    }
}
