//! What keeping results brings, by the rates at which they are read and written.
//!
//! # The model
//!
//! Each key is a renewal process: a load, then the reads that its result serves, until a read
//! finds it gone and loads again. Reads of a key come at random at a rate `r`, and what makes its
//! result wrong at a rate `w`, both as Poisson processes. A result with the time `T` is good for
//! `min(X, T)`, where `X` is exponential with the rate `w`, on average for
//!
//! ```text
//! G(T) = (1 - exp(-w T)) / w        (T itself where nothing is written)
//! ```
//!
//! Meanwhile `r G(T)` reads are served, and after that one read, `1 / r` later, loads. So of the
//! reads one in `1 + r G(T)` loads, and a cycle takes `G(T) + 1 / r`. Without writes that is the
//! hit rate `r T / (1 + r T)` of Jung, Berger and Balakrishnan, "Modeling TTL-based Internet
//! Caches", INFOCOM 2003; with them `T` has become `G(T)`.
//!
//! # The rates
//!
//! With `h` hits for each load, and results that are `C` old on average when the read comes that
//! loads another one, a key is read `1 + h` times in `C`: `r = (1 + h) / C`. A write is only found
//! by the next read, `1 / r` later on average; without that time, `w` is the number of results
//! that were invalidated by the time for which all were good, which is the maximum of the
//! likelihood for lives of which some were cut short.
//!
//! Keys of a class are taken for alike. Where few are read much and many little, as is usual,
//! those that are read little gain less than is said here.

use std::time::Duration;

use super::evidence::CacheEvidence;

/// How often a key of a class is read, and how often what it shows is written, in a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    pub(super) reads: f64,
    pub(super) writes: f64,
    /// What the writes are at most: so many that seeing so few would be a rare chance.
    pub(super) most_writes: f64,
}

impl Rates {
    /// `None` before a result has come to its end.
    pub(super) fn of(evidence: &CacheEvidence) -> Option<Self> {
        let ended = evidence.ended() as f64;
        let cycle = evidence.followed_for.as_secs_f64() / ended;
        if ended == 0.0 || cycle <= 0.0 {
            return None;
        }
        let reads = (1.0 + hits_per_load(evidence)) / cycle;
        let invalidated = evidence.invalidated as f64;
        let waited = invalidated / reads;
        // Where nearly all the time went by waiting, writes are faster than can be told.
        let exposed = (evidence.followed_for.as_secs_f64() - waited).max(1e-3);
        Some(Self {
            reads,
            writes: invalidated / exposed,
            most_writes: at_most(invalidated) / exposed,
        })
    }

    /// How many reads each load is going to serve beside its own.
    pub(super) fn hits_per_load(&self, ttl: Duration) -> f64 {
        self.reads * good_for(self.writes, ttl.as_secs_f64())
    }
}

/// For how long a result with this time is good on average, in seconds.
fn good_for(writes: f64, ttl: f64) -> f64 {
    // Below this the series says the same, and the fraction has no digits left.
    if writes * ttl < 1e-6 {
        return ttl;
    }
    -(-writes * ttl).exp_m1() / writes
}

/// How many reads each load has served beside its own.
pub(super) fn hits_per_load(evidence: &CacheEvidence) -> f64 {
    (evidence.hits + evidence.joined) as f64 / evidence.loads.max(1) as f64
}

/// What a number of random events is at most on average, of which so many were seen: about the
/// 97.5 % bound of a Poisson variable; 3 where none was seen.
pub(super) fn at_most(seen: f64) -> f64 {
    seen + 2.0 * (seen + 1.0).sqrt() + 1.0
}

/// The bounds of a share of which a sample was seen: Wilson's interval at 95 % (Journal of the
/// American Statistical Association, 1927).
pub(super) fn share(part: u64, all: u64) -> (f64, f64) {
    if all == 0 {
        return (0.0, 1.0);
    }
    let (part, all) = (part.min(all) as f64, all as f64);
    let z2 = 1.96_f64.powi(2);
    let middle = (part + z2 / 2.0) / (all + z2);
    let around = 1.96 / (all + z2) * (part * (all - part) / all + z2 / 4.0).sqrt();
    ((middle - around).max(0.0), (middle + around).min(1.0))
}

/// The rate of something that has happened with this probability after `time`, at random.
pub(super) fn rate(probability: f64, time: f64) -> f64 {
    -(-probability.min(1.0 - 1e-9)).ln_1p() / time.max(1e-3)
}

/// After which time something at this rate has happened with this probability.
pub(super) fn time(probability: f64, rate: f64) -> f64 {
    -(-probability).ln_1p() / rate.max(1e-12)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn is_near(one: f64, other: f64) -> bool {
        (one - other).abs() <= 1e-3 * other.abs().max(1e-6)
    }

    #[test]
    fn rates_are_found_again_in_what_they_bring() {
        // Ten reads a second, one write in 20 seconds, kept for 30.
        let (reads, writes, ttl) = (10.0_f64, 0.05_f64, 30.0_f64);
        let (loads, hits) = (10_000_u64, reads * good_for(writes, ttl) * 10_000.0);
        let wrong = (loads as f64 * (1.0 - (-writes * ttl).exp())).round() as u64;
        let age = good_for(writes, ttl) + 1.0 / reads;
        let evidence = CacheEvidence {
            loads,
            hits: hits as u64,
            invalidated: wrong,
            time_up: loads - wrong,
            followed_for: SECOND.mul_f64(age * loads as f64),
            ..CacheEvidence::default()
        };
        let rates = Rates::of(&evidence).unwrap();
        assert!(is_near(rates.reads, reads), "{rates:?}");
        // Reads that come after the time are no wait for a write: half a percent here.
        assert!((rates.writes / writes - 1.0).abs() < 0.01, "{rates:?}");
        assert!(rates.most_writes > rates.writes);
        let expected = rates.hits_per_load(SECOND * 30);
        assert!((expected / (hits / 10_000.0) - 1.0).abs() < 0.01);
    }

    #[test]
    fn results_that_never_serve_anybody_are_not_thought_to_live_long() {
        // Each read finds what the last one stored wrong. How long ago that happened is unknown.
        let evidence = CacheEvidence {
            loads: 100,
            invalidated: 100,
            followed_for: SECOND * 100,
            ..CacheEvidence::default()
        };
        let rates = Rates::of(&evidence).unwrap();
        assert!(rates.hits_per_load(SECOND * 86_400) < 1e-3, "{rates:?}");
    }

    #[test]
    fn bounds_hold_what_was_seen_and_narrow() {
        let (low, high) = share(5, 10);
        assert!(low < 0.5 && high > 0.5 && low > 0.2 && high < 0.8);
        let (lower, higher) = share(500, 1_000);
        assert!(lower > low && higher < high);
        assert!(share(0, 100).1 < 0.04 && share(100, 100).0 > 0.96);
        assert!(is_near(at_most(0.0), 3.0));
        assert!(is_near(time(0.5, rate(0.5, 20.0)), 20.0));
    }
}
