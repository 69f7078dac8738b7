//! What overload gave, in figures.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::Serialize;

use super::contenders::Contender;
use super::load::{Request, Requests};

/// The contenders under the same load.
#[derive(Debug, Serialize)]
pub(crate) struct Overload {
    pub(crate) title: String,
    /// Requests a second that the database carries.
    pub(crate) carried: f64,
    /// Requests a second that came.
    pub(crate) rate: f64,
    pub(crate) goal_ms: f64,
    pub(crate) rows: Vec<Row>,
    /// Where the plot is.
    pub(crate) plot: String,
}

/// One contender.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) came: u64,
    pub(crate) served: usize,
    pub(crate) refused: usize,
    /// Neither served nor refused at the end.
    pub(crate) left: u64,
    pub(crate) served_each_second: f64,
    pub(crate) served_p50_ms: f64,
    pub(crate) served_p99_ms: f64,
    /// The same of those that came after the first second.
    pub(crate) settled_p99_ms: f64,
    pub(crate) refused_p50_ms: f64,
    pub(crate) refused_p99_ms: f64,
}

impl Row {
    pub(super) fn of(contender: &Contender, requests: &Requests, length: Duration) -> Self {
        let settled = Duration::from_secs(1);
        let served = |request: &&Request| request.was_served;
        let all = sorted(requests.over.iter().filter(served));
        let later = requests
            .over
            .iter()
            .filter(|request| request.came > settled);
        let later = sorted(later.filter(served));
        let refused = sorted(requests.over.iter().filter(|request| !request.was_served));
        Self {
            name: contender.name(),
            label: contender.label(),
            came: requests.came,
            served: all.len(),
            refused: refused.len(),
            left: requests.came.saturating_sub(requests.over.len() as u64),
            served_each_second: all.len() as f64 / length.as_secs_f64(),
            served_p50_ms: at(&all, 0.5),
            served_p99_ms: at(&all, 0.99),
            settled_p99_ms: at(&later, 0.99),
            refused_p50_ms: at(&refused, 0.5),
            refused_p99_ms: at(&refused, 0.99),
        }
    }
}

/// How long these took, in milliseconds, the shortest first.
pub(super) fn sorted<'r>(requests: impl Iterator<Item = &'r Request>) -> Vec<f64> {
    let mut times: Vec<_> = requests
        .map(|request| request.took.as_secs_f64() * 1e3)
        .collect();
    times.sort_unstable_by(f64::total_cmp);
    times
}

/// The time that this share of them took at most; nothing where there are none.
pub(super) fn at(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share) as usize;
    let last = sorted.len().saturating_sub(1);
    sorted.get(place.min(last)).copied().unwrap_or(0.0)
}

impl Display for Overload {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "\n{}", self.title)?;
        writeln!(
            out,
            "{:34} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>8}",
            "", "served/s", "p50 ms", "p99 ms", "later", "refused", "p50 ms", "left"
        )?;
        for row in &self.rows {
            writeln!(
                out,
                "{:34} {:>8.0} {:>8.1} {:>8.1} {:>8.1} {:>8} {:>9.1} {:>8}",
                row.label,
                row.served_each_second,
                row.served_p50_ms,
                row.served_p99_ms,
                row.settled_p99_ms,
                row.refused,
                row.refused_p50_ms,
                row.left
            )?;
        }
        let met = self
            .rows
            .iter()
            .find(|row| row.name == "larder")
            .is_some_and(|row| row.served_p99_ms <= self.goal_ms);
        writeln!(
            out,
            "    p99 of the served: goal at most {:.0} ms, {}; later: of those that came after the first second",
            self.goal_ms,
            if met { "met" } else { "missed" }
        )?;
        writeln!(out, "    over time: {}", self.plot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_taken_from_what_there_is() {
        let times: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((at(&times, 0.5), at(&times, 0.99)), (51.0, 100.0));
        assert_eq!(at(&[], 0.99), 0.0);
    }
}
