//! What ails a database: findings with evidence, the SQL of the cure, what that costs, and how sure
//! it is.
//!
//! [`analyze`] asks a database, all in one read-only transaction that is rolled back. It changes
//! nothing. What the role may not see and what the server does not have is
//! [reported](Analysis::not_checked) with a cure and is no error.
//!
//! - `checks`: questions to the catalog and the statistics of the server, as data: SQL, and a
//!   judgement of the rows.
//! - `plans`: what `EXPLAIN (FORMAT JSON)` says, read as data: [`plan_advice`] needs no database.
//!   An index that would help is tried out with `hypopg`, where that is installed.
//! - `history`: readings of the counters, kept in a file, and the last hour against the same hour
//!   before.
//! - `seen`: what an instance of Larder has seen of its statements; `caching`: of how long results
//!   should be kept.
//! - `run`: all of it in order.
//! - `cure`: what was found cured, where that is asked for.

mod analysis;
mod caching;
mod checks;
mod connection;
mod cure;
mod error;
mod finding;
mod history;
mod identifier;
mod options;
mod plans;
mod quantity;
mod run;
mod seen;
mod server;

pub use crate::analysis::{Analysis, NotChecked};
pub use crate::caching::KeepingAdvice;
pub use crate::checks::codes;
pub use crate::cure::cure;
pub use crate::error::{Error, ErrorKind};
pub use crate::finding::{AnalysisFinding, Confidence, Severity};
pub use crate::history::{Counters, DatabaseCounters, History, HistoryError, StatementCounters};
pub use crate::options::{Options, Thresholds};
pub use crate::plans::plan_advice;
pub use crate::run::{Step, analyze, analyze_with};
pub use crate::seen::{Seen, SeenPlan, SeenStatement};
