//! Reading restaurants from CSV, one record at a time.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::columns::Column;
use super::records::{self, Records};
use super::row::{RestaurantRow, Row};
use crate::error::Result;

/// Reads restaurants from CSV, one record at a time.
///
/// The first record is the header: names of [`Column`]s in any order, `source_id` and `name`
/// among them; others are ignored and listed by [`ignored_columns`](Self::ignored_columns). Fields
/// may be quoted and may have line breaks then; lines end with `\n` or `\r\n`; a byte order mark
/// and empty lines are skipped. Memory is bounded by the longest record, which may have 4 MiB.
///
/// It iterates over [`Row`]s. An error ends the iteration: the file cannot be read on.
#[derive(Debug)]
pub struct RestaurantReader<R> {
    records: Records<R, Column>,
}

impl RestaurantReader<File> {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`ErrorKind::Csv`](crate::ErrorKind::Csv) where it cannot be opened or read, or where its
    /// header lacks required columns, has one twice or is not UTF-8.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let (file, name) = records::open(path.as_ref())?;
        Self::new(file, &name)
    }
}

impl<R: Read> RestaurantReader<R> {
    /// Takes what is to be read, with the name that errors call it by, and reads its header.
    /// Reading is buffered.
    ///
    /// # Errors
    /// [`ErrorKind::Csv`](crate::ErrorKind::Csv) where it cannot be read, or where its header
    /// lacks required columns, has one twice or is not UTF-8.
    pub fn new(input: R, file: &str) -> Result<Self> {
        let records = Records::new(input, file)?;
        Ok(Self { records })
    }

    /// The columns that the file has and that are understood, in the order of the file.
    pub fn columns(&self) -> impl Iterator<Item = Column> + '_ {
        self.records.header().columns()
    }

    /// The names of the columns that are not understood, in the order of the file.
    #[must_use]
    pub fn ignored_columns(&self) -> &[String] {
        &self.records.header().ignored
    }

    /// How many bytes the records read so far have, a byte order mark not counted: for showing
    /// progress in a file of known size.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.records.bytes_read()
    }
}

impl<R: Read> Iterator for RestaurantReader<R> {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.records.next_row(RestaurantRow::from_record)?;
        Some(row.map_err(Into::into))
    }
}

#[cfg(test)]
mod tests;
