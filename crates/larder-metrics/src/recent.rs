//! How long calls took lately: quantiles of the last seconds.

use std::time::Duration;

use serde::Serialize;

use crate::latency::{LatencyCounts, LatencyRecorder};
use crate::marks::Marks;

#[cfg(test)]
mod tests;

/// Calls in a span of time: how many, how often, and how long they took.
///
/// Quantiles are those of all calls of the span, as near as
/// [`LatencyCounts::quantile`] tells them. Of no calls they are 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LatencyStatistics {
    /// Calls that ended in the span, failed ones included.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
    /// Calls in a second, on the average of the span.
    pub per_second: f64,
    /// The duration in milliseconds that half of the calls did not exceed.
    pub p50_ms: f64,
    /// The duration in milliseconds that 95 % of the calls did not exceed.
    pub p95_ms: f64,
    /// The duration in milliseconds that 99 % of the calls did not exceed.
    pub p99_ms: f64,
}

/// Counts by duration as they were before each of the last seconds.
#[derive(Debug)]
pub(crate) struct RecentLatency(Marks<LatencyCounts>);

impl Default for RecentLatency {
    fn default() -> Self {
        Self(Marks::new(Self::LONGEST))
    }
}

impl RecentLatency {
    /// How far back it reaches. A second in which something happens takes two kilobytes.
    pub(crate) const LONGEST: Duration = Duration::from_secs(60);

    /// To be called before a call that ended in this second is counted.
    pub(crate) fn reach(&self, second: u64, counted: &LatencyRecorder) {
        self.0.reach(second, || counted.counts());
    }

    /// The calls of the last `span`, in whole seconds, the current one included.
    pub(crate) fn statistics(
        &self,
        now: Duration,
        span: Duration,
        counted: &LatencyRecorder,
        failures: u64,
    ) -> LatencyStatistics {
        let first = self.0.first(now.as_secs(), span);
        let Some(before) = self.0.before(first) else {
            return LatencyStatistics::default();
        };
        let lately = counted.counts().since(&before);
        let calls = lately.count();
        let seconds = now.as_secs_f64() - Duration::from_secs(first).as_secs_f64();
        let quantile = |share| {
            let duration = lately.quantile(share).unwrap_or_default();
            duration.as_secs_f64() * 1e3
        };
        LatencyStatistics {
            calls,
            failures: failures.min(calls),
            // Of the first second after the start there may be next to nothing.
            per_second: calls as f64 / seconds.max(1.0),
            p50_ms: quantile(0.5),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
        }
    }

    #[cfg(test)]
    fn marks(&self) -> usize {
        self.0.len()
    }
}
