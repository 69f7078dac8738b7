//! What is known of all statements of one text, as it is shown.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// What is known of all statements that differ in their values only.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StatementSummary {
    /// The hash of the text, in 16 hexadecimal digits; `other` for those that are not told apart.
    pub fingerprint: String,
    /// The text, with `?` in place of values.
    pub text: String,
    /// The command, such as `SELECT`.
    pub operation: String,
    /// The tables that it reads or writes, as far as its text tells.
    pub collections: Vec<String>,
    /// Statements that ended, failed ones included. Reads that the cache answered are not.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    /// The rows that they returned.
    pub rows: u64,
    /// Reads of this text that the cache answered, so that no statement was sent. What is more than
    /// a day ago counts half.
    pub cached: u64,
    /// `cached` as a share of all cached reads of this text, from 0 to 1.
    pub cached_share: f64,
    /// Statements that took as long as their threshold or longer.
    pub slow: u64,
    /// The mean duration in milliseconds.
    pub mean_ms: f64,
    /// The median duration in milliseconds. It and the other quantiles are at most 3.2 % above the
    /// exact ones, and those above 18 minutes count as that.
    pub p50_ms: f64,
    /// 95 % took no longer, in milliseconds.
    pub p95_ms: f64,
    /// 99 % took no longer, in milliseconds.
    pub p99_ms: f64,
    /// The longest duration in milliseconds.
    pub max_ms: f64,
    /// The duration of all of them together in milliseconds.
    pub total_ms: f64,
    /// When the first of them ended.
    pub first_seen: DateTime<Utc>,
    /// When the last of them ended, to the second.
    pub last_seen: DateTime<Utc>,
    /// How often it was noticed that one session or request ran it again and again, where one
    /// statement might do (N+1).
    pub repeated_in_request: u64,
    /// A slow one with what was bound to it: only how long each value is, unless values may be
    /// shown. `None` as long as none was slow.
    pub example: Option<String>,
    /// How the server would run it, taken in the background after one was slow.
    pub plan: Option<PlanSnapshot>,
}

/// How the server runs a statement with the values of a slow one, by `EXPLAIN`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PlanSnapshot {
    /// When it was taken.
    pub at: DateTime<Utc>,
    /// Whether the statement was run for it, so that it has times and row counts as they were.
    pub analyzed: bool,
    /// What `EXPLAIN (FORMAT JSON, VERBOSE, SETTINGS)` gave, without what each node hands on: an
    /// array with one plan. Values in it are replaced by `?`, unless values may be shown.
    pub json: serde_json::Value,
    /// The plan in lines for people, each node below what it feeds.
    pub text: String,
}
