//! What the histories prove, held against what the database has in the end.
//!
//! - `lost`: a write was acknowledged, and the ledger does not have it.
//! - `doubled`: the ledger has a write twice, or a register was counted up more or less often
//!   than the ledger says.
//! - `own_write_missed`: a read that began after its own process's write was acknowledged
//!   returned an older version.
//! - `stale_beyond_bound`: a read returned a version although a later one had been visible for
//!   longer than the bound when the read began.
//! - `dirty`: a read returned what was never committed, or not yet.
//! - `contradicted`: a write was said to have had no effect, and the ledger has it.
//!
//! [`truth`] knows what was committed and since when it was visible; [`reads`] and [`writes`]
//! judge by it; [`sources`] tells hits from loads.

mod reads;
mod sources;
#[cfg(test)]
mod tests;
mod truth;
mod verdicts;
mod writes;

pub(crate) use sources::{Hits, hits};
pub(crate) use truth::{Committed, Truth};
pub(crate) use verdicts::{Verdict, Verdicts};

use truth::Timeline;

use std::collections::HashSet;

use crate::history::{Incarnation, ReadOutcome};
use crate::register::Register;

/// The task of the reads at the very end, when all processes must agree.
pub(crate) const FINAL_TASK: u32 = 999;

/// Judges the histories of a run; the bound is in nanoseconds.
pub(crate) fn check(histories: &[Incarnation], truth: &Truth, bound: u64) -> Verdicts {
    let timeline = Timeline::of(truth, histories);
    let mut verdicts = Verdicts::default();
    writes::check(histories, truth, &mut verdicts);
    for history in histories {
        reads::check(history, &timeline, bound, &mut verdicts);
    }
    verdicts
}

/// How many processes read every register in every way in the end.
pub(crate) fn read_everything(histories: &[Incarnation], shapes: usize) -> usize {
    let all = Register::all().count() * shapes;
    let complete = histories.iter().filter(|history| {
        let mut seen = HashSet::new();
        for read in &history.reads {
            if let (FINAL_TASK, ReadOutcome::Seen { values, .. }) = (read.task, &read.outcome) {
                seen.extend(values.iter().map(|value| (&read.shape, value.register)));
            }
        }
        history.ended && seen.len() == all
    });
    complete.count()
}

/// How many writes were under way between announcement and acknowledgement when their process
/// was killed; and how many of those took effect.
pub(crate) fn killed_around_commit(histories: &[Incarnation], truth: &Truth) -> (u64, u64) {
    writes::killed_around_commit(histories, truth)
}
