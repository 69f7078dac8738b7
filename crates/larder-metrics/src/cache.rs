//! How long loads of a cache take.

use std::fmt;
use std::time::Duration;

use metrics::Histogram;

use crate::handle::Lazy;
use crate::names;

#[cfg(test)]
mod tests;

/// Times the loads of the cache of one database. What a cache counts for itself is read at a
/// scrape: see [`CacheReading`](crate::CacheReading).
///
/// What is recorded before [`Exporter::install`](crate::Exporter::install) is lost.
pub struct CacheRecorder {
    database: String,
    /// `None` where metrics are off.
    load_duration: Option<Lazy<Histogram>>,
}

impl CacheRecorder {
    /// A recorder for the database of this name.
    #[must_use]
    pub fn new(database: impl Into<String>) -> Self {
        Self {
            database: database.into(),
            load_duration: Some(Lazy::default()),
        }
    }

    /// A recorder that does nothing, for where metrics are off.
    #[must_use]
    pub fn without_series(database: impl Into<String>) -> Self {
        Self {
            database: database.into(),
            load_duration: None,
        }
    }

    /// A load from the database has ended, well or not, after this long.
    pub fn loaded(&self, took: Duration) {
        if let Some(series) = &self.load_duration {
            let open = || names::CACHE_LOAD_DURATION.histogram(&[&self.database]);
            series.with(open, |histogram| histogram.record(took));
        }
    }
}

impl fmt::Debug for CacheRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheRecorder")
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}
