//! How a check ends.

use serde::Serialize;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// It was not looked at, because something that it needs has failed or is not there.
    Skipped,
    /// It is as it should be.
    Ok,
    /// A service runs, and something about it will hurt.
    Warning,
    /// A service does not run.
    Failure,
}

/// What was seen in a check; one may see several things.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) state: State,
    pub(super) seen: String,
    pub(super) cure: Option<String>,
}

impl Verdict {
    pub(super) fn ok(seen: impl Into<String>) -> Self {
        Self::new(State::Ok, seen, None)
    }

    pub(super) fn warning(seen: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::new(State::Warning, seen, Some(cure.into()))
    }

    pub(super) fn failure(seen: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::new(State::Failure, seen, Some(cure.into()))
    }

    pub(super) fn skipped(why: impl Into<String>) -> Self {
        Self::new(State::Skipped, why, None)
    }

    fn new(state: State, seen: impl Into<String>, cure: Option<String>) -> Self {
        Self {
            state,
            // A row of a table: the server's texts may have several lines.
            seen: seen.into().replace('\n', " "),
            cure,
        }
    }
}

/// A verdict with the check that it belongs to.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) check: &'static str,
    pub(super) state: State,
    /// What was seen, or why nothing was.
    pub(super) seen: String,
    /// What to do about it.
    pub(super) cure: Option<String>,
}

/// What a check has seen, and what those that follow need of it.
pub(super) struct Outcome<T = ()> {
    pub(super) verdicts: Vec<Verdict>,
    pub(super) found: Option<T>,
}

impl<T> Outcome<T> {
    /// What was looked for is there.
    pub(super) fn found(verdicts: Vec<Verdict>, found: T) -> Self {
        Self {
            verdicts,
            found: Some(found),
        }
    }

    /// It is not.
    pub(super) fn missing(verdict: Verdict) -> Self {
        Self {
            verdicts: vec![verdict],
            found: None,
        }
    }
}

impl From<Vec<Verdict>> for Outcome {
    fn from(verdicts: Vec<Verdict>) -> Self {
        Self::found(verdicts, ())
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        Self::from(vec![verdict])
    }
}
