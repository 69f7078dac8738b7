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
    /// The probes that are bad when it is.
    pub(crate) explains: &'a [String],
}

/// For each suspect, the one from which it follows: the cause of its cause, to the end. `None` for
/// what is well, and for causes.
pub(crate) fn origins(suspects: &[Suspect<'_>]) -> Vec<Option<usize>> {
    let parents: Vec<Option<usize>> = suspects
        .iter()
        .map(|suspect| {
            suspect
                .is_bad
                .then(|| explained_by(suspects, suspect.name))?
        })
        .collect();
    (0..suspects.len())
        .map(|suspect| origin(&parents, suspect))
        .collect()
}

/// The first suspect that explains another one.
fn explained_by(suspects: &[Suspect<'_>], name: &str) -> Option<usize> {
    let explains = |suspect: &Suspect<'_>| {
        suspect.is_bad
            && suspect.name != name
            && suspect.explains.iter().any(|explained| explained == name)
    };
    suspects.iter().position(explains)
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
