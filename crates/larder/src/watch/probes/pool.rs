//! Connections: whether new ones can be made, how many are in use, and how long callers wait.

use std::sync::Arc;
use std::time::Duration;

use larder_database::Database;
use larder_health::thresholds::{FailedConnections, PoolUse};
use larder_health::{Finding, Probe, Status};

use super::super::lately::Lately;
use super::{Context, RECOVERY, diagnosis, reading};

pub(super) fn connections(context: &Context<'_>) -> Arc<dyn Probe> {
    let health = &context.config.health;
    let (window, database) = (health.window, context.database.clone());
    let threshold = FailedConnections {
        max: health.max_failed_connections.into(),
    };
    let read = move || failed_connections(&database, threshold, window);
    Arc::new(reading(context, "connections", read).memory(window.max(RECOVERY)))
}

fn failed_connections(
    database: &Database,
    threshold: FailedConnections,
    window: Duration,
) -> Finding {
    let lately = database.recent_connects(window);
    let mut finding = threshold.evaluate(lately.failures);
    if finding.status == Status::Healthy {
        return finding;
    }
    let pool = database.pool_status();
    // It works again: what failed before is worth a look and no more.
    if pool.last_connect_error.is_none() && lately.failures * 2 <= lately.calls {
        finding.status = Status::Healthy;
        return finding;
    }
    let Some(failure) = pool.connect_failures.last() else {
        return finding;
    };
    let (fault, cure) = diagnosis::of_connect(&failure.error);
    let reason = finding.reason.unwrap_or_default();
    finding.reason = Some(format!(
        "{reason}; the last one failed to {}",
        failure.error
    ));
    finding.of_fault(fault).curing(cure)
}

pub(super) fn saturation(context: &Context<'_>) -> Arc<dyn Probe> {
    let health = &context.config.health;
    let database = context.database.clone();
    let threshold = PoolUse {
        warning: health.pool_warning.min(health.pool_degraded),
        degraded: health.pool_degraded,
    };
    Arc::new(reading(context, "pool", move || {
        pool_use(&database, threshold)
    }))
}

fn pool_use(database: &Database, threshold: PoolUse) -> Finding {
    let pool = database.pool_status();
    let capacity = pool.size + pool.overflow;
    // A single connection is in use whenever anything happens; who waits too long is told so.
    if capacity == 1 {
        return Finding::healthy().observing(pool.waiting as f64, "waiting");
    }
    let mut finding = threshold.evaluate(pool.in_use as u64, capacity as u64);
    if pool.is_overloaded && finding.status == Status::Healthy {
        finding.status = Status::Degraded;
        finding.reason = Some("more is asked of the pool than it can do".to_owned());
    }
    if finding.reason.is_none() {
        return finding;
    }
    if let (Some(reason), 1..) = (&mut finding.reason, pool.waiting) {
        reason.push_str(&format!(", {} callers waiting", pool.waiting));
    }
    let cure = match pool.holders.first() {
        Some(holder) => format!("see who holds connections for long, such as {holder}"),
        None => "see what holds connections for long".to_owned(),
    };
    finding.of_fault("saturated").curing(format!(
        "{cure}; if they are all needed, raise pool.size and pool.overflow"
    ))
}

pub(super) fn acquire(context: &Context<'_>) -> Arc<dyn Probe> {
    let health = &context.config.health;
    let (max_wait, max_share) = (health.max_acquire_wait, health.max_error_rate);
    let database = context.database.clone();
    let counters = move || {
        let (connections, pool) = (database.connection_statistics(), database.pool_status());
        let sent_away = connections.timeouts + pool.shed + pool.turned_away;
        [connections.acquired, connections.waited_us, sent_away]
    };
    let lately = Lately::new(health.window, counters());
    let read = move || {
        let [acquired, waited_us, sent_away] = lately.growth(counters());
        let lately = Callers {
            acquired,
            waited: Duration::from_micros(waited_us),
            sent_away,
        };
        lately.judge(max_wait, max_share)
    };
    Arc::new(reading(context, "acquire", read).memory(health.window.max(RECOVERY)))
}

/// Those who asked for a connection lately.
struct Callers {
    acquired: u64,
    /// How long those who got one waited together.
    waited: Duration,
    /// How many got none.
    sent_away: u64,
}

impl Callers {
    /// The window keeps what happened for minutes, so that one event would be found again and again:
    /// fewer callers say nothing yet.
    const ENOUGH: u64 = 20;

    /// The fewest sent away that are more than bad luck.
    const FEWEST_SENT_AWAY: u64 = 3;

    fn judge(&self, max_wait: Duration, max_share: f64) -> Finding {
        let Self {
            acquired,
            sent_away,
            ..
        } = *self;
        let asked = acquired + sent_away;
        let of_those = u32::try_from(acquired).unwrap_or(u32::MAX);
        let mean = self.waited.checked_div(of_those).unwrap_or_default();
        let milliseconds = (mean.as_secs_f64() * 10_000.0).round() / 10.0;
        let nobody_got_one = || format!("{sent_away} of {asked} callers got no connection");
        let is_enough = asked >= Self::ENOUGH;
        let many =
            sent_away >= Self::FEWEST_SENT_AWAY && sent_away as f64 > asked as f64 * max_share;
        let finding = if is_enough && many {
            Finding::degraded(nobody_got_one())
        } else if is_enough && mean > max_wait {
            Finding::degraded(format!(
                "callers wait {milliseconds} ms for a connection on average, above {max_wait:?}"
            ))
        } else if sent_away > 0 {
            Finding::warning(nobody_got_one())
        } else {
            Finding::healthy()
        };
        finding
            .observing(milliseconds, "ms")
            .measured("waitTime")
            .of_fault("waits")
            .cured_by(|| "hold sessions shorter, or raise pool.size and pool.overflow".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found of callers who got a connection, their wait together, and those who got none.
    fn found(acquired: u64, waited_ms: u64, sent_away: u64) -> Finding {
        let callers = Callers {
            acquired,
            waited: Duration::from_millis(waited_ms),
            sent_away,
        };
        callers.judge(Duration::from_millis(250), 0.05)
    }

    #[test]
    fn a_single_caller_in_a_quiet_hour_is_worth_a_look_and_no_more() {
        for (acquired, sent_away) in [(0, 1), (3, 1), (30, 2), (10, 9)] {
            let finding = found(acquired, 0, sent_away);
            assert!(finding.is_warning(), "{acquired} {sent_away}: {finding}");
        }
        let finding = found(1, 300, 0);
        assert_eq!(finding.status, Status::Healthy, "{finding}");
        assert_eq!(finding.observed.map(|observed| observed.value), Some(300.0));
    }

    #[test]
    fn several_of_many_are_too_many() {
        assert_eq!(found(17, 0, 3).status, Status::Degraded);
        assert!(found(60, 0, 3).is_warning(), "5 % are allowed");
        assert_eq!(found(56, 0, 4).status, Status::Degraded);
        assert_eq!(found(0, 0, 20).status, Status::Degraded);
    }

    #[test]
    fn many_who_wait_for_long_are_too_many() {
        assert_eq!(found(20, 20 * 250, 0).status, Status::Healthy);
        let finding = found(20, 20 * 251, 0);
        assert_eq!(finding.status, Status::Degraded);
        assert_eq!(finding.fault, Some("waits"));
    }
}
