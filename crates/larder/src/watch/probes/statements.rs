//! What became of statements lately: how many failed, how many were slow.

use std::sync::Arc;

use larder_health::thresholds::ErrorRate;
use larder_health::{Finding, Probe};

use super::super::lately::Lately;
use super::{Context, RECOVERY, reading};

/// A few statements say nothing yet.
const ENOUGH: u64 = 20;

pub(super) fn errors(context: &Context<'_>) -> Arc<dyn Probe> {
    let health = &context.config.health;
    let (window, database) = (health.window, context.database.clone());
    let errors = ErrorRate {
        max: health.max_error_rate,
        min_calls: ENOUGH,
    };
    let read = move || {
        let lately = database.recent_queries(window);
        let finding = errors.evaluate(lately.calls, lately.failures);
        finding.of_fault("errors").measured("errorRate").cured_by(|| {
            "see the log for the statements that fail and their SQLSTATE, by db_response_status_code in the metrics: a bad release, a missing right, a missing column".to_owned()
        })
    };
    Arc::new(reading(context, "statements", read).memory(window.max(RECOVERY)))
}

pub(super) fn slow(context: &Context<'_>) -> Arc<dyn Probe> {
    let health = &context.config.health;
    let (max, threshold) = (health.max_slow_share, context.config.query.slow_threshold);
    let database = context.database.clone();
    let counters = move || {
        let queries = database.query_statistics();
        [queries.total, queries.slow]
    };
    let lately = Lately::new(health.window, counters());
    let read = move || {
        let [total, slow] = lately.growth(counters());
        let share = if total == 0 {
            0.0
        } else {
            slow as f64 / total as f64
        };
        let percent = |share: f64| (share * 1_000.0).round() / 10.0;
        // A threshold of nothing counts every statement as slow: that is meant for looking.
        let finding = if total >= ENOUGH && share > max && !threshold.is_zero() {
            Finding::degraded(format!(
                "{slow} of {total} statements took {threshold:?} or longer: {} %, above {} %",
                percent(share),
                percent(max)
            ))
        } else {
            Finding::healthy()
        };
        let finding = finding.observing(percent(share), "%").measured("slowShare");
        finding.of_fault("slow").cured_by(|| {
            "see which statements are slow and their plans (larder.slow_queries(), larder analyze): a missing index, a lock, a server that is busy".to_owned()
        })
    };
    Arc::new(reading(context, "slow", read).memory(health.window.max(RECOVERY)))
}
