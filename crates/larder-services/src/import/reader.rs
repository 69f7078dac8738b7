//! Reading restaurants from CSV, one record at a time.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::columns::{Column, Header};
use super::csv_error::{CsvError, CsvProblem};
use super::row::Row;
use super::tape::{RecordShape, RecordTooLong, Tape};
use crate::error::Result;

/// The most bytes that one record may have, and with it the most that reading keeps in memory.
const MAX_RECORD_BYTES: usize = 4 * 1024 * 1024;

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
    csv: csv::Reader<Tape<R>>,
    record: csv::ByteRecord,
    header: Header,
    file: String,
    ended: bool,
}

impl RestaurantReader<File> {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`ErrorKind::Csv`](crate::ErrorKind::Csv) where it cannot be opened or read, or where its
    /// header lacks required columns, has one twice or is not UTF-8.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let name = path.as_ref().display().to_string();
        let file =
            File::open(path).map_err(|error| CsvError::new(&name, None, CsvProblem::Io(error)))?;
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
        let csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(Tape::new(input, MAX_RECORD_BYTES));
        let mut reader = Self {
            csv,
            record: csv::ByteRecord::new(),
            header: Header {
                fields: Vec::new(),
                ignored: Vec::new(),
            },
            file: file.to_owned(),
            ended: false,
        };
        let line = reader.read_record()?.map(|(line, _)| line);
        reader.header = Header::read(&reader.record)
            .map_err(|problem| CsvError::new(&reader.file, line, problem))?;
        Ok(reader)
    }

    /// The columns that the file has and that are understood, in the order of the file.
    pub fn columns(&self) -> impl Iterator<Item = Column> + '_ {
        self.header.fields.iter().copied().flatten()
    }

    /// The names of the columns that are not understood, in the order of the file.
    #[must_use]
    pub fn ignored_columns(&self) -> &[String] {
        &self.header.ignored
    }

    /// How many bytes the records read so far have, a byte order mark not counted: for showing
    /// progress in a file of known size.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.csv.position().byte()
    }

    /// Reads the next record into `self.record`; gives its first line and its shape.
    fn read_record(&mut self) -> Result<Option<(u64, RecordShape)>, CsvError> {
        // The parser has counted to here; the line breaks that it is still to skip are added.
        let line_before = self.csv.position().line();
        let more = self
            .csv
            .read_byte_record(&mut self.record)
            .map_err(|error| {
                self.ended = true;
                CsvError::new(&self.file, Some(line_before), problem(error))
            })?;
        let end = self.csv.position().byte();
        let shape = self.csv.get_mut().take_record(end);
        Ok(more.then_some((line_before + shape.breaks_before, shape)))
    }

    fn next_row(&mut self) -> Result<Option<Row>, CsvError> {
        let Some((line, shape)) = self.read_record()? else {
            return Ok(None);
        };
        let (found, expected) = (self.record.len(), self.header.fields.len());
        let spans_lines = shape.breaks_inside > 0;
        let row = if found != expected {
            let mut reason = format!("has {found} fields, the header has {expected}");
            if spans_lines {
                let last = line + shape.breaks_inside;
                reason.push_str(&format!(
                    "; it goes on to line {last}: is a quote not closed?"
                ));
            }
            Row::broken(line, &self.record, reason)
        } else if spans_lines && !shape.quotes_paired {
            let last = line + shape.breaks_inside;
            let reason = format!("has a quote that is not closed, and goes on to line {last}");
            Row::broken(line, &self.record, reason)
        } else {
            Row::from_record(line, &self.header, &self.record)
        };
        Ok(Some(row))
    }
}

impl<R: Read> Iterator for RestaurantReader<R> {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let row = self.next_row().map_err(Into::into).transpose();
        self.ended |= row.is_none();
        row
    }
}

/// The problem behind an error of the parser, which itself only fails where reading does.
fn problem(error: csv::Error) -> CsvProblem {
    let error = match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    };
    let too_long = error
        .get_ref()
        .is_some_and(|inner| inner.is::<RecordTooLong>());
    if too_long {
        CsvProblem::RecordTooLong(MAX_RECORD_BYTES)
    } else {
        CsvProblem::Io(error)
    }
}

#[cfg(test)]
mod tests;
