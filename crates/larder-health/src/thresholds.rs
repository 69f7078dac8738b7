//! From which numbers on something is worse: small pure types with their thresholds.
//!
//! What lies exactly on a threshold is still within it, except for counts in a row.

use std::time::Duration;

use crate::Finding;

#[cfg(test)]
mod tests;

/// How long an answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseTime {
    /// Slower than this is a warning. 500 ms by default.
    pub warning: Duration,
    /// Slower than this is degraded. 1 s by default.
    pub max: Duration,
}

impl Default for ResponseTime {
    fn default() -> Self {
        Self::up_to(Duration::from_secs(1))
    }
}

impl ResponseTime {
    /// Degraded beyond `max`, with a warning beyond half of it.
    #[must_use]
    pub fn up_to(max: Duration) -> Self {
        Self {
            warning: max / 2,
            max,
        }
    }

    /// Judges an answer that took `took`.
    #[must_use]
    pub fn evaluate(&self, took: Duration) -> Finding {
        let reason = |limit: Duration| {
            format!(
                "answered in {} ms, above {} ms",
                milliseconds(took),
                milliseconds(limit)
            )
        };
        let finding = if took > self.max {
            Finding::degraded(reason(self.max))
        } else if took > self.warning {
            Finding::warning(reason(self.warning))
        } else {
            Finding::healthy()
        };
        finding.observing(milliseconds(took), "ms")
    }
}

/// Which share of calls may fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorRate {
    /// A higher share, from 0 to 1, is degraded. 0.05 by default.
    pub max: f64,
    /// With fewer calls nothing is said. 1 by default: any failure counts.
    pub min_calls: u64,
}

impl Default for ErrorRate {
    fn default() -> Self {
        Self {
            max: 0.05,
            min_calls: 1,
        }
    }
}

impl ErrorRate {
    /// Judges `failures` of `calls`.
    #[must_use]
    pub fn evaluate(&self, calls: u64, failures: u64) -> Finding {
        let rate = share(failures, calls);
        let finding = if calls >= self.min_calls && rate > self.max {
            Finding::degraded(format!(
                "{failures} of {calls} statements failed: {}, above {}",
                percent(rate),
                percent(self.max)
            ))
        } else {
            Finding::healthy()
        };
        finding.observing(rounded(rate * 100.0), "%")
    }
}

/// How many connections may fail to open in a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedConnections {
    /// More than this is degraded. 5 by default.
    pub max: u64,
}

impl Default for FailedConnections {
    fn default() -> Self {
        Self { max: 5 }
    }
}

impl FailedConnections {
    /// Judges the number of connections that lately failed to open.
    #[must_use]
    pub fn evaluate(&self, failed: u64) -> Finding {
        let finding = if failed > self.max {
            Finding::degraded(format!(
                "{failed} connections could not be opened, above {}",
                self.max
            ))
        } else {
            Finding::healthy()
        };
        finding.observing(failed as f64, "")
    }
}

/// Which share of a pool's connections may be in use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoolUse {
    /// A higher share, from 0 to 1, is a warning. 0.8 by default.
    pub warning: f64,
    /// A higher share, from 0 to 1, is degraded. 0.9 by default.
    pub degraded: f64,
}

impl Default for PoolUse {
    fn default() -> Self {
        Self {
            warning: 0.8,
            degraded: 0.9,
        }
    }
}

impl PoolUse {
    /// Judges `used` connections of `capacity`, the most that the pool may open.
    ///
    /// A pool of a single connection is either unused or full; that says nothing and is healthy.
    #[must_use]
    pub fn evaluate(&self, used: u64, capacity: u64) -> Finding {
        let part = share(used, capacity);
        let reason = |limit: f64| {
            format!(
                "{used} of {capacity} connections in use: {}, above {}",
                percent(part),
                percent(limit)
            )
        };
        let finding = if capacity <= 1 {
            Finding::healthy()
        } else if part > self.degraded {
            Finding::degraded(reason(self.degraded))
        } else if part > self.warning {
            Finding::warning(reason(self.warning))
        } else {
            Finding::healthy()
        };
        finding.observing(rounded(part * 100.0), "%")
    }
}

/// Which share of cached reads the cache should answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HitRate {
    /// A lower share, from 0 to 1, is a warning. 0.7 by default.
    pub min: f64,
    /// With fewer reads nothing is said. 100 by default.
    pub min_requests: u64,
}

impl Default for HitRate {
    fn default() -> Self {
        Self {
            min: 0.7,
            min_requests: 100,
        }
    }
}

impl HitRate {
    /// Judges how many reads the cache answered and how many it did not.
    ///
    /// A low rate is a warning and no more: everything works, and for some loads it is right.
    #[must_use]
    pub fn evaluate(&self, hits: u64, misses: u64) -> Finding {
        let requests = hits.saturating_add(misses);
        let rate = share(hits, requests);
        let finding = if requests >= self.min_requests && requests > 0 && rate < self.min {
            Finding::warning(format!(
                "the cache answered {} of {requests} reads, below {}",
                percent(rate),
                percent(self.min)
            ))
        } else {
            Finding::healthy()
        };
        finding.observing(rounded(rate * 100.0), "%")
    }
}

/// How many failures in a row are how bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsecutiveFailures {
    /// This many or more are unhealthy. 3 by default.
    pub unhealthy: u64,
    /// This many or more are critical. 10 by default.
    pub critical: u64,
}

impl Default for ConsecutiveFailures {
    fn default() -> Self {
        Self {
            unhealthy: 3,
            critical: 10,
        }
    }
}

impl ConsecutiveFailures {
    /// Judges a number of failures in a row; fewer than [`unhealthy`](Self::unhealthy) are
    /// degraded, none is healthy.
    #[must_use]
    pub fn evaluate(&self, failures: u64) -> Finding {
        let reason = match failures {
            1 => "failed once".to_owned(),
            _ => format!("failed {failures} times in a row"),
        };
        let finding = if failures == 0 {
            Finding::healthy()
        } else if failures >= self.critical {
            Finding::critical(reason)
        } else if failures >= self.unhealthy {
            Finding::unhealthy(reason)
        } else {
            Finding::degraded(reason)
        };
        finding.observing(failures as f64, "")
    }
}

/// `part / whole`; 0 if the whole is 0.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}

/// To one place after the point.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// `0.333` as `33.3 %`.
fn percent(share: f64) -> String {
    format!("{} %", rounded(share * 100.0))
}

/// In milliseconds, to one place after the point.
fn milliseconds(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1_000.0)
}
