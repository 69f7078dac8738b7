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
        let [acquired, waited, sent_away] = lately.growth(counters());
        let mean = Duration::from_micros(waited.checked_div(acquired).unwrap_or(0));
        let milliseconds = (mean.as_secs_f64() * 10_000.0).round() / 10.0;
        let asked = acquired + sent_away;
        let finding = if sent_away as f64 > asked as f64 * max_share {
            Finding::degraded(format!("{sent_away} of {asked} callers got no connection"))
        } else if mean > max_wait {
            Finding::degraded(format!(
                "callers wait {milliseconds} ms for a connection on average, above {max_wait:?}"
            ))
        } else if sent_away > 0 {
            Finding::warning(format!("{sent_away} of {asked} callers got no connection"))
        } else {
            Finding::healthy()
        };
        let finding = finding.observing(milliseconds, "ms").measured("waitTime");
        finding
            .of_fault("waits")
            .cured_by(|| "hold sessions shorter, or raise pool.size and pool.overflow".to_owned())
    };
    Arc::new(reading(context, "acquire", read).memory(health.window.max(RECOVERY)))
}
