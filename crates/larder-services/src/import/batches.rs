//! From rows to batches that can be written in one statement each, with the report of it all.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::ops::RangeInclusive;

use super::RestaurantReader;
use super::plausibility::Plausibility;
use super::report::ImportReport;
use super::row::{NumberedRestaurants, RestaurantRow, Row};
use crate::error::Result;
use crate::restaurants::NewRestaurant;

/// An import on its way: rows in, [`Batch`]es out, and a report of what became of each row.
///
/// Memory: one batch, 16 bytes or so for each row (its source id, hashed), and 8 bytes for each
/// of the first million coordinates.
#[derive(Debug)]
pub struct Import<I> {
    rows: I,
    batch_size: usize,
    hashing: RandomState,
    seen: HashSet<u64>,
    plausibility: Plausibility,
    report: ImportReport,
}

/// Restaurants to be written together: no two have the same source id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    rows: Vec<RestaurantRow>,
    repeated: u64,
}

impl Batch {
    /// The restaurants in the order of the file, each with its line.
    #[must_use]
    pub fn rows(&self) -> &[RestaurantRow] {
        &self.rows
    }

    /// The restaurants in the order of the file.
    pub fn restaurants(&self) -> impl Iterator<Item = &NewRestaurant> {
        self.rows.iter().map(|row| &row.restaurant)
    }

    /// The first and the last line that they came from.
    #[must_use]
    pub fn lines(&self) -> RangeInclusive<u64> {
        // Not always in order: a row stands where an earlier one with its source id stood.
        let lines = || self.rows.iter().map(|row| row.line);
        lines().min().unwrap_or_default()..=lines().max().unwrap_or_default()
    }

    /// How many restaurants there are: at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many of them an earlier batch of the same import has written already; this one has
    /// the later rows, which count.
    #[must_use]
    pub fn repeated(&self) -> u64 {
        self.repeated
    }
}

impl<R: Read> Import<RestaurantReader<R>> {
    /// An import from CSV.
    #[must_use]
    pub fn from_csv(reader: RestaurantReader<R>) -> Self {
        let ignored_columns = reader.ignored_columns().to_vec();
        let mut import = Self::from_rows(reader);
        import.report.ignored_columns = ignored_columns;
        import
    }
}

impl<I: Iterator<Item = NewRestaurant>> Import<NumberedRestaurants<I>> {
    /// An import of restaurants that are at hand or made up. One that breaks a rule is rejected;
    /// its number, counted from 1, stands for its line.
    #[must_use]
    pub fn from_restaurants(restaurants: impl IntoIterator<IntoIter = I>) -> Self {
        Self::from_rows(NumberedRestaurants::new(restaurants.into_iter()))
    }
}

impl<I: Iterator<Item = Result<Row>>> Import<I> {
    /// The rows of a batch unless said otherwise. With 20 columns a statement stays far below
    /// the 65,535 parameters that PostgreSQL takes.
    pub const BATCH_SIZE: usize = 500;

    /// An import of any rows.
    #[must_use]
    pub fn from_rows(rows: I) -> Self {
        Self {
            rows,
            batch_size: Self::BATCH_SIZE,
            hashing: RandomState::new(),
            seen: HashSet::new(),
            plausibility: Plausibility::default(),
            report: ImportReport::default(),
        }
    }

    /// Sets how many restaurants a batch has at most, 1 at least.
    #[must_use]
    pub fn batch_size(mut self, rows: usize) -> Self {
        self.batch_size = rows.max(1);
        self
    }

    /// Where the rows come from, for showing progress.
    #[must_use]
    pub fn source(&self) -> &I {
        &self.rows
    }

    /// How many rows were read so far, whatever became of them.
    #[must_use]
    pub fn rows_read(&self) -> u64 {
        self.report.read
    }

    /// The next batch to be written; none at the end. Rejected rows on the way are reported.
    ///
    /// # Errors
    /// [`ErrorKind::Csv`](crate::ErrorKind::Csv) where the source cannot be read on. The rows
    /// since the last batch are not written then.
    pub fn next_batch(&mut self) -> Result<Option<Batch>> {
        let mut batch = Batch::default();
        let mut places = HashMap::new();
        while batch.rows.len() < self.batch_size {
            let Some(row) = self.rows.next().transpose()? else {
                break;
            };
            self.report.read += 1;
            match row {
                Row::Rejected(rejected) => self.report.reject(rejected),
                Row::Accepted(row) => self.place(*row, &mut batch, &mut places),
            }
        }
        Ok((!batch.rows.is_empty()).then_some(batch))
    }

    /// Puts a row into the batch, in the place of an earlier one with its source id.
    fn place(
        &mut self,
        row: RestaurantRow,
        batch: &mut Batch,
        places: &mut HashMap<String, usize>,
    ) {
        match (row.restaurant.latitude, row.restaurant.longitude) {
            (Some(latitude), Some(longitude)) => self.plausibility.add(latitude, longitude),
            _ => self.report.without_coordinates += 1,
        }
        if let Some(source_id) = &row.restaurant.source_id {
            if let Some(place) = places.get(source_id) {
                self.report.duplicates += 1;
                batch.rows[*place] = row;
                return;
            }
            if !self.seen.insert(self.hashing.hash_one(source_id)) {
                self.report.duplicates += 1;
                batch.repeated += 1;
            }
            places.insert(source_id.clone(), batch.rows.len());
        }
        batch.rows.push(row);
    }

    /// Reports that a batch was written, and how many of its restaurants were not there before.
    pub fn written(&mut self, batch: &Batch, inserted: u64) {
        let new_to_import = (batch.rows.len() as u64).saturating_sub(batch.repeated);
        let inserted = inserted.min(new_to_import);
        self.report.imported += new_to_import;
        self.report.inserted += inserted;
        self.report.updated += new_to_import - inserted;
    }

    /// The report; complete when [`next_batch`](Self::next_batch) has given none and every batch
    /// was [`written`](Self::written).
    #[must_use]
    pub fn finish(mut self) -> ImportReport {
        self.report.implausible_coordinates = self.plausibility.implausible();
        self.report
    }
}

#[cfg(test)]
mod tests;
