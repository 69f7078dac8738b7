//! Which probes are causes, which follow from one, and which are only left of one that is over.

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::Cause;
use crate::causes::origins;
use crate::watched::Watched;

/// Finds the causes, and tells each probe from what it follows; `number` is that of the check.
pub(crate) fn explain(
    probes: &mut [Watched],
    at: DateTime<Utc>,
    now: Instant,
    number: u64,
) -> Vec<Cause> {
    let suspects: Vec<_> = probes.iter().map(Watched::suspect).collect();
    let mut origins = origins(&suspects);
    let left = remains(probes, &mut origins, now, number);
    let causes = causes(probes, &origins, &left, at);
    let names: Vec<String> = probes
        .iter()
        .map(|probe| probe.report.name.clone())
        .collect();
    for ((probe, origin), left) in probes.iter_mut().zip(origins).zip(left) {
        let name = left.or(origin).and_then(|cause| names.get(cause));
        probe.follow(name.map(String::as_str), left.is_some());
    }
    causes
}

/// For each probe, the one that is over and of which it is left, if it is. What stood before that
/// one follows from nothing that is left of it, either.
fn remains(
    probes: &[Watched],
    origins: &mut [Option<usize>],
    now: Instant,
    number: u64,
) -> Vec<Option<usize>> {
    let left_of = |probe: &Watched| {
        let mut others = probes.iter();
        others.position(|other| probe.is_left_of(other, now, number))
    };
    let roots: Vec<Option<usize>> = probes
        .iter()
        .zip(origins.iter())
        .map(|(probe, origin)| match origin {
            None if probe.is_bad() => left_of(probe),
            _ => None,
        })
        .collect();
    let mut left = roots.clone();
    for ((probe, origin), left) in probes.iter().zip(origins).zip(&mut left) {
        let over = origin.and_then(|origin| roots.get(origin).copied().flatten());
        let Some((index, over)) = over.and_then(|index| Some((index, probes.get(index)?))) else {
            continue;
        };
        match probe.stood_before(over) {
            true => *origin = None,
            false => *left = Some(index),
        }
    }
    left
}

/// What is bad, follows from nothing, and makes the whole worse: by itself or by what follows.
fn causes(
    probes: &[Watched],
    origins: &[Option<usize>],
    left: &[Option<usize>],
    at: DateTime<Utc>,
) -> Vec<Cause> {
    let followers = |cause: usize| {
        let follows = move |(_, origin): &(&Watched, &Option<usize>)| **origin == Some(cause);
        probes
            .iter()
            .zip(origins)
            .filter(follows)
            .map(|(probe, _)| probe)
    };
    let mut causes: Vec<Cause> = probes
        .iter()
        .enumerate()
        .filter(|(index, probe)| {
            let is_root = |found: &[Option<usize>]| found.get(*index).is_some_and(Option::is_none);
            probe.is_bad()
                && is_root(origins)
                && is_root(left)
                && (probe.weighs() || followers(*index).any(Watched::weighs))
        })
        .map(|(index, probe)| Cause {
            probe: probe.report.name.clone(),
            fault: probe.fault().map(str::to_owned),
            status: probe.badness(),
            reason: probe.report.reason.clone().unwrap_or_default(),
            cure: probe.report.cure.clone(),
            since: probe.bad_since().unwrap_or(at),
            explains: followers(index)
                .map(|probe| probe.report.name.clone())
                .collect(),
        })
        .collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.status));
    causes
}
