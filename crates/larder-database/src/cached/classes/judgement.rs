//! From what was counted to what should be done: a pure function.

use std::time::Duration;

use super::advice::{CacheSavings, CacheVerdict, Confidence};
use super::economics::{Rates, at_most, hits_per_load, rate, share, time};
use super::evidence::CacheEvidence;

/// What is to be said of a class.
#[derive(Debug, Clone)]
pub(super) struct Judgement {
    pub(super) verdict: CacheVerdict,
    pub(super) why: String,
    pub(super) confidence: Confidence,
    pub(super) saves: CacheSavings,
}

/// Nothing is said of a class that was loaded less often, and nothing about results of which
/// fewer came to their end.
pub(super) const LEAST: u64 = 30;
/// Nothing is said earlier either.
pub(super) const LEAST_TIME: Duration = Duration::from_secs(300);
/// No result is advised to be kept for longer: who knows what is not heard of in a day.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// What keeping a result takes of a processor, beside memory: key, task, entry, looking at it.
const KEEPING: Duration = Duration::from_micros(25);
/// Where fewer loads serve somebody else, the memory serves others better.
const FEWEST_HITS: f64 = 0.05;

/// Judges a class; `None` before there is enough to go by.
///
/// What is served wrong comes first, then what brings nothing, then what could bring more.
pub(super) fn judge(evidence: &CacheEvidence) -> Option<Judgement> {
    if evidence.loads < LEAST || evidence.observed_for < LEAST_TIME || evidence.ttl.is_zero() {
        return None;
    }
    let found = changing(evidence)
        .or_else(|| violated(evidence))
        .or_else(|| useless(evidence))
        .or_else(|| too_short(evidence))
        .or_else(|| slower_shared(evidence))
        .or_else(|| crowded(evidence));
    let mut judgement = found.unwrap_or_else(|| Judgement {
        verdict: CacheVerdict::Fine,
        why: format!(
            "each load serves {:.1} other reads",
            hits_per_load(evidence)
        ),
        confidence: Confidence::of(evidence.loads),
        saves: CacheSavings::default(),
    });
    if evidence.ttl_varies {
        judgement
            .why
            .push_str("; its reads ask for different times, of which the longest is told");
    }
    Some(judgement)
}

/// Results that came back different too often when their time was up.
fn changing(evidence: &CacheEvidence) -> Option<Judgement> {
    let compared = evidence.changed + evidence.unchanged;
    let (least, _) = share(evidence.changed, compared);
    let from = evidence.ttl;
    // Whoever keeps a result for its time alone has agreed to some age; but not to results that
    // are mostly wrong. Others should not change at all without a write that is heard of.
    let (bearable, wanted) = if evidence.by_time {
        (0.5, 0.2)
    } else {
        (0.05, 0.01)
    };
    let interval = evidence.compared_for.as_secs_f64() / compared.max(1) as f64;
    let wrong_at_end =
        |probability| 1.0 - (-rate(probability, interval) * from.as_secs_f64()).exp();
    if compared >= LEAST && wrong_at_end(least) > bearable {
        let seen = (evidence.changed as f64 + 0.5) / (compared + 1) as f64;
        let to = time(wanted, rate(seen, interval));
        let to = shorter(from, to);
        let cause = if evidence.by_time {
            "it is kept for its time alone, or changes by itself"
        } else {
            "no write to its tables was heard of: something writes past Larder (`larder cache track` makes such writes heard), or the server is free in what it returns, as with LIMIT without an order"
        };
        return Some(Judgement {
            verdict: CacheVerdict::Shorten { from, to },
            why: format!(
                "{} of {compared} results whose time was up came back different; {cause}",
                evidence.changed
            ),
            confidence: Confidence::of(compared),
            saves: saved_by_time(evidence, to),
        });
    }
    None
}

/// Results that were found wrong while they were served.
fn violated(evidence: &CacheEvidence) -> Option<Judgement> {
    let (least, _) = share(evidence.violations, evidence.verified);
    if evidence.verified >= LEAST && least > 0.01 {
        let from = evidence.ttl;
        let seen = evidence.violations as f64 / evidence.verified as f64;
        // What is wrong for a part of its time on average is so for a part that grows with it.
        let to = shorter(from, from.as_secs_f64() * 0.005 / seen);
        return Some(Judgement {
            verdict: CacheVerdict::Shorten { from, to },
            why: format!(
                "{} of {} hits that were compared were not what the database returns: something writes past Larder (`larder cache track` makes such writes heard), or a function is not what it is declared to be",
                evidence.violations, evidence.verified
            ),
            confidence: Confidence::of(evidence.verified),
            saves: saved_by_time(evidence, to),
        });
    }
    None
}

