//! What keeps processes on one database in step, as series: the follower of the log of
//! invalidations, the second tier and its Redis, and the reads that verify what was served.

use std::time::Duration;

use crate::names;
use crate::scrape::Scrape;

/// What the follower of the log of invalidations has done since the start, and its lease.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FollowerReading {
    /// Looks that were answered.
    pub polls: u64,
    /// Looks that failed or took too long.
    pub failures: u64,
    /// Looks that were begun because of a hint.
    pub hinted: u64,
    /// Rows of other processes that were applied.
    pub rows: u64,
    /// How often the database turned out to have another history.
    pub histories: u64,
    /// How often more was pruned than had been read.
    pub gaps: u64,
    /// How long kept results may be served; zero if they may not.
    pub lease_left: Duration,
    /// How long the last look took.
    pub last_poll: Duration,
    /// How long ago the last look began that was answered; none before the first.
    pub delay: Option<Duration>,
}

impl FollowerReading {
    /// Gives it to a scrape.
    pub fn publish(&self, scrape: &mut Scrape, database: &str) {
        for (outcome, total) in [("success", self.polls), ("error", self.failures)] {
            scrape.counter(&names::FOLLOWER_POLLS, &[database, outcome], total);
        }
        let counters = [
            (names::FOLLOWER_HINTED, self.hinted),
            (names::FOLLOWER_ROWS, self.rows),
            (names::FOLLOWER_HISTORIES, self.histories),
            (names::FOLLOWER_GAPS, self.gaps),
        ];
        for (definition, total) in counters {
            scrape.counter(&definition, &[database], total);
        }
        let gauges = [
            (
                names::FOLLOWER_HAS_LEASE,
                one_if(!self.lease_left.is_zero()),
            ),
            (names::FOLLOWER_LEASE_LEFT, self.lease_left.as_secs_f64()),
            (names::FOLLOWER_LAST_POLL, self.last_poll.as_secs_f64()),
        ];
        for (definition, value) in gauges {
            scrape.gauge(&definition, &[database], value);
        }
        if let Some(delay) = self.delay {
            scrape.gauge(&names::FOLLOWER_DELAY, &[database], delay.as_secs_f64());
        }
    }
}

/// What became of reads from the second tier since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SecondTierReading {
    /// Results that were served.
    pub hits: u64,
    /// Reads that found nothing.
    pub misses: u64,
    /// Results not believed, because something they depend on was written since.
    pub invalidated: u64,
    /// Results not believed, because the log no longer tells what was written since.
    pub beyond_horizon: u64,
    /// Values that could not be read.
    pub undecodable: u64,
    /// Reads that were not answered in time, or not sent.
    pub unavailable: u64,
    /// Results that were given to it.
    pub stored: u64,
}

impl SecondTierReading {
    /// Gives it to a scrape, as the tier `l2` of the cache.
    pub fn publish(&self, scrape: &mut Scrape, database: &str) {
        const TIER: &str = "l2";
        let outcomes = [
            ("hit", self.hits),
            ("miss", self.misses),
            ("refused", self.invalidated + self.beyond_horizon),
            ("error", self.undecodable),
            ("unavailable", self.unavailable),
        ];
        for (outcome, total) in outcomes {
            scrape.counter(&names::CACHE_REQUESTS, &[database, TIER, outcome], total);
        }
        let reasons = [
            ("invalidated", self.invalidated),
            ("beyond_horizon", self.beyond_horizon),
        ];
        for (reason, total) in reasons {
            scrape.counter(&names::CACHE_DISBELIEVED, &[database, TIER, reason], total);
        }
        scrape.counter(&names::CACHE_SETS, &[database, TIER], self.stored);
    }
}

/// What the connections to Redis have done since the start, and whether it is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RedisReading {
    /// Whether it is asked at all.
    pub available: bool,
    /// Keys that it had.
    pub found: u64,
    /// Keys that it had not.
    pub missing: u64,
    /// Keys of which it did not say in time, or was not asked.
    pub unavailable: u64,
    /// Calls that took too long.
    pub timeouts: u64,
    /// Calls that were answered by an error.
    pub errors: u64,
    /// Values written.
    pub puts: u64,
    /// Values not written.
    pub puts_dropped: u64,
    /// How often it was given up for a while.
    pub breaker_opened: u64,
    /// How often a connection was made again.
    pub reconnects: u64,
    /// Hints sent through it.
    pub hints_sent: u64,
    /// Hints heard through it.
    pub hints_received: u64,
}

impl RedisReading {
    /// Gives it to a scrape.
    pub fn publish(&self, scrape: &mut Scrape, database: &str) {
        let counters = [
            (names::REDIS_GETS, "found", self.found),
            (names::REDIS_GETS, "missing", self.missing),
            (names::REDIS_GETS, "unavailable", self.unavailable),
            (names::REDIS_PUTS, "written", self.puts),
            (names::REDIS_PUTS, "dropped", self.puts_dropped),
            (names::REDIS_FAILURES, "timeout", self.timeouts),
            (names::REDIS_FAILURES, "error", self.errors),
            (names::HINTS, "sent", self.hints_sent),
            (names::HINTS, "received", self.hints_received),
        ];
        for (definition, label, total) in counters {
            scrape.counter(&definition, &[database, label], total);
        }
        let opened = self.breaker_opened;
        scrape.counter(&names::REDIS_BREAKER_OPENED, &[database], opened);
        scrape.counter(&names::REDIS_RECONNECTS, &[database], self.reconnects);
        let available = one_if(self.available);
        scrape.gauge(&names::REDIS_AVAILABLE, &[database], available);
    }
}

/// What became of hits that were read again from the database and compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShadowReading {
    /// Hits that were what the database says.
    pub equal: u64,
    /// Hits that were not, because something was written meanwhile.
    pub changed_meanwhile: u64,
    /// Hits that were not, although they had to be.
    pub violations: u64,
    /// Hits that were not compared.
    pub skipped: u64,
    /// Hits that could not be compared because the database failed.
    pub failed: u64,
}

impl ShadowReading {
    /// Gives it to a scrape.
    pub fn publish(&self, scrape: &mut Scrape, database: &str) {
        let outcomes = [
            ("equal", self.equal),
            ("changed_meanwhile", self.changed_meanwhile),
            ("violation", self.violations),
            ("skipped", self.skipped),
            ("failed", self.failed),
        ];
        for (outcome, total) in outcomes {
            scrape.counter(&names::CACHE_SHADOW_READS, &[database, outcome], total);
        }
    }
}

fn one_if(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}
