//! From rows to batches of reviews, with the report of those that break a rule.

use std::io::Read;

use super::{InspectionReader, ReviewImportReport, ReviewReader, ReviewRow, ReviewSource};
use crate::error::Result;
use crate::import::Row;

/// An import of reviews on its way, from any [`ReviewSource`].
///
/// Memory: one batch, and 16 bytes or so for each review (its source id, hashed).
#[derive(Debug)]
pub struct ReviewImport<S> {
    source: S,
    batch_size: usize,
    pub(super) report: ReviewImportReport,
}

impl<R: Read> ReviewImport<ReviewReader<R>> {
    /// An import from CSV.
    #[must_use]
    pub fn from_csv(reader: ReviewReader<R>) -> Self {
        Self::from_rows(reader)
    }
}

impl<R: Read> ReviewImport<InspectionReader<R>> {
    /// An import of inspections.
    #[must_use]
    pub fn from_inspections(reader: InspectionReader<R>) -> Self {
        Self::from_rows(reader)
    }
}

impl<S: ReviewSource> ReviewImport<S> {
    /// The rows of a batch unless said otherwise.
    pub const BATCH_SIZE: usize = 500;

    /// An import of any rows.
    #[must_use]
    pub fn from_rows(source: S) -> Self {
        let report = ReviewImportReport {
            ignored_columns: source.ignored_columns(),
            ..ReviewImportReport::default()
        };
        Self {
            source,
            batch_size: Self::BATCH_SIZE,
            report,
        }
    }

    /// Sets how many reviews a batch has at most, 1 at least.
    #[must_use]
    pub fn batch_size(mut self, rows: usize) -> Self {
        self.batch_size = rows.max(1);
        self
    }

    /// Where the rows come from.
    #[must_use]
    pub fn source(&self) -> &S {
        &self.source
    }

    /// The next rows to be written; none at the end. Rejected rows on the way are reported.
    pub(super) fn next_batch(&mut self) -> Result<Option<Vec<ReviewRow>>> {
        let mut batch = Vec::new();
        while batch.len() < self.batch_size {
            let Some(row) = self.source.next().transpose()? else {
                break;
            };
            self.report.read += 1;
            match row {
                Row::Rejected(rejected) => self.report.reject(rejected),
                Row::Accepted(row) => batch.push(*row),
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }
}