/// Results that hardly anybody is served.
fn useless(evidence: &CacheEvidence) -> Option<Judgement> {
    let loads = evidence.loads as f64;
    let most = at_most(evidence.saved() as f64) / loads;
    let cost = KEEPING.as_secs_f64() / evidence.load_time.as_secs_f64().max(1e-6);
    let fewest = cost.clamp(FEWEST_HITS, 1.0);
    if most >= fewest {
        return None;
    }
    let (ended, followed) = (evidence.ended(), evidence.ended() + evidence.nothing_kept);
    let could_bring = Rates::of(evidence).map_or(0.0, |rates| rates.hits_per_load(LONGEST));
    let why = if evidence.not_kept * 2 > evidence.loads {
        format!(
            "{} of {} results could not be kept, mostly because a table of it is written all the time",
            evidence.not_kept, evidence.loads
        )
    } else if ended >= LEAST && evidence.invalidated * 2 > ended && could_bring < fewest {
        format!(
            "{} of {ended} results were invalidated before anybody was served them, or as good as",
            evidence.invalidated
        )
    } else if followed >= LEAST
        && share(evidence.nothing_kept, followed).0 > 0.8
        && evidence.observed_for >= evidence.ttl * 2
    {
        format!(
            "{} of {followed} loads were the first of their values: nobody asks for them again in time",
            evidence.nothing_kept
        )
    } else {
        return None;
    };
    let per_hour = loads / hours(evidence);
    let spent = KEEPING.as_secs_f64() - evidence.load_time.as_secs_f64() * hits_per_load(evidence);
    Some(Judgement {
        verdict: CacheVerdict::DoNotCache,
        why: format!(
            "{why}; {} reads were served by {} loads",
            evidence.saved(),
            evidence.loads
        ),
        confidence: Confidence::of(evidence.loads),
        saves: CacheSavings {
            queries_per_hour: -(evidence.saved() as f64) / hours(evidence),
            milliseconds_per_hour: spent * per_hour * 1_000.0,
            bytes: kept_bytes(evidence),
        },
    })
}

/// Results that are given up although they are right.
fn too_short(evidence: &CacheEvidence) -> Option<Judgement> {
    let (ended, from) = (evidence.ended(), evidence.ttl);
    if ended < LEAST || evidence.time_up * 2 < ended {
        return None;
    }
    let rates = Rates::of(evidence)?;
    let compared = evidence.changed + evidence.unchanged;
    let (_, most_changed) = share(evidence.changed, compared);
    // The last of a few lives says little about where the tenth of many ends.
    let lifetime = evidence.lifetime_p90.filter(|_| evidence.invalidated >= 10);
    let to = if evidence.by_time {
        // No write tells when they change, only what came back.
        if compared < LEAST {
            return None;
        }
        let interval = evidence.compared_for.as_secs_f64() / compared as f64;
        time(0.1, rate(most_changed, interval))
    } else {
        if evidence.changed * 50 > compared {
            return None;
        }
        match lifetime {
            Some(lifetime) => lifetime.as_secs_f64(),
            None => time(0.9, rates.most_writes),
        }
    };
    let to = rounded(to.min(LONGEST.as_secs_f64()));
    if to < from.mul_f64(1.5) {
        return None;
    }
    let saves = saved_by_time(evidence, to);
    let now = loads_per_hour(evidence);
    if saves.queries_per_hour <= now * 0.1 {
        return None;
    }
    let unchanged = if compared > 0 {
        format!(
            ", and {} of {compared} that were compared came back the same",
            evidence.unchanged
        )
    } else {
        String::new()
    };
    let until = match (evidence.by_time, lifetime) {
        (true, _) => "",
        (false, Some(_)) => "; by the longer time a write has made nine of ten wrong",
        (false, None) => "; what was seen does not vouch for more",
    };
    Some(Judgement {
        verdict: CacheVerdict::Lengthen { from, to },
        why: format!(
            "{} of {ended} results ended because their time was up, {} because of a write{unchanged}{until}",
            evidence.time_up, evidence.invalidated
        ),
        confidence: Confidence::of(ended),
        saves,
    })
}

