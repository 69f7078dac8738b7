//! The clock of all histories: the machine's, which PostgreSQL stamps commits with too.

use std::time::{Duration, SystemTime};

/// Nanoseconds since 1970.
pub(crate) type Instant = u64;

/// The time now.
pub(crate) fn now() -> Instant {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    nanoseconds(since.unwrap_or_default())
}

/// A duration in the unit of the histories.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// PostgreSQL's microseconds in the unit of the histories.
pub(crate) fn from_microseconds(microseconds: i64) -> Instant {
    u64::try_from(microseconds)
        .unwrap_or(0)
        .saturating_mul(1_000)
}
