//! Where results came from: a result carries the time at which the database made it, so nobody
//! has to be asked.

use std::collections::{BTreeMap, HashMap};

use crate::clock::Instant;
use crate::history::{Incarnation, ReadOutcome};

/// How many reads were answered, and from where.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Hits {
    /// Reads that were answered.
    pub(crate) reads: u64,
    /// From the cache of the process.
    pub(crate) l1: u64,
    /// From Redis.
    pub(crate) l2: u64,
    /// Reads that were answered while nothing was wrong.
    pub(crate) calm_reads: u64,
    /// Of these, from either cache.
    pub(crate) calm_hits: u64,
    /// Hits by the shape of the read. A shape that never hits tests nothing.
    pub(crate) per_shape: BTreeMap<String, u64>,
}

/// A result within one process: what was read, and when the database made it.
type ResultId<'a> = (&'a str, u32, Instant);

struct Answer<'a> {
    result: ResultId<'a>,
    invoked: Instant,
    completed: Instant,
}

/// Counts hits. A result that the database made while a read of this process waited was loaded by
/// it; who asked meanwhile waited for the same load. Else the first of the process to have it
/// got it from Redis. All later ones found it in the process.
pub(crate) fn hits(histories: &[Incarnation], windows: &[(Instant, Instant)]) -> Hits {
    let windows = merged(windows);
    let mut hits = Hits::default();
    for history in histories {
        let mut results: HashMap<ResultId<'_>, Vec<Answer<'_>>> = HashMap::new();
        for answer in answers(history) {
            results.entry(answer.result).or_default().push(answer);
        }
        for answers in results.values() {
            count(answers, &windows, &mut hits);
        }
    }
    hits
}

fn answers(history: &Incarnation) -> impl Iterator<Item = Answer<'_>> {
    history.reads.iter().filter_map(|read| match &read.outcome {
        ReadOutcome::Seen {
            completed,
            loaded,
            values,
        } => Some(Answer {
            result: (
                read.shape.as_str(),
                values.first().map_or(0, |value| value.register.0),
                *loaded,
            ),
            invoked: read.invoked,
            completed: *completed,
        }),
        _ => None,
    })
}

fn count(answers: &[Answer<'_>], windows: &[(Instant, Instant)], hits: &mut Hits) {
    let loaded_here = answers
        .iter()
        .any(|answer| (answer.invoked..=answer.completed).contains(&answer.result.2));
    let first = answers.iter().map(|answer| answer.completed).min();
    for answer in answers {
        let of_shape = hits
            .per_shape
            .entry(answer.result.0.to_owned())
            .or_default();
        let later = first.is_some_and(|first| answer.invoked > first);
        hits.reads += 1;
        let calm = !is_within(answer.invoked, windows);
        hits.calm_reads += u64::from(calm);
        let hit = match (later, loaded_here) {
            (true, _) => &mut hits.l1,
            (false, false) => &mut hits.l2,
            (false, true) => continue,
        };
        *hit += 1;
        *of_shape += 1;
        hits.calm_hits += u64::from(calm);
    }
}

/// In order, and without overlaps.
fn merged(windows: &[(Instant, Instant)]) -> Vec<(Instant, Instant)> {
    let mut sorted = windows.to_vec();
    sorted.sort_unstable();
    let mut merged: Vec<(Instant, Instant)> = Vec::new();
    for (from, to) in sorted {
        match merged.last_mut() {
            Some(last) if last.1 >= from => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

fn is_within(at: Instant, windows: &[(Instant, Instant)]) -> bool {
    let index = windows.partition_point(|(_, to)| *to < at);
    windows.get(index).is_some_and(|(from, _)| *from <= at)
}
