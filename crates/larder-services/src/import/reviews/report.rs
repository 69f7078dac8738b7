//! What an import of reviews did.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use serde::Serialize;

use crate::import::RejectedRow;

/// What an import of reviews did, row by row in sum.
///
/// After a complete import `read = imported + duplicates + rejected_count`, and
/// `imported = inserted + updated`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReviewImportReport {
    /// Records in the file, without its header and without empty lines.
    pub read: u64,
    /// Reviews that the database has now as the file has them.
    pub imported: u64,
    /// Of these, how many were not there before.
    pub inserted: u64,
    /// Of these, how many were there before. Those that were the same already were not written
    /// again, but they count here.
    pub updated: u64,
    /// Rows whose review comes again further on: the later row counts.
    pub duplicates: u64,
    /// Rows that could not be read, break a rule, or name a restaurant or a user that is not in
    /// the database.
    pub rejected_count: u64,
    /// The first 10,000 of these, each with its reason, in the order in which they were found.
    pub rejected: Vec<RejectedRow>,
    /// Columns of the file that are not understood.
    pub ignored_columns: Vec<String>,
}

impl ReviewImportReport {
    /// The most rejected rows that are kept with their reasons; the rest are only counted.
    pub const MAX_REJECTED: usize = crate::import::ImportReport::MAX_REJECTED;

    pub(super) fn reject(&mut self, row: RejectedRow) {
        self.rejected_count += 1;
        if self.rejected.len() < Self::MAX_REJECTED {
            self.rejected.push(row);
        }
    }
}

/// Which reviews were written already.
#[derive(Debug, Default)]
pub(super) struct Seen {
    hashing: RandomState,
    keys: HashSet<u64>,
}

impl Seen {
    /// Notes a key; says whether it is new.
    pub(super) fn is_new(&mut self, key: &str) -> bool {
        self.keys.insert(self.hashing.hash_one(key))
    }
}
