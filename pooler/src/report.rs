//! What is told at the end.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

/// How many errors are told in full.
const TOLD: usize = 10;

/// What clients did, and what went wrong.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) seconds: f64,
    pub(crate) clients: u16,
    /// How many servers answered.
    pub(crate) servers: usize,
    /// How often each kind of work was done.
    pub(crate) done: BTreeMap<&'static str, u64>,
    /// How often it failed.
    pub(crate) failed: BTreeMap<&'static str, u64>,
    /// The first errors.
    pub(crate) errors: Vec<String>,
}

impl Report {
    pub(crate) fn note(&mut self, kind: &'static str, outcome: Result<(), String>) {
        *self.done.entry(kind).or_default() += 1;
        if let Err(error) = outcome {
            *self.failed.entry(kind).or_default() += 1;
            if self.errors.len() < TOLD {
                self.errors.push(format!("{kind}: {error}"));
            }
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (kind, count) in other.done {
            *self.done.entry(kind).or_default() += count;
        }
        for (kind, count) in other.failed {
            *self.failed.entry(kind).or_default() += count;
        }
        let room = TOLD.saturating_sub(self.errors.len());
        self.errors.extend(other.errors.into_iter().take(room));
    }

    /// Whether nothing failed, and there was something that could have: clients that share servers.
    pub(crate) fn is_clean(&self) -> bool {
        self.failed.is_empty() && self.servers > 0 && !self.done.is_empty()
    }

    pub(crate) fn write(&self, json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if json {
            let text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
            return writeln!(out, "{text}");
        }
        writeln!(
            out,
            "{} clients over {} servers for {:.0} s",
            self.clients, self.servers, self.seconds
        )?;
        for (kind, done) in &self.done {
            let failed = self.failed.get(kind).copied().unwrap_or_default();
            writeln!(out, "  {kind:<24}{done:>10} done{failed:>10} failed")?;
        }
        for error in &self.errors {
            writeln!(out, "  {error}")?;
        }
        let verdict = if self.is_clean() {
            "no error"
        } else {
            "errors"
        };
        writeln!(out, "{verdict}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_is_enough() {
        let mut report = Report {
            servers: 5,
            ..Report::default()
        };
        // Nothing was done, so nothing was shown.
        assert!(!report.is_clean());
        report.note("statements", Ok(()));
        assert!(report.is_clean());
        let mut other = Report::default();
        other.note("statements", Err("no".to_owned()));
        report.merge(other);
        assert!(!report.is_clean());
        assert_eq!(report.done["statements"], 2);
        assert_eq!(report.errors, ["statements: no"]);
    }
}
