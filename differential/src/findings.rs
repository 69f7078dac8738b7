//! What is known when a run is over.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a run has found.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Findings {
    pub(crate) seconds: f64,
    /// Reads and writes.
    pub(crate) steps: u64,
    pub(crate) reads: u64,
    /// Transactions, and statements outside of them.
    pub(crate) writes: u64,
    /// Statements that the server refused, on both sides.
    pub(crate) refused: u64,
    pub(crate) hits: u64,
    /// Reads that cannot be kept.
    pub(crate) bypassed: u64,
    /// Reads right after a write to a table of theirs.
    pub(crate) read_after_write: u64,
    /// Those of them that were served from the cache all the same.
    pub(crate) kept_past_write: u64,
    pub(crate) difference: Option<Difference>,
}

/// Why two answers are not the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// The process that writes served what is no longer so.
    Stale,
    /// The other process did, after it had heard of all writes.
    StaleInOther,
    /// A write had another outcome than the judge's.
    Write,
    /// The two databases have not the same rows: nothing is to be said about the cache.
    Databases,
}

/// The first answer that was not the judge's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Difference {
    pub(crate) step: u64,
    pub(crate) cause: Cause,
    /// The statement.
    pub(crate) by: String,
    pub(crate) got: String,
    pub(crate) expected: String,
    /// What was written since the same read was last right.
    pub(crate) since: Vec<String>,
}

impl Difference {
    /// Whether the cache is to blame.
    pub(crate) fn is_stale(&self) -> bool {
        matches!(self.cause, Cause::Stale | Cause::StaleInOther)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = match self.cause {
            Cause::Stale => "stale",
            Cause::StaleInOther => "stale in the other process",
            Cause::Write => "another outcome of a write",
            Cause::Databases => "the databases differ",
        };
        writeln!(formatter, "step {}: {cause}", self.step)?;
        writeln!(formatter, "  by   {}", self.by)?;
        writeln!(formatter, "  got  {}", self.got)?;
        write!(formatter, "  true {}", self.expected)?;
        for written in &self.since {
            write!(formatter, "\n  since, {written}")?;
        }
        Ok(())
    }
}
