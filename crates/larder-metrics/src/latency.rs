//! How long calls took lately: quantiles of a window, from counts by duration.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::marks::Marks;

#[cfg(test)]
mod tests;

/// Calls in a span of time: how many, how often, and how long they took.
///
/// Quantiles are those of all calls of the span, read from counts by duration: they are at most
/// 4 % off, or half a microsecond where that is more. Of no calls they are 0.
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

/// The lowest bits of a duration in nanoseconds, which no bucket tells apart.
const UNIT_BITS: u32 = 10;
/// Sixteen buckets for each doubling of the duration.
const STEP_BITS: u32 = 4;
const STEPS: u64 = 1 << STEP_BITS;
/// Two minutes and more are in the last bucket.
const BUCKETS: usize = 24 * STEPS as usize;

/// Counts by duration since the start, and how they were before each of the last seconds.
#[derive(Debug)]
pub(crate) struct Durations {
    counts: Box<[AtomicU64]>,
    marks: Marks<Box<[u64]>>,
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            counts: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            marks: Marks::new(Self::LONGEST),
        }
    }
}

impl Durations {
    /// How far back it reaches. A second in which something happens takes three kilobytes.
    pub(crate) const LONGEST: Duration = Duration::from_secs(60);

    /// Counts a call that ended in the given second.
    pub(crate) fn add(&self, second: u64, nanoseconds: u64) {
        self.marks.reach(second, || self.now());
        self.counts[bucket(nanoseconds)].fetch_add(1, Ordering::Relaxed);
    }

    /// The calls of the last `span`, in whole seconds, the current one included.
    pub(crate) fn statistics(
        &self,
        now: Duration,
        span: Duration,
        failures: u64,
    ) -> LatencyStatistics {
        let first = self.marks.first(now.as_secs(), span);
        let Some(before) = self.marks.before(first) else {
            return LatencyStatistics::default();
        };
        let counts: Vec<u64> = self
            .now()
            .iter()
            .zip(&before)
            .map(|(now, before)| now.saturating_sub(*before))
            .collect();
        let calls = counts.iter().sum();
        let seconds = now.as_secs_f64() - Duration::from_secs(first).as_secs_f64();
        LatencyStatistics {
            calls,
            failures: failures.min(calls),
            // Of the first second after the start there may be next to nothing.
            per_second: calls as f64 / seconds.max(1.0),
            p50_ms: quantile(&counts, calls, 0.5),
            p95_ms: quantile(&counts, calls, 0.95),
            p99_ms: quantile(&counts, calls, 0.99),
        }
    }

    fn now(&self) -> Box<[u64]> {
        let counts = self.counts.iter();
        counts.map(|count| count.load(Ordering::Relaxed)).collect()
    }
}

/// The bucket of a duration: linear within each doubling.
fn bucket(nanoseconds: u64) -> usize {
    let units = nanoseconds >> UNIT_BITS;
    let Some(doublings) = units.checked_ilog2().filter(|bits| *bits >= STEP_BITS) else {
        return units as usize;
    };
    let step = (units >> (doublings - STEP_BITS)) & (STEPS - 1);
    let doublings = u64::from(doublings - STEP_BITS + 1);
    ((doublings * STEPS + step) as usize).min(BUCKETS - 1)
}

/// The middle of a bucket, in milliseconds.
fn middle(bucket: usize) -> f64 {
    let (doublings, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    let (lowest, width) = match doublings {
        0 => (step, 1),
        _ => ((STEPS + step) << (doublings - 1), 1 << (doublings - 1)),
    };
    let unit = f64::from(1_u32 << UNIT_BITS);
    (lowest as f64 + width as f64 / 2.0) * unit / 1e6
}

/// What a share of the calls did not exceed, in milliseconds.
fn quantile(counts: &[u64], calls: u64, share: f64) -> f64 {
    let rank = (calls as f64 * share).ceil() as u64;
    let mut seen = 0;
    let reached = counts.iter().position(|count| {
        seen += count;
        seen >= rank && seen > 0
    });
    reached.map_or(0.0, middle)
}
