//! How many connections a pool should lend, by what was asked of it.
//!
//! Waiting a little for a connection that comes back is cheaper than opening another, for the
//! caller and for the server. So the limit begins at `size`, grows as soon as somebody has waited
//! for long, and shrinks again only after the pool was hardly used for a while.

use std::fmt;

use crate::admission::Waits;

/// More of its connections than this in use: it is too small.
const BUSY: f64 = 0.8;
/// Fewer than this, for [`CALM_PERIODS`]: it is too large.
const QUIET: f64 = 0.3;
/// Looks in one period.
const LOOKS: u32 = 10;
/// Quiet periods without a pause before it shrinks.
const CALM_PERIODS: u32 = 3;

/// What the pool's advisor thinks of its size, in words and figures.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PoolAdvice {
    /// How many connections are lent at the same time now.
    pub limit: usize,
    /// How many it would lend if nothing bounded it: what `pool.size` and `pool.overflow` should
    /// come to.
    pub suggested: usize,
    /// Why.
    pub reason: AdviceReason,
    /// The share of the limit that was in use over the last period, from 0 to 1.
    pub usage: f64,
}

/// Why a number of connections is advised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdviceReason {
    /// Nothing was seen yet, or what there is fits.
    Fits,
    /// Callers waited for longer than the target.
    Waited,
    /// More than 80 % were in use.
    Busy,
    /// Less than 30 % were in use for a while, and nobody waited.
    Quiet,
}

impl AdviceReason {
    /// In one word, for the label of a metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Waited => "waited",
            Self::Busy => "busy",
            Self::Quiet => "quiet",
        }
    }
}

impl fmt::Display for PoolAdvice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.usage * 100.0;
        match self.reason {
            AdviceReason::Fits => write!(formatter, "{percent:.0} % in use, which fits")?,
            AdviceReason::Waited => formatter.write_str("callers waited for too long")?,
            AdviceReason::Busy => write!(formatter, "{percent:.0} % in use, more than 80 %")?,
            AdviceReason::Quiet => write!(
                formatter,
                "{percent:.0} % in use, less than 30 %, and nobody waited"
            )?,
        }
        write!(formatter, "; it lends up to {}", self.limit)?;
        match self.suggested.cmp(&self.limit) {
            std::cmp::Ordering::Greater => write!(
                formatter,
                ", and {} would be better: raise pool.size or pool.overflow, or make statements faster",
                self.suggested
            ),
            std::cmp::Ordering::Less => {
                write!(formatter, ", and {} would do", self.suggested)
            }
            std::cmp::Ordering::Equal => Ok(()),
        }
    }
}

/// Watches the use of a pool. It advises in any case; whether the pool follows is up to it.
pub(crate) struct Advisor {
    lowest: usize,
    highest: usize,
    looks: u32,
    /// The sum over the looks of this period.
    in_use: f64,
    waited: bool,
    calm: u32,
    advice: PoolAdvice,
}

impl Advisor {
    /// For a limit between `lowest` and `highest` that is `limit` now.
    pub(crate) fn new(lowest: usize, highest: usize, limit: usize) -> Self {
        Self {
            lowest,
            highest: highest.max(lowest),
            looks: 0,
            in_use: 0.0,
            waited: false,
            calm: 0,
            advice: PoolAdvice {
                limit,
                suggested: limit,
                reason: AdviceReason::Fits,
                usage: 0.0,
            },
        }
    }

    pub(crate) fn advice(&self) -> &PoolAdvice {
        &self.advice
    }

    /// Somebody waits for too long. Says whether the limit is to move, which is at once: a burst
    /// is over before a period is.
    pub(crate) fn pressed(&mut self) -> bool {
        self.waited = true;
        self.calm = 0;
        self.advise(grown(self.advice.limit), AdviceReason::Waited)
    }

