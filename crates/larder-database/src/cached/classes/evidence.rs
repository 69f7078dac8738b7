//! What advice is made of.

use std::time::Duration;

use serde::Serialize;

/// What became of the results of a class of reads, in this process.
///
/// Results under some dozens of keys of each class are followed from their load to their end;
/// what is known only of those says so. After a day what was counted so far counts half.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CacheEvidence {
    /// For how long it was counted.
    pub observed_for: Duration,
    /// Reads that were served what this process kept.
    pub hits: u64,
    /// Reads that waited for a load that another one had begun.
    pub joined: u64,
    /// Loads, from the database or from Redis. Of rows that are read together each counts as one.
    pub loads: u64,
    /// Those that Redis answered.
    pub fetched: u64,
    /// Loads whose result could not be kept: a table of it was written too often, definitions
    /// changed, or the connection was of another kind.
    pub not_kept: u64,
    /// What a load from the database takes on average.
    pub load_time: Duration,
    /// What a load that Redis answers takes on average.
    pub fetch_time: Duration,
    /// What a result takes in memory on average.
    pub bytes: u64,
    /// The time that was asked for; the longest of several.
    pub ttl: Duration,
    /// Whether its reads ask for different times.
    pub ttl_varies: bool,
    /// Whether some of its results are kept for their time alone, or may change by themselves.
    pub by_time: bool,
    /// Loads of a followed key under which nothing was kept.
    pub nothing_kept: u64,
    /// Followed results that ended because their time was up.
    pub time_up: u64,
    /// Followed results that ended because of a write, or because somebody invalidated them.
    pub invalidated: u64,
    /// Followed results that were gone before: they had to make room, a
    /// pattern met them, or nothing could be served for a while.
    pub lost: u64,
    /// Followed results that a reader wanted to have loaded anew.
    pub refreshed: u64,
    /// Those of [`invalidated`](Self::invalidated) that nobody had been served, as far as that can
    /// be told: no read of the class was a hit meanwhile.
    pub unused: u64,
    /// How old the followed results were at their end, together.
    pub followed_for: Duration,
    /// Results whose time was up and that came back the same; those of one statement only.
    pub unchanged: u64,
    /// Results whose time was up and that came back different.
    pub changed: u64,
    /// How old those that were compared had been, together.
    pub compared_for: Duration,
    /// Results that were invalidated and came back the same.
    pub same_after_write: u64,
    /// The age by which half of the results are wrong because of a write; `None` if that is more
    /// than they were followed.
    pub lifetime_median: Option<Duration>,
    /// The age by which nine of ten are.
    pub lifetime_p90: Option<Duration>,
    /// Hits that were compared with the database (`cache.shadow`).
    pub verified: u64,
    /// Those that were not what it returns.
    pub violations: u64,
}

impl CacheEvidence {
    /// Followed results that came to their end.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.time_up + self.invalidated + self.lost + self.refreshed
    }

    /// Reads that did not have to be asked of the database.
    #[must_use]
    pub fn saved(&self) -> u64 {
        self.hits + self.joined + self.fetched
    }

    /// Lets it count half.
    pub(super) fn halve(&mut self) {
        let counts = [
            &mut self.loads,
            &mut self.fetched,
            &mut self.not_kept,
            &mut self.nothing_kept,
            &mut self.time_up,
            &mut self.invalidated,
            &mut self.lost,
            &mut self.refreshed,
            &mut self.unused,
            &mut self.unchanged,
            &mut self.changed,
            &mut self.same_after_write,
        ];
        for count in counts {
            *count /= 2;
        }
        self.followed_for /= 2;
        self.compared_for /= 2;
        // What is asked for today counts from here on.
        if self.ttl_varies {
            self.ttl = Duration::ZERO;
            self.ttl_varies = false;
        }
    }
}
