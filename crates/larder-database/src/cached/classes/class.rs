//! What happens to the results of one class of reads, counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use larder_cache::{Cache, Key, Moment, Source};
use larder_sql::StatementProfile;

use super::evidence::CacheEvidence;
use super::followed::{Cause, End, Followed, Stored};
use super::lifetimes::Lifetimes;

/// A class of reads, and what became of them.
#[derive(Debug)]
pub(crate) struct Class {
    pub(super) id: Key,
    pub(super) name: ClassName,
    hits: Hits,
    joined: AtomicU64,
    verified: AtomicU64,
    violations: AtomicU64,
    tally: Mutex<Tally>,
}

/// What its reads have in common.
#[derive(Debug)]
pub(super) enum ClassName {
    Statement(Arc<StatementProfile>),
    Operation {
        service: Box<str>,
        operation: Box<str>,
    },
}

/// On a cache line of its own: it changes at every hit, and what stands beside it is read then.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Hits(AtomicU64);

/// What only loads touch.
#[derive(Debug)]
struct Tally {
    since: Moment,
    /// How long it was observed before, as far as that still counts.
    before: Duration,
    evidence: CacheEvidence,
    /// Sums, where the evidence has means.
    load_time: Duration,
    fetch_time: Duration,
    bytes: u64,
    lifetimes: Lifetimes,
    followed: Followed,
}

/// What a load gave.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) key: Key,
    /// How the result before it ended; the inner is `None` if there was none.
    pub(super) end: Option<Option<End>>,
    pub(super) took: Duration,
    pub(super) bytes: u64,
    pub(super) by_time: bool,
    /// A second tier had it.
    pub(super) fetched: bool,
    pub(super) ttl: Duration,
    /// What is stored; `None` if it may not be.
    pub(super) result: Option<Stored>,
    pub(super) digest: Option<u128>,
}

impl Class {
    /// After this time what was counted so far counts half.
    const FADES_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

    pub(super) fn new(id: Key, name: ClassName, now: Moment) -> Self {
        Self {
            id,
            name,
            hits: Hits::default(),
            joined: AtomicU64::new(0),
            verified: AtomicU64::new(0),
            violations: AtomicU64::new(0),
            tally: Mutex::new(Tally {
                since: now,
                before: Duration::ZERO,
                evidence: CacheEvidence::default(),
                load_time: Duration::ZERO,
                fetch_time: Duration::ZERO,
                bytes: 0,
                lifetimes: Lifetimes::default(),
                followed: Followed::default(),
            }),
        }
    }

