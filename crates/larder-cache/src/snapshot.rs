//! What a transaction of PostgreSQL could see, by its ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of a transaction (`xid8`): it grows for ever, and never comes again.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct TransactionId(pub u64);

impl fmt::Display for TransactionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Which transactions had ended when it was taken: what `pg_current_snapshot()` gives.
///
/// ```
/// use larder_cache::{Snapshot, TransactionId};
///
/// let snapshot: Snapshot = "10:20:10,14".parse()?;
/// assert!(snapshot.sees(TransactionId(9)) && snapshot.sees(TransactionId(12)));
/// assert!(!snapshot.sees(TransactionId(14)) && !snapshot.sees(TransactionId(20)));
/// # Ok::<(), larder_cache::InvalidSnapshot>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Snapshot {
    oldest_running: TransactionId,
    next: TransactionId,
    /// Those that were running, sorted. None is below `oldest_running`, none at or above `next`.
    running: Box<[TransactionId]>,
}

/// A text that is not a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("read a snapshot: it is not of the form xmin:xmax:xip,xip")]
pub struct InvalidSnapshot;

impl Snapshot {
    /// Whether the transaction had ended: what it wrote, if it was committed, is seen.
    #[must_use]
    pub fn sees(&self, transaction: TransactionId) -> bool {
        transaction < self.oldest_running
            || transaction < self.next && self.running.binary_search(&transaction).is_err()
    }

    /// The oldest transaction that was still running. All below it had ended.
    #[must_use]
    pub fn oldest_running(&self) -> TransactionId {
        self.oldest_running
    }

    /// The first id that had not been given yet.
    #[must_use]
    pub fn next(&self) -> TransactionId {
        self.next
    }

    /// Those that were running, in order.
    #[must_use]
    pub fn running(&self) -> &[TransactionId] {
        &self.running
    }

    /// What it takes in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.running)
    }

    /// What both have seen, as one snapshot: what is put together from two results contains at
    /// least the writes that both contain.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let next = self.next.min(other.next);
        let both = self.running.iter().chain(&other.running);
        let mut running: Vec<_> = both.copied().filter(|id| *id < next).collect();
        running.sort_unstable();
        running.dedup();
        // Where the lower end is that of the one whose end is lower still, nothing above it is seen.
        let oldest_running = self.oldest_running.min(other.oldest_running).min(next);
        Self {
            oldest_running,
            next,
            running: running.into(),
        }
    }

    /// As one taken on a standby has to be read, which does not list what is running: only what
    /// is below its oldest is seen.
    #[must_use]
    pub fn of_standby(self) -> Self {
        Self {
            next: self.oldest_running,
            running: Box::default(),
            ..self
        }
    }
}

impl FromStr for Snapshot {
    type Err = InvalidSnapshot;

    fn from_str(text: &str) -> Result<Self, InvalidSnapshot> {
        let id = |text: &str| text.parse().map(TransactionId).map_err(|_| InvalidSnapshot);
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(InvalidSnapshot);
        let (oldest_running, next, list) = (id(part()?)?, id(part()?)?, part()?);
        let mut running = Vec::new();
        for one in list.split(',').filter(|one| !one.is_empty()) {
            running.push(id(one)?);
        }
        running.sort_unstable();
        let within = running.iter().all(|id| (oldest_running..next).contains(id));
        if oldest_running > next || !within {
            return Err(InvalidSnapshot);
        }
        Ok(Self {
            oldest_running,
            next,
            running: running.into(),
        })
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:", self.oldest_running, self.next)?;
        for (n, id) in self.running.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(formatter, "{comma}{id}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(text: &str) -> Snapshot {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_running_or_came_later_is_not_seen() {
        let taken = snapshot("10:15:10,12");
        let seen: Vec<u64> = (8..17)
            .filter(|id| taken.sees(TransactionId(*id)))
            .collect();
        assert_eq!(seen, [8, 9, 11, 13, 14]);
        assert!(snapshot("7:7:").sees(TransactionId(6)));
        assert!(!snapshot("7:7:").sees(TransactionId(7)));
    }

    #[test]
    fn a_standby_lists_nothing_so_only_the_oldest_counts() {
        let taken = snapshot("10:15:").of_standby();
        assert!(taken.sees(TransactionId(9)) && !taken.sees(TransactionId(10)));
    }

    #[test]
    fn two_together_have_seen_what_each_has() {
        let texts = [
            "10:15:10,12",
            "8:8:",
            "11:20:11,12,16",
            "13:13:",
            "3:30:3,14",
        ];
        for (one, other) in texts
            .iter()
            .flat_map(|one| texts.map(|other| (*one, other)))
        {
            let (one, other) = (snapshot(one), snapshot(other));
            let both = one.and(&other);
            assert_eq!(both.to_string().parse(), Ok(both.clone()));
            for id in (0..40).map(TransactionId) {
                let expected = one.sees(id) && other.sees(id);
                assert_eq!(both.sees(id), expected, "{id} in {one} and {other}: {both}");
            }
        }
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        for text in ["1:1:", "10:20:10", "10:20:10,14,19"] {
            assert_eq!(snapshot(text).to_string(), text);
        }
        assert_eq!(snapshot("10:20:14,10"), snapshot("10:20:10,14"));
    }

    #[test]
    fn what_is_no_snapshot_is_refused() {
        for text in [
            "", "1", "1:2", "a:2:", "1:b:", "1:2:c", "3:2:", "5:9:4", "5:9:9", "-1:2:", "1:2::",
        ] {
            assert_eq!(text.parse::<Snapshot>(), Err(InvalidSnapshot), "{text}");
        }
    }
}
