//! What was measured.

use std::time::Instant;

use larder_database::Database;
use serde::Serialize;

use crate::outcome::{HitRatios, Latencies, Restarts, RowLoads};
use crate::overload::Overload;
use crate::race::Effort;

/// All that a bench gave.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) bench: &'static str,
    pub(crate) quick: bool,
    pub(crate) processors: usize,
    pub(crate) postgresql: String,
    /// How long it all took.
    pub(crate) seconds: f64,
    pub(crate) groups: Vec<Group>,
    pub(crate) latencies: Vec<Latencies>,
    pub(crate) hit_ratios: Vec<HitRatios>,
    pub(crate) restarts: Vec<Restarts>,
    pub(crate) row_loads: Vec<RowLoads>,
    pub(crate) overloads: Vec<Overload>,
    pub(crate) memory: Vec<Memory>,
}

/// Figures that were measured together.
#[derive(Debug, Serialize)]
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) figures: Vec<Figure>,
    /// What has to be known to read the figures.
    pub(crate) notes: Vec<String>,
}

/// How long something takes: nanoseconds, over rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) label: String,
    #[serde(rename = "median_ns")]
    pub(crate) median: f64,
    #[serde(rename = "min_ns")]
    pub(crate) min: f64,
    #[serde(rename = "max_ns")]
    pub(crate) max: f64,
    pub(crate) rounds: usize,
    /// Beside another figure of the same group.
    pub(crate) ratio: Option<Ratio>,
    pub(crate) goal: Option<Goal>,
}

/// The median divided by another's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Ratio {
    /// The name of the other figure.
    pub(crate) to: &'static str,
    pub(crate) value: f64,
}

/// What a figure should be at most.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Goal {
    /// The bound as people write it.
    pub(crate) at_most: String,
    pub(crate) met: bool,
}

/// What entries take in memory, beside the estimate that bounds the cache.
#[derive(Debug, Serialize)]
pub(crate) struct Memory {
    pub(crate) name: &'static str,
    pub(crate) label: String,
    pub(crate) entries: u64,
    /// By how much the memory of the process grew, for each entry.
    pub(crate) resident_bytes: f64,
    /// What the cache counted, for each entry.
    pub(crate) estimated_bytes: f64,
    /// The estimate divided by the growth.
    pub(crate) ratio: f64,
}

impl Report {
    /// What a bench gave that began at this time.
    pub(crate) fn new(
        bench: &'static str,
        effort: Effort,
        db: &Database,
        began: Instant,
        groups: Vec<Group>,
    ) -> Self {
        Self {
            bench,
            quick: effort == Effort::Quick,
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            postgresql: db.server_version().to_owned(),
            seconds: began.elapsed().as_secs_f64(),
            groups,
            latencies: Vec::new(),
            hit_ratios: Vec::new(),
            restarts: Vec::new(),
            row_loads: Vec::new(),
            overloads: Vec::new(),
            memory: Vec::new(),
        }
    }

    /// Whether other work on the machine shows in the figures: many a median is far above its
    /// minimum.
    pub(crate) fn is_disturbed(&self) -> bool {
        let figures = || self.groups.iter().flat_map(|group| &group.figures);
        let disturbed = figures().filter(|figure| figure.median > 1.5 * figure.min);
        disturbed.count() * 4 > figures().count()
    }
}

impl Figure {
    /// From the times of rounds, of which there is at least one.
    pub(crate) fn of_times(name: &'static str, label: String, mut times: Vec<f64>) -> Self {
        times.sort_unstable_by(f64::total_cmp);
        let at = |place: usize| times.get(place).copied().unwrap_or(f64::NAN);
        let rounds = times.len();
        Self {
            name,
            label,
            median: (at(rounds.saturating_sub(1) / 2) + at(rounds / 2)) / 2.0,
            min: at(0),
            max: at(rounds.saturating_sub(1)),
            rounds,
            ratio: None,
            goal: None,
        }
    }
}

impl Group {
    pub(crate) fn new(name: &'static str, title: &'static str, figures: Vec<Figure>) -> Self {
        Self {
            name,
            title,
            figures,
            notes: Vec::new(),
        }
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Sets a figure beside another one.
    pub(crate) fn compare(mut self, name: &str, to: &'static str) -> Self {
        let other = self.median(to);
        if let (Some(other), Some(figure)) = (other, self.find(name)) {
            figure.ratio = Some(Ratio {
                to,
                value: figure.median / other,
            });
        }
        self
    }

    /// Sets all figures but the one itself beside that one.
    pub(crate) fn compare_all(self, to: &'static str) -> Self {
        let names: Vec<_> = self.figures.iter().map(|figure| figure.name).collect();
        let others = names.into_iter().filter(|name| *name != to);
        others.fold(self, |group, name| group.compare(name, to))
    }

    /// A median should be so many nanoseconds at most.
    pub(crate) fn at_most_ns(mut self, name: &str, most: f64) -> Self {
        if let Some(figure) = self.find(name) {
            figure.goal = Some(Goal {
                at_most: format!("{most:.0} ns"),
                met: figure.median <= most,
            });
        }
        self
    }

    /// A figure should be so many percent above another one, at most. The minima are compared:
    /// so small a difference is lost in medians as soon as the machine has other work.
    pub(crate) fn at_most_above(mut self, name: &str, percent: f64, other: &str) -> Self {
        let others = self.figures.iter().find(|figure| figure.name == other);
        let least = others.map(|figure| figure.min);
        if let (Some(least), Some(figure)) = (least, self.find(name)) {
            figure.goal = Some(Goal {
                at_most: format!("{percent:.0} % more, by the minima"),
                met: (figure.min / least - 1.0) * 100.0 <= percent,
            });
        }
        self
    }

    fn find(&mut self, name: &str) -> Option<&mut Figure> {
        self.figures.iter_mut().find(|figure| figure.name == name)
    }

    fn median(&self, name: &str) -> Option<f64> {
        let figure = self.figures.iter().find(|figure| figure.name == name);
        figure.map(|figure| figure.median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> Group {
        let figure = |name, times: &[f64]| Figure::of_times(name, name.to_owned(), times.to_vec());
        Group::new(
            "g",
            "G",
            vec![
                figure("peer", &[30.0, 10.0, 20.0]),
                figure("ours", &[41.0, 39.0, 50.0, 40.0]),
            ],
        )
    }

    #[test]
    fn the_median_of_rounds_is_compared() {
        let group = group().compare_all("peer");
        let [peer, ours] = &group.figures[..] else {
            panic!("there are two");
        };
        assert_eq!((peer.median, peer.min, peer.max), (20.0, 10.0, 30.0));
        assert_eq!(ours.median, 40.5);
        assert_eq!(peer.ratio, None);
        let (to, value) = ("peer", 40.5 / 20.0);
        assert_eq!(ours.ratio, Some(Ratio { to, value }));
    }

    #[test]
    fn a_goal_is_met_or_missed() {
        let group = group()
            .compare_all("peer")
            .at_most_ns("peer", 20.0)
            .at_most_above("ours", 289.0, "peer");
        let met = |index: usize| group.figures[index].goal.as_ref().unwrap().met;
        assert!(met(0));
        assert!(!met(1), "it is 290 % more");
    }
}
