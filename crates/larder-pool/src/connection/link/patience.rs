//! How long this side waits for an answer: as the connection was made, unless its user says otherwise.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A limit that its user may change for as long as he has the connection. Read for each statement,
/// so it is no lock.
#[derive(Debug)]
pub(super) struct Patience {
    usual: Option<Duration>,
    /// In nanoseconds.
    current: AtomicU64,
}

impl Patience {
    const WITHOUT_LIMIT: u64 = u64::MAX;

    pub(super) fn new(usual: Option<Duration>) -> Self {
        Self {
            usual,
            current: AtomicU64::new(nanoseconds(usual)),
        }
    }

    pub(super) fn get(&self) -> Option<Duration> {
        limit(self.current.load(Ordering::Relaxed))
    }

    /// Changes it; gives what it was.
    pub(super) fn replace(&self, with: Option<Duration>) -> Option<Duration> {
        limit(self.current.swap(nanoseconds(with), Ordering::Relaxed))
    }

    /// Its user has left.
    pub(super) fn restore(&self) {
        self.current
            .store(nanoseconds(self.usual), Ordering::Relaxed);
    }
}

fn nanoseconds(limit: Option<Duration>) -> u64 {
    limit.map_or(Patience::WITHOUT_LIMIT, |limit| {
        // What does not fit, some centuries, is without limit.
        u64::try_from(limit.as_nanos()).unwrap_or(Patience::WITHOUT_LIMIT)
    })
}

fn limit(nanoseconds: u64) -> Option<Duration> {
    (nanoseconds != Patience::WITHOUT_LIMIT).then(|| Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_is_told_and_can_be_restored() {
        for usual in [None, Some(Duration::ZERO), Some(Duration::from_secs(60))] {
            let patience = Patience::new(usual);
            assert_eq!(patience.get(), usual);
            let changed = Some(Duration::from_millis(5));
            assert_eq!(patience.replace(changed), usual);
            assert_eq!(patience.replace(Some(Duration::MAX)), changed);
            assert_eq!(patience.get(), None);
            patience.restore();
            assert_eq!(patience.get(), usual);
        }
    }
}
