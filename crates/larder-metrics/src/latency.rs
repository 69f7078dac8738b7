//! How long something took, as counts by bucket that are the same everywhere.
//!
//! Counts only grow, so what happened between two readings is their difference: whoever keeps
//! readings can tell the quantiles of any span between them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Buckets in which a duration doubles.
const PER_OCTAVE: u32 = 8;
/// The first octave begins at two to the power of this in nanoseconds: at about a microsecond.
const FIRST: u32 = 10;
/// The last one ends at about 69 s.
const OCTAVES: u32 = 26;
/// One more for what is below, one for what is above.
const BUCKETS: usize = (PER_OCTAVE * OCTAVES) as usize + 2;

/// Counts durations. One addition each.
pub(crate) struct LatencyRecorder(Box<[AtomicU64]>);

/// How often something took how long; made by recorders, such as
/// [`QueryRecorder::latencies`](crate::QueryRecorder::latencies).
#[derive(Clone, PartialEq, Eq)]
pub struct LatencyCounts(Box<[u64]>);

impl Default for LatencyRecorder {
    fn default() -> Self {
        Self((0..BUCKETS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl LatencyRecorder {
    pub(crate) fn record(&self, duration: Duration) {
        self.0[bucket(duration)].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> LatencyCounts {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        LatencyCounts(counts.collect())
    }
}

impl Default for LatencyCounts {
    fn default() -> Self {
        Self(vec![0; BUCKETS].into())
    }
}

impl LatencyCounts {
    /// What was counted since an earlier reading of the same recorder.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let pairs = self.0.iter().zip(&earlier.0);
        Self(pairs.map(|(now, then)| now.saturating_sub(*then)).collect())
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The duration that this share of them, from 0 to 1, did not exceed: within the width of a
    /// bucket, 12.5 % at most. `None` if there are none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = ((share.clamp(0.0, 1.0) * count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let reached = self.0.iter().position(|in_bucket| {
            seen += in_bucket;
            seen >= wanted
        })?;
        Some(Duration::from_nanos(upper_bound(reached)))
    }
}

impl fmt::Debug for LatencyCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatencyCounts")
            .field("count", &self.count())
            .field("median", &self.quantile(0.5))
            .finish_non_exhaustive()
    }
}

/// A power of two of nanoseconds gives the octave, the three bits after the first the part of it.
fn bucket(duration: Duration) -> usize {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let logarithm = nanoseconds.checked_ilog2();
    let Some(octave) = logarithm.and_then(|power| power.checked_sub(FIRST)) else {
        return 0;
    };
    if octave >= OCTAVES {
        return BUCKETS - 1;
    }
    let part = (nanoseconds >> (octave + FIRST - 3)) % 8;
    1 + (octave * PER_OCTAVE) as usize + part as usize
}

/// The end of a bucket in nanoseconds; of the last, which has none, its beginning.
fn upper_bound(bucket: usize) -> u64 {
    let Some(index) = bucket.checked_sub(1) else {
        return 1 << FIRST;
    };
    let (octave, part) = (
        index as u32 / PER_OCTAVE,
        index as u64 % u64::from(PER_OCTAVE),
    );
    let part = if bucket == BUCKETS - 1 { 0 } else { part + 1 };
    ((8 + part) << (octave + FIRST)) >> 3
}
