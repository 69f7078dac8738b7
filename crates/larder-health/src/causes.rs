//! Which of several things that are wrong is the cause, and which merely follow from it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::Status;

#[cfg(test)]
mod tests;

/// A cause: something that is wrong, which nothing else that is wrong explains.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Cause {
    /// The name of the probe that found it.
    pub probe: String,
    /// What exactly is wrong, as one word for programs, such as `refused`; not every probe tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// How bad it is.
    pub status: Status,
    /// What is wrong, in words.
    pub reason: String,
    /// What to do about it, in words; not every probe knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
    /// Since when it has been found, without a break.
    pub since: DateTime<Utc>,
    /// The names of the probes that are wrong only because of it.
    pub explains: Vec<String>,
}

/// What has to be known of a probe to find causes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Suspect<'a> {
    pub(crate) name: &'a str,
    /// Whether something is wrong with it.
    pub(crate) is_bad: bool,
    /// Whether that has settled: it is no blip.
    pub(crate) is_settled: bool,
    /// The check in which it began to be wrong.
    pub(crate) began: u64,
    /// The probes that are bad when it is.
    pub(crate) explains: &'a [String],
}

impl Suspect<'_> {
    /// Whether this may be what is wrong with another one. A blip explains nothing that stood before
    /// it.
    fn may_explain(&self, other: &Self) -> bool {
        let explains = |name: &String| name == other.name;
        self.is_bad
            && self.name != other.name
            && self.explains.iter().any(explains)
            && (self.is_settled || !is_before(other.began, self.began))
    }
}

/// Whether what began in one check stood already when another thing began. Whoever looks first
/// finds out first, so that of two neighbouring checks nothing can be said.
pub(crate) fn is_before(began: u64, other: u64) -> bool {
    began + 1 < other
}

/// For each suspect, the one from which it follows: the cause of its cause, to the end. `None` for
/// what is well, and for causes.
pub(crate) fn origins(suspects: &[Suspect<'_>]) -> Vec<Option<usize>> {
    let parents: Vec<Option<usize>> = suspects
        .iter()
        .map(|suspect| suspect.is_bad.then(|| explained_by(suspects, suspect))?)
        .collect();
    (0..suspects.len())
        .map(|suspect| origin(&parents, suspect))
        .collect()
}

/// The first suspect that explains another one; one that has settled before a blip.
fn explained_by(suspects: &[Suspect<'_>], other: &Suspect<'_>) -> Option<usize> {
    let explains = |is_settled: bool| {
        let mut suspects = suspects.iter();
        suspects.position(|suspect| suspect.is_settled == is_settled && suspect.may_explain(other))
    };
    explains(true).or_else(|| explains(false))
}

/// Follows the explanations up. Where they go round, the first of the circle is the cause.
fn origin(parents: &[Option<usize>], suspect: usize) -> Option<usize> {
    let mut path = vec![suspect];
    let mut current = suspect;
    while let Some(parent) = parents.get(current).copied().flatten() {
        if let Some(start) = path.iter().position(|known| *known == parent) {
            let first = path.iter().skip(start).min().copied();
            return first.filter(|first| *first != suspect);
        }
        path.push(parent);
        current = parent;
    }
    (current != suspect).then_some(current)
}
