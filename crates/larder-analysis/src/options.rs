//! What is looked at, and from where on it counts.

use std::time::Duration;

use crate::{Seen, Severity, history::History};

/// What [`analyze`](crate::analyze) looks at.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Only findings of these codes; empty for all, which is the default.
    pub only: Vec<String>,
    /// Findings that are less severe are left out. [`Severity::Notice`] by default: none is.
    pub min_severity: Severity,
    /// Statements whose plans are looked at, beside those that `pg_stat_statements` knows. None by
    /// default. Each is one statement, with values or with `$1` in their place. Planning one may
    /// call functions that it names: give only what you trust with your rights.
    pub statements: Vec<String>,
    /// Whether [`statements`](Self::statements) that only read are run, to see how many rows there
    /// really are and what spills to disk. Off by default.
    pub run_statements: bool,
    /// How many statements of `pg_stat_statements` that the role itself has run are explained, as
    /// planning what others wrote would give them its rights: those first that took most time
    /// in all. 20 by default.
    pub explained: usize,
    /// How long each question to the server may take. 30 s by default.
    pub statement_timeout: Duration,
    /// How long it may wait for a lock. 1 s by default.
    pub lock_timeout: Duration,
    /// Earlier readings of the counters to compare with. None by default.
    pub history: Option<History>,
    /// What an instance of Larder has seen of its statements and its cache. Nothing by default; what
    /// the database handle itself knows about how long results are kept is heeded anyway.
    pub seen: Seen,
    /// From where on it counts.
    pub thresholds: Thresholds,
}

/// From where on things count.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Thresholds {
    /// How long the statistics of the server have to have been counting before it is said that
    /// nothing uses an index. 7 days by default: a weekly report is a use.
    pub statistics_age: Duration,
    /// From how many rows on a table is large. 10,000 by default.
    pub large_rows: f64,
    /// Unused and duplicate indexes that are smaller, in bytes, are left alone. 64 KiB by default.
    pub index_bytes: i64,
    /// How much space has to be empty, in bytes, to be called bloat. 10 MiB by default.
    pub bloat_bytes: i64,
    /// And which share of the table or index, from 0 to 1. 0.5 by default.
    pub bloat_share: f64,
    /// How many dead rows a table has to have to be called neglected. 10,000 by default.
    pub dead_rows: i64,
    /// The share of a sequence's values, from 0 to 1, that may be used up. 0.7 by default.
    pub sequence_share: f64,
    /// The share of all transaction ids, from 0 to 1, that may pass before rows are frozen. 0.4 by
    /// default; autovacuum begins at 0.1.
    pub wraparound_share: f64,
    /// How long a session may be idle in a transaction. 60 s by default.
    pub idle_in_transaction: Duration,
    /// How long a transaction may be. 1 h by default.
    pub long_transaction: Duration,
    /// The share of blocks, from 0 to 1, that the server should find in its own memory. 0.9 by
    /// default.
    pub hit_share: f64,
    /// How many blocks have to be asked for before that share says something. 1,000,000 by default.
    pub hit_blocks: i64,
    /// How long a statement may take in the mean. 500 ms by default.
    pub slow_statement: Duration,
    /// How many times a statement has to have been called before its mean says something. 10 by
    /// default.
    pub statement_calls: i64,
    /// How many blocks in temporary files a statement has to write in all. 1,000 by default.
    pub spilled_blocks: i64,
    /// By which factor an estimate of rows may be off. 10 by default.
    pub estimate_factor: f64,
    /// How many times as long as an hour ago a statement has to take to be called slower. 2 by
    /// default.
    pub slower_factor: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            only: Vec::new(),
            min_severity: Severity::Notice,
            statements: Vec::new(),
            run_statements: false,
            explained: 20,
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(1),
            history: None,
            seen: Seen::default(),
            thresholds: Thresholds::default(),
        }
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self {
            statistics_age: Duration::from_secs(7 * DAY),
            large_rows: 10_000.0,
            index_bytes: 64 << 10,
            bloat_bytes: 10 << 20,
            bloat_share: 0.5,
            dead_rows: 10_000,
            sequence_share: 0.7,
            wraparound_share: 0.4,
            idle_in_transaction: Duration::from_secs(60),
            long_transaction: Duration::from_secs(60 * 60),
            hit_share: 0.9,
            hit_blocks: 1_000_000,
            slow_statement: Duration::from_millis(500),
            statement_calls: 10,
            spilled_blocks: 1_000,
            estimate_factor: 10.0,
            slower_factor: 2.0,
        }
    }
}

impl Options {
    /// Whether any of these codes is asked for.
    pub(crate) fn wants(&self, codes: &[&str]) -> bool {
        let is_named = |code: &&str| self.only.iter().any(|only| only == code);
        self.only.is_empty() || codes.iter().any(is_named)
    }
}