    /// Looks at the pool, from time to time. Says whether the limit is to move.
    pub(crate) fn look(&mut self, in_use: usize, waits: Waits) -> bool {
        self.in_use += in_use as f64;
        self.waited |= waits.long > 0 || waits.shed > 0;
        self.looks += 1;
        if self.looks < LOOKS {
            return false;
        }
        let usage = self.in_use / f64::from(self.looks) / self.advice.limit.max(1) as f64;
        let waited = std::mem::take(&mut self.waited);
        (self.looks, self.in_use) = (0, 0.0);
        self.advice.usage = usage;
        let is_quiet = usage < QUIET && !waited;
        self.calm = if is_quiet { self.calm + 1 } else { 0 };
        let limit = self.advice.limit;
        if usage > BUSY {
            self.advise(grown(limit), AdviceReason::Busy)
        } else if self.calm >= CALM_PERIODS {
            self.calm = 0;
            self.advise(shrunk(limit), AdviceReason::Quiet)
        } else if waited {
            self.advise(grown(limit), AdviceReason::Waited)
        } else if !is_quiet {
            self.advise(limit, AdviceReason::Fits)
        } else {
            false
        }
    }

    fn advise(&mut self, suggested: usize, reason: AdviceReason) -> bool {
        let limit = suggested.clamp(self.lowest, self.highest);
        let moves = limit != self.advice.limit;
        self.advice.limit = limit;
        self.advice.suggested = suggested;
        self.advice.reason = reason;
        moves
    }
}

/// Half as much again.
fn grown(limit: usize) -> usize {
    limit + limit.div_ceil(2)
}

/// Four fifths of it, and at least one less.
fn shrunk(limit: usize) -> usize {
    (limit * 4 / 5).clamp(1, limit.saturating_sub(1).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(advisor: &mut Advisor, in_use: usize) -> bool {
        (0..LOOKS).fold(false, |moved, _| {
            advisor.look(in_use, Waits::default()) || moved
        })
    }

    #[test]
    fn it_grows_at_once_when_somebody_waits_and_stops_at_the_bound() {
        let mut advisor = Advisor::new(5, 15, 5);
        let mut limits = vec![];
        while advisor.pressed() {
            limits.push(advisor.advice().limit);
        }
        assert_eq!(limits, [8, 12, 15]);
        let advice = advisor.advice();
        assert_eq!(
            (advice.reason, advice.suggested),
            (AdviceReason::Waited, 23)
        );
        assert!(advice.to_string().contains("raise pool.size"), "{advice}");
    }

    #[test]
    fn it_grows_when_most_of_it_is_in_use() {
        let mut advisor = Advisor::new(5, 50, 10);
        assert!(!period(&mut advisor, 8), "80 % is not above 80 %");
        assert!(period(&mut advisor, 9));
        assert_eq!(advisor.advice().limit, 15);
        assert_eq!(advisor.advice().reason, AdviceReason::Busy);
        assert!(advisor.advice().to_string().contains("90 % in use"));
    }

    #[test]
    fn it_shrinks_only_after_it_was_quiet_for_a_while() {
        let mut advisor = Advisor::new(5, 15, 15);
        assert!(!period(&mut advisor, 1));
        assert!(!period(&mut advisor, 1));
        assert!(!period(&mut advisor, 5), "a third is not quiet");
        assert!(!period(&mut advisor, 1));
        assert!(!period(&mut advisor, 1));
        assert!(period(&mut advisor, 1));
        assert_eq!(advisor.advice().limit, 12);
        for _ in 0..100 {
            period(&mut advisor, 0);
        }
        assert_eq!(advisor.advice().limit, 5, "never below its size");
        assert_eq!(advisor.advice().suggested, 4);
    }

    #[test]
    fn whoever_waited_keeps_it_from_shrinking() {
        let mut advisor = Advisor::new(5, 15, 15);
        for _ in 0..20 {
            let long = Waits {
                count: 1,
                long: 1,
                ..Waits::default()
            };
            advisor.look(0, long);
            period(&mut advisor, 0);
        }
        assert_eq!(advisor.advice().limit, 15);
    }
}
