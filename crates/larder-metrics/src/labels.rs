//! Values of labels: made safe to show, and few.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

#[cfg(test)]
mod tests;

/// What stands for the values beyond a bound.
pub(crate) const OTHER: &str = "other";

/// The most characters of a label's value.
const LONGEST: usize = 128;

/// `value` without what the exporter escapes ambiguously, so that two values never look the
/// same in the exposition unless they are the same here.
pub(crate) fn cleaned(value: &str) -> Cow<'_, str> {
    let unsafe_character = |c: char| c == '\\' || c == '"' || c.is_control();
    if value.len() <= LONGEST && !value.contains(unsafe_character) {
        return Cow::Borrowed(value);
    }
    value
        .chars()
        .take(LONGEST)
        .map(|c| if unsafe_character(c) { '_' } else { c })
        .collect()
}

/// A set of values that stops growing: what comes later is `other`.
///
/// It is asked when a series is opened, not when something is recorded.
#[derive(Debug)]
pub(crate) struct Bounded {
    most: usize,
    values: Mutex<HashSet<String>>,
}

impl Bounded {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            values: Mutex::default(),
        }
    }

    /// Whether `value` is one of the first.
    pub(crate) fn admits(&self, value: &str) -> bool {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        if values.contains(value) {
            return true;
        }
        let admitted = values.len() < self.most;
        if admitted {
            values.insert(value.to_owned());
        }
        admitted
    }

    /// `value`, or `other`.
    pub(crate) fn limit<'a>(&self, value: &'a str) -> &'a str {
        if self.admits(value) { value } else { OTHER }
    }
}

/// How many distinct values the labels of statements have.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// Tables.
    pub(crate) collections: Bounded,
    /// SQLSTATEs: the server has 250, and functions can raise their own.
    pub(crate) sqlstates: Bounded,
    /// Statements, where each has series of its own.
    pub(crate) fingerprints: Bounded,
    /// Pools, operations, collections and errors together.
    pub(crate) combinations: Bounded,
}

impl Bounds {
    pub(crate) fn new() -> Self {
        Self {
            collections: Bounded::new(100),
            sqlstates: Bounded::new(50),
            fingerprints: Bounded::new(100),
            combinations: Bounded::new(1_000),
        }
    }

    /// Those of the process: its recorders share them, as they share the exposition.
    pub(crate) fn of_process() -> &'static Self {
        static BOUNDS: LazyLock<Bounds> = LazyLock::new(Bounds::new);
        &BOUNDS
    }
}
