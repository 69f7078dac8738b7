//! What `EXPLAIN (FORMAT JSON)` says, read as data.
//!
//! - `node`: a plan and its nodes.
//! - `advice`: what a plan shows to be wrong; the public [`plan_advice`] knows nothing but the plan.
//! - `condition`: which columns of a condition an index could serve.
//! - `candidate`: the index that would serve a scan.
//! - `tables`: what the catalog knows of the tables in a plan.
//! - `explain`: getting the plans of statements, with and without values.
//! - `trial`: trying an index out that is not there, with `hypopg`.
//! - `proposal`: indexes that are proposed, and which of them another one makes superfluous.
//! - `expectation`: statements that give other numbers of rows than the planner expects.
//! - `statements`: all of that for each statement.

mod advice;
mod candidate;
mod condition;
mod expectation;
mod explain;
mod node;
mod proposal;
mod statements;
mod tables;
mod trial;

pub use self::advice::plan_advice;
pub(crate) use self::statements::examine;

/// What plans can show.
pub(crate) const CODES: &[&str] = &[
    "index-missing",
    "plan-hash-spills",
    "plan-row-estimate",
    "plan-sequential-scan",
    "plan-sort-spills",
];
