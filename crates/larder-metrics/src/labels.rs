//! Values of labels: made safe to show, and few.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write;
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

/// Labels as the exposition writes them between braces. Empty values are left out; the others are
/// cleaned, so there is nothing to escape.
pub(crate) fn pairs(names: &[&str], values: &[String]) -> String {
    let mut pairs = String::new();
    let given = names
        .iter()
        .zip(values)
        .filter(|(_, value)| !value.is_empty());
    for (name, value) in given {
        let comma = if pairs.is_empty() { "" } else { "," };
        // Writing to a string does not fail.
        let _ = write!(pairs, "{comma}{name}=\"{value}\"");
    }
    pairs
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

/// The most tables.
pub(crate) const COLLECTIONS: usize = 100;
/// The most SQLSTATEs: the server has 250, and functions can raise their own.
pub(crate) const SQLSTATES: usize = 50;
/// The most statements with series of their own.
pub(crate) const FINGERPRINTS: usize = 100;
/// The most names of work that is retried.
pub(crate) const WORK: usize = 100;
/// The most services.
pub(crate) const SERVICES: usize = 100;
/// The most operations, of all services together.
pub(crate) const OPERATIONS: usize = 500;
/// The most health checks.
pub(crate) const CHECKS: usize = 100;
/// The most sinks of alerts.
pub(crate) const SINKS: usize = 20;

/// How many distinct values the labels have that come from the program or its statements.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) collections: Bounded,
    pub(crate) sqlstates: Bounded,
    pub(crate) fingerprints: Bounded,
    /// Apart from the others, so that these leave room for what is slow.
    pub(crate) slow_fingerprints: Bounded,
    /// Pools, operations, collections and errors together.
    pub(crate) combinations: Bounded,
    pub(crate) work: Bounded,
    pub(crate) services: Bounded,
    pub(crate) operations: Bounded,
    pub(crate) checks: Bounded,
    pub(crate) sinks: Bounded,
}

impl Bounds {
    pub(crate) fn new() -> Self {
        Self {
            collections: Bounded::new(COLLECTIONS),
            sqlstates: Bounded::new(SQLSTATES),
            fingerprints: Bounded::new(FINGERPRINTS),
            slow_fingerprints: Bounded::new(FINGERPRINTS),
            combinations: Bounded::new(1_000),
            work: Bounded::new(WORK),
            services: Bounded::new(SERVICES),
            operations: Bounded::new(OPERATIONS),
            checks: Bounded::new(CHECKS),
            sinks: Bounded::new(SINKS),
        }
    }

    /// Those of the process: its recorders share them, as they share the exposition.
    pub(crate) fn of_process() -> &'static Self {
        static BOUNDS: LazyLock<Bounds> = LazyLock::new(Bounds::new);
        &BOUNDS
    }
}
