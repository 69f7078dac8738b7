//! What an import did.

use serde::Serialize;

use super::row::RejectedRow;

/// What an import did, row by row in sum.
///
/// After a complete import `read = imported + duplicates + rejected_count`, and
/// `imported = inserted + updated`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Records in the file, without its header and without empty lines.
    pub read: u64,
    /// Restaurants that the database has now as the file has them.
    pub imported: u64,
    /// Of these, how many were not there before.
    pub inserted: u64,
    /// Of these, how many were there before. Those that were the same already were not written
    /// again, but they count here.
    pub updated: u64,
    /// Rows whose source id comes again further on: the later row counts.
    pub duplicates: u64,
    /// Rows that could not be read or break a rule.
    pub rejected_count: u64,
    /// The first 10,000 of these, each with its reason.
    pub rejected: Vec<RejectedRow>,
    /// Accepted rows without coordinates.
    pub without_coordinates: u64,
    /// Accepted rows whose coordinates are valid but can hardly be right: exactly 0, 0, or far
    /// from where the rows of the file are. They are written like all others.
    ///
    /// Far is beyond Tukey's outer fence of the distances from the coordinate-wise median: more
    /// than three times the interquartile range above the upper quartile, and at least 25 km.
    /// It is not asked below 20 rows with coordinates. Where more than one row in 20 would be
    /// far, the file has several regions, and none is.
    pub implausible_coordinates: u64,
    /// Columns of the file that are not understood.
    pub ignored_columns: Vec<String>,
}

impl ImportReport {
    /// The most rejected rows that are kept with their reasons; the rest are only counted.
    pub const MAX_REJECTED: usize = 10_000;

    pub(super) fn reject(&mut self, row: RejectedRow) {
        self.rejected_count += 1;
        if self.rejected.len() < Self::MAX_REJECTED {
            self.rejected.push(row);
        }
    }
}