    /// Counts a hit. Relaxed, as all here: nothing is concluded from the order.
    #[inline]
    pub(crate) fn hit(&self) {
        self.hits.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a read that may have waited.
    pub(super) fn served(&self, source: Source) {
        match source {
            Source::Hit | Source::Stale => self.hit(),
            Source::Joined => {
                self.joined.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// Counts a hit that was compared with the database.
    pub(crate) fn verified(&self, is_right: bool) {
        self.verified.fetch_add(1, Ordering::Relaxed);
        let wrong = u64::from(!is_right);
        self.violations.fetch_add(wrong, Ordering::Relaxed);
    }

    pub(super) fn hits(&self) -> u64 {
        self.hits.0.load(Ordering::Relaxed)
    }

    /// How the last result under this key ended, as a load of another begins. The outer is `None`
    /// if that is not known because the key is not followed.
    pub(super) fn end(&self, key: Key, cache: &Cache, refresh: bool) -> Option<Option<End>> {
        let tally = self.lock();
        let followed = &tally.followed;
        followed
            .follows(key)
            .then(|| followed.end(key, cache, refresh))
    }

    /// Counts a load.
    pub(super) fn loaded(&self, load: Load, now: Moment) {
        let mut tally = self.lock();
        if tally.observed_for(now) >= Self::FADES_AFTER {
            tally.fade(now);
            for counter in [&self.hits.0, &self.joined, &self.verified, &self.violations] {
                let half = counter.load(Ordering::Relaxed) / 2;
                counter.fetch_sub(half, Ordering::Relaxed);
            }
        }
        tally.add(load, self.hits());
    }

    /// All that is known of it, as numbers.
    pub(super) fn evidence(&self, now: Moment) -> CacheEvidence {
        let tally = self.lock();
        let counted = &tally.evidence;
        let from_database = counted.loads - counted.fetched;
        CacheEvidence {
            observed_for: tally.observed_for(now),
            hits: self.hits(),
            joined: self.joined.load(Ordering::Relaxed),
            load_time: mean(tally.load_time, from_database),
            fetch_time: mean(tally.fetch_time, counted.fetched),
            bytes: tally.bytes / counted.loads.max(1),
            lifetime_median: tally.lifetimes.quantile(0.5),
            lifetime_p90: tally.lifetimes.quantile(0.9),
            verified: self.verified.load(Ordering::Relaxed),
            violations: self.violations.load(Ordering::Relaxed),
            ..counted.clone()
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    fn observed_for(&self, now: Moment) -> Duration {
        self.before + now.since(self.since)
    }

    fn add(&mut self, load: Load, hits: u64) {
        let counted = &mut self.evidence;
        if !counted.ttl.is_zero() && counted.ttl != load.ttl {
            counted.ttl_varies = true;
        }
        counted.ttl = counted.ttl.max(load.ttl);
        counted.by_time |= load.by_time;
        counted.loads += 1;
        self.bytes = self.bytes.saturating_add(load.bytes);
        if load.fetched {
            counted.fetched += 1;
            self.fetch_time += load.took;
        } else {
            self.load_time += load.took;
        }
        if let Some(end) = load.end {
            self.ended(end, load.digest, hits);
        }
        match load.result {
            Some(result) => self.followed.follow(load.key, result),
            None => {
                self.evidence.not_kept += 1;
                self.followed.forget(load.key);
            }
        }
    }

    fn ended(&mut self, end: Option<End>, digest: Option<u128>, hits: u64) {
        let counted = &mut self.evidence;
        let Some(end) = end else {
            counted.nothing_kept += 1;
            return;
        };
        counted.followed_for += end.age;
        let is_same = digest.zip(end.digest).map(|(now, before)| now == before);
        if end.cause == Cause::Invalidated {
            self.lifetimes.wrong_at(end.age);
        } else {
            self.lifetimes.right_at(end.age);
        }
        match end.cause {
            Cause::Lost => counted.lost += 1,
            Cause::Refreshed => counted.refreshed += 1,
            Cause::TimeUp => {
                counted.time_up += 1;
                if let Some(is_same) = is_same {
                    counted.compared_for += end.age;
                    counted.unchanged += u64::from(is_same);
                    counted.changed += u64::from(!is_same);
                }
            }
            Cause::Invalidated => {
                counted.invalidated += 1;
                counted.unused += u64::from(end.hits == hits);
                counted.same_after_write += u64::from(is_same == Some(true));
            }
        }
    }

    /// Lets what is long ago count half, and chooses anew what is followed.
    fn fade(&mut self, now: Moment) {
        self.before = self.observed_for(now) / 2;
        self.since = now;
        self.load_time /= 2;
        self.fetch_time /= 2;
        self.bytes /= 2;
        self.evidence.halve();
        self.lifetimes.halve();
        self.followed = Followed::default();
    }
}

fn mean(sum: Duration, number: u64) -> Duration {
    sum.div_f64(number.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use larder_cache::{CacheOptions, Clock, KeyBuilder};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn what_is_long_ago_counts_less() {
        let (clock, time) = Clock::manual();
        let cache = Cache::new(CacheOptions {
            clock: clock.clone(),
            ..CacheOptions::default()
        });
        let name = ClassName::Operation {
            service: "bank".into(),
            operation: "total".into(),
        };
        let key = KeyBuilder::new().finish();
        let class = Class::new(key, name, clock.now());
        let load = |digest| {
            let load = Load {
                key,
                end: class.end(key, &cache, false),
                took: Duration::from_millis(10),
                bytes: 100,
                by_time: false,
                fetched: false,
                ttl: HOUR,
                digest: Some(digest),
                result: Some(Stored {
                    as_of: cache.versions().now(),
                    slots: Vec::new(),
                    stored: clock.now(),
                    ttl: HOUR,
                    digest: Some(digest),
                    hits: class.hits(),
                }),
            };
            class.loaded(load, clock.now());
        };
        for n in 0..20 {
            load(n / 10);
            class.hit();
            time.advance(HOUR);
        }
        let seen = class.evidence(clock.now());
        assert_eq!((seen.loads, seen.hits, seen.time_up), (20, 20, 19));
        assert_eq!((seen.unchanged, seen.changed), (18, 1));
        assert_eq!(seen.observed_for, HOUR * 20);
        assert_eq!(seen.load_time, Duration::from_millis(10));
        time.advance(HOUR * 10);
        load(1);
        let seen = class.evidence(clock.now());
        assert_eq!((seen.loads, seen.hits), (20 / 2 + 1, 10));
        assert_eq!((seen.unchanged, seen.changed), (18 / 2 + 1, 0));
        assert_eq!(seen.observed_for, HOUR * 15);
        assert_eq!(seen.load_time, Duration::from_millis(10));
        assert_eq!((seen.ttl, seen.ttl_varies), (HOUR, false));
    }
}