/// Results that Redis gives no sooner than the database.
fn slower_shared(evidence: &CacheEvidence) -> Option<Judgement> {
    let loaded = evidence.loads - evidence.fetched;
    if evidence.fetched < LEAST || loaded < LEAST || evidence.fetch_time < evidence.load_time {
        return None;
    }
    let fetched = evidence.fetched as f64 / hours(evidence);
    let longer = evidence.fetch_time - evidence.load_time;
    Some(Judgement {
        verdict: CacheVerdict::KeepLocal,
        why: format!(
            "Redis gives a result in {:.1?}, the database in {:.1?}",
            evidence.fetch_time, evidence.load_time
        ),
        confidence: Confidence::of(evidence.fetched.min(loaded)),
        saves: CacheSavings {
            queries_per_hour: -fetched,
            milliseconds_per_hour: fetched * longer.as_secs_f64() * 1_000.0,
            bytes: 0,
        },
    })
}

/// Results that make room for others too early.
fn crowded(evidence: &CacheEvidence) -> Option<Judgement> {
    let ended = evidence.ended();
    let (least, _) = share(evidence.lost, ended);
    if ended < LEAST || least < 0.3 {
        return None;
    }
    let lost = evidence.lost as f64 / ended as f64 * loads_per_hour(evidence);
    Some(Judgement {
        verdict: CacheVerdict::MakeRoom,
        why: format!(
            "{} of {ended} results were gone before their time, and not because of a write: they made room for others (cache.max_entries, cache.max_bytes), or patterns meet them",
            evidence.lost
        ),
        confidence: Confidence::of(ended),
        saves: CacheSavings {
            queries_per_hour: lost,
            milliseconds_per_hour: lost * evidence.load_time.as_secs_f64() * 1_000.0,
            bytes: 0,
        },
    })
}

/// What another time would save, by the model in `economics.rs`; negative for a shorter one.
fn saved_by_time(evidence: &CacheEvidence, to: Duration) -> CacheSavings {
    let Some(rates) = Rates::of(evidence) else {
        return CacheSavings::default();
    };
    let expected = |ttl| 1.0 + rates.hits_per_load(ttl);
    let loads = loads_per_hour(evidence);
    let queries = loads * (1.0 - expected(evidence.ttl) / expected(to));
    CacheSavings {
        queries_per_hour: queries,
        milliseconds_per_hour: queries * evidence.load_time.as_secs_f64() * 1_000.0,
        bytes: 0,
    }
}

/// Loads from the database in an hour.
fn loads_per_hour(evidence: &CacheEvidence) -> f64 {
    (evidence.loads - evidence.fetched) as f64 / hours(evidence)
}

/// What the results take that are there at a time, by Little's law.
fn kept_bytes(evidence: &CacheEvidence) -> u64 {
    let kept = (evidence.loads - evidence.not_kept) as f64;
    let there = kept / evidence.observed_for.as_secs_f64().max(1.0) * evidence.ttl.as_secs_f64();
    (there.min(kept) * evidence.bytes as f64) as u64
}

fn hours(evidence: &CacheEvidence) -> f64 {
    evidence.observed_for.as_secs_f64().max(1.0) / 3_600.0
}

/// So many seconds, but shorter than before in any case.
fn shorter(from: Duration, seconds: f64) -> Duration {
    let to = rounded(seconds.min(from.as_secs_f64() / 2.0));
    to.max(Duration::from_millis(1)).min(from / 2)
}

/// A time as people say it: nobody configures 8,231.7 seconds.
fn rounded(seconds: f64) -> Duration {
    const UNITS: [(f64, f64); 5] = [
        (36_000.0, 3_600.0),
        (3_600.0, 600.0),
        (600.0, 60.0),
        (60.0, 10.0),
        (1.0, 1.0),
    ];
    let unit = UNITS.iter().find(|(least, _)| seconds >= *least);
    let unit = unit.map_or(0.001, |(_, unit)| *unit);
    Duration::from_secs_f64((seconds / unit).floor() * unit)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod properties;
#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
mod tests;
