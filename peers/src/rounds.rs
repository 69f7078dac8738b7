//! Rounds that take turns: every contender reads a little in each, one after the other, over and
//! over, so that what disturbs the machine disturbs them alike.

use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::Options;
use crate::contenders::Entrant;
use crate::error::Result;

/// With how many tasks at a time rows are read.
pub(crate) const TASKS: [usize; 3] = [1, 16, 64];

/// How many rows a contender reads in a round, all tasks together: milliseconds, so that many
/// rounds pass without an interruption where the machine has other work.
const READS: [usize; 3] = [64, 512, 1_024];

/// Rounds before those that count: they open the connections and prepare the statement on each.
const WARM_UP: usize = 5;

/// What a contender has needed for a read.
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    /// For each number of [`TASKS`]: nanoseconds for one read, a value for each round. The
    /// places of all contenders belong to the same rounds.
    pub(crate) times: [Vec<f64>; TASKS.len()],
}

/// Runs all rounds.
pub(crate) async fn run(entrants: Vec<Entrant>, options: &Options) -> Result<Vec<Measured>> {
    let rounds = if options.quick {
        [61, 31, 31]
    } else {
        [301, 151, 151]
    };
    let progress = progress(rounds.iter().map(|rounds| rounds + WARM_UP).sum());
    let mut measured: Vec<_> = entrants
        .iter()
        .map(|entrant| Measured {
            name: entrant.name,
            label: entrant.label,
            times: Default::default(),
        })
        .collect();
    let count = entrants.len();
    for (place, tasks) in TASKS.into_iter().enumerate() {
        progress.set_message(format!("{tasks} tasks"));
        let each = READS[place] / tasks;
        for round in 0..WARM_UP + rounds[place] {
            for turn in 0..count {
                // Another one begins each round, so that all have the same place equally often.
                let number = (round + turn) % count;
                let taken = entrants[number].read(tasks, each).await?;
                if round >= WARM_UP {
                    let reads = (each * tasks) as f64;
                    measured[number].times[place].push(taken.as_secs_f64() * 1e9 / reads);
                }
            }
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(measured)
}

/// Rounds that are done, where somebody looks at a terminal.
fn progress(rounds: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} rounds, {msg}, {eta} to go");
    ProgressBar::new(rounds as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
