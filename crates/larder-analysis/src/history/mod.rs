//! Readings of the server's counters, kept in a file, and the last hour against the same hour before.
//!
//! - `counters`: one reading.
//! - `kept`: several of them, in a file of one line each.
//! - `comparison`: what changed from the same hour a day or a week before to the last hour.

mod comparison;
mod counters;
mod kept;

pub(crate) use self::comparison::compare;
pub(crate) use self::counters::read;
pub use self::counters::{Counters, DatabaseCounters, StatementCounters};
pub use self::kept::{History, HistoryError};

/// What a comparison can show.
pub(crate) const CODES: &[&str] = &[
    "hour-cache-share-fell",
    "hour-statement-busier",
    "hour-statement-slower",
    "hour-temporary-files-grew",
];
