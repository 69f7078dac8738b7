//! What the processes did: each writes down what it asks before it asks, and what it got.
//!
//! One file per incarnation of a process, one line and one `write` per event, so that what
//! happened before a SIGKILL is there after it.

mod journal;
mod parse;

pub(crate) use journal::{Journal, Operation};
#[cfg(test)]
pub(crate) use parse::parse;
pub(crate) use parse::read_directory;

use crate::clock::Instant;
use crate::register::{Register, Token};

/// One incarnation of a process, from its start to its end or its death.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Incarnation {
    pub(crate) process: u32,
    pub(crate) incarnation: u32,
    pub(crate) reads: Vec<Read>,
    pub(crate) writes: Vec<Write>,
    /// Whether it ended by itself, when it was asked to.
    pub(crate) ended: bool,
}

/// A read through the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) task: u32,
    pub(crate) shape: String,
    pub(crate) invoked: Instant,
    pub(crate) outcome: ReadOutcome,
}

/// How a read ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    /// It was under way when its process ended.
    Unfinished,
    Failed {
        error: String,
    },
    Seen {
        completed: Instant,
        /// When the database made the result: tells a load from a hit.
        loaded: Instant,
        values: Vec<Value>,
    },
}

/// What a register was seen to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) register: Register,
    pub(crate) version: i64,
    pub(crate) token: Token,
}

/// A write: a transaction, or a statement by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) task: u32,
    pub(crate) kind: String,
    pub(crate) token: Token,
    pub(crate) invoked: Instant,
    /// When it was about to be committed, if it came so far.
    pub(crate) announced: Option<Instant>,
    pub(crate) outcome: WriteOutcome,
}

/// How a write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    /// It was under way when its process ended: it may have taken effect.
    Unfinished,
    /// Its commit was acknowledged, with these versions.
    Acknowledged {
        completed: Instant,
        versions: Vec<(Register, i64)>,
    },
    /// It was rolled back on purpose.
    RolledBack,
    /// It failed, and is said to have had no effect.
    Failed { error: String },
    /// It failed, and is said to have taken effect or not.
    Unknown { error: String },
}

impl Write {
    pub(crate) fn is_acknowledged(&self) -> bool {
        matches!(self.outcome, WriteOutcome::Acknowledged { .. })
    }

    /// Whether it ended with an error, whatever became of it.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(
            self.outcome,
            WriteOutcome::Failed { .. } | WriteOutcome::Unknown { .. }
        )
    }
}

impl Read {
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.outcome, ReadOutcome::Failed { .. })
    }
}
