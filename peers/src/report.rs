//! What was measured, and what of it stands beside what.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

use crate::arguments::Options;
use crate::contenders::{
    CONNECTIONS, DIESEL_BB8, DIESEL_BB8_PING, DIESEL_DEADPOOL, LARDER_LANES, LARDER_POOL, SEA_ORM,
    SQLX, SQLX_NO_PING, TOKIO_POSTGRES,
};
use crate::fixture::{Fixture, ROWS};
use crate::rounds::{Measured, TASKS};

/// All that the bench gave.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) bench: &'static str,
    pub(crate) quick: bool,
    pub(crate) processors: usize,
    pub(crate) postgresql: String,
    /// How long it all took.
    pub(crate) seconds: f64,
    /// Rows of the table.
    pub(crate) rows: i64,
    /// Connections of each pool.
    pub(crate) connections: usize,
    pub(crate) contenders: Vec<Standing>,
    /// By `OURS_vs_THEIRS_TASKS`, the median over rounds of what both needed in the same round.
    /// With one task how much of their time we need, at most 1 is good; with more how many times
    /// their reads a second we do, at least 1 is good.
    pub(crate) ratios: BTreeMap<String, f64>,
    pub(crate) goals: Vec<Goal>,
}

/// What a contender has needed.
#[derive(Debug, Serialize)]
pub(crate) struct Standing {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) reads: Vec<Reads>,
}

/// The reads of so many tasks at a time.
#[derive(Debug, Serialize)]
pub(crate) struct Reads {
    pub(crate) tasks: usize,
    /// Of the rounds: the time of all reads of a round divided by their number.
    pub(crate) median_ns: f64,
    pub(crate) min_ns: f64,
    pub(crate) max_ns: f64,
    pub(crate) rounds: usize,
    /// By the median.
    pub(crate) reads_per_second: f64,
}

/// What a ratio should be.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Goal {
    pub(crate) ratio: &'static str,
    pub(crate) at_least: Option<f64>,
    pub(crate) at_most: Option<f64>,
    pub(crate) value: f64,
    pub(crate) met: bool,
}

/// What every one of ours is set beside.
const PEERS: [&str; 7] = [
    DIESEL_BB8,
    DIESEL_BB8_PING,
    DIESEL_DEADPOOL,
    SQLX,
    SQLX_NO_PING,
    SEA_ORM,
    TOKIO_POSTGRES,
];

/// Ours, by the words that ratios begin with.
const OURS: [(&str, &str); 2] = [("lanes", LARDER_LANES), ("pool", LARDER_POOL)];

impl Report {
    /// What a run gave that began at this time.
    pub(crate) fn new(
        fixture: &Fixture,
        options: &Options,
        began: Instant,
        measured: Vec<Measured>,
    ) -> Self {
        let ratios = ratios(&measured);
        Self {
            bench: "pool",
            quick: options.quick,
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            postgresql: fixture.postgresql.clone(),
            seconds: began.elapsed().as_secs_f64(),
            rows: ROWS,
            connections: CONNECTIONS,
            contenders: measured.into_iter().map(Standing::of).collect(),
            goals: goals(&ratios),
            ratios,
        }
    }

    /// Whether other work on the machine shows in the figures: many a median is far above its
    /// minimum.
    pub(crate) fn is_disturbed(&self) -> bool {
        let reads = || self.contenders.iter().flat_map(|one| &one.reads);
        let disturbed = reads().filter(|reads| reads.median_ns > 1.5 * reads.min_ns);
        disturbed.count() * 4 > reads().count()
    }
}

impl Standing {
    fn of(measured: Measured) -> Self {
        let reads = TASKS.into_iter().zip(measured.times);
        Self {
            name: measured.name,
            label: measured.label,
            reads: reads
                .map(|(tasks, times)| Reads::of(tasks, times))
                .collect(),
        }
    }
}

impl Reads {
    fn of(tasks: usize, times: Vec<f64>) -> Self {
        let least = times.iter().copied().fold(f64::INFINITY, f64::min);
        let most = times.iter().copied().fold(0.0, f64::max);
        let rounds = times.len();
        let median_ns = median(times);
        Self {
            tasks,
            median_ns,
            min_ns: least,
            max_ns: most,
            rounds,
            reads_per_second: 1e9 / median_ns,
        }
    }
}

/// All ratios of contenders that have run.
fn ratios(measured: &[Measured]) -> BTreeMap<String, f64> {
    let find = |name| measured.iter().find(|one| one.name == name);
    let mut ratios = BTreeMap::new();
    for (word, name) in OURS {
        let Some(ours) = find(name) else { continue };
        for theirs in PEERS.into_iter().chain([LARDER_POOL]).filter_map(find) {
            if theirs.name == ours.name {
                continue;
            }
            for (place, tasks) in TASKS.into_iter().enumerate() {
                let times = ours.times[place].iter().zip(&theirs.times[place]);
                let ratio = times.map(|(ours, theirs)| match tasks {
                    1 => ours / theirs,
                    _ => theirs / ours,
                });
                let peer = match theirs.name {
                    DIESEL_BB8 => "diesel_async",
                    name => name,
                };
                let key = format!("{word}_vs_{peer}_{tasks}");
                ratios.insert(key, median(ratio.collect()));
            }
        }
    }
    ratios
}

fn goals(ratios: &BTreeMap<String, f64>) -> Vec<Goal> {
    let goals = [
        ("lanes_vs_sqlx_64", Some(3.0), None),
        ("pool_vs_diesel_async_1", None, Some(1.03)),
    ];
    let goal = |(ratio, at_least, at_most): (&'static str, Option<f64>, Option<f64>)| {
        let value = *ratios.get(ratio)?;
        Some(Goal {
            ratio,
            at_least,
            at_most,
            value,
            met: at_least.is_none_or(|least| value >= least)
                && at_most.is_none_or(|most| value <= most),
        })
    };
    goals.into_iter().filter_map(goal).collect()
}

/// The value in the middle, or the mean of the two that are; not a number where there is none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    (at(values.len().saturating_sub(1) / 2) + at(values.len() / 2)) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(name: &'static str, one: &[f64], many: &[f64]) -> Measured {
        Measured {
            name,
            label: name,
            times: [one.to_vec(), many.to_vec(), many.to_vec()],
        }
    }

    #[test]
    fn both_of_a_round_are_compared_and_the_median_counts() {
        // The second round was disturbed, for both alike.
        let ours = measured(LARDER_POOL, &[10.0, 90.0, 11.0], &[1.0, 2.0]);
        let theirs = measured(DIESEL_BB8, &[10.0, 100.0, 10.0], &[3.0, 8.0]);
        let ratios = ratios(&[ours, theirs]);
        assert_eq!(ratios["pool_vs_diesel_async_1"], 1.0);
        assert_eq!(ratios["pool_vs_diesel_async_64"], 3.5);
        assert_eq!(ratios.len(), 3);
        let goals = goals(&ratios);
        assert_eq!(goals.len(), 1);
        assert!(goals[0].met);
    }

    #[test]
    fn a_goal_is_missed_on_its_own_side() {
        let ratios = [("lanes_vs_sqlx_64", 2.9), ("pool_vs_diesel_async_1", 1.04)];
        let ratios = ratios.map(|(name, value)| (name.to_owned(), value)).into();
        assert!(goals(&ratios).iter().all(|goal| !goal.met));
    }

    #[test]
    fn the_median_of_an_even_number_is_between_two() {
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(vec![9.0]), 9.0);
        assert!(median(Vec::new()).is_nan());
    }
}
