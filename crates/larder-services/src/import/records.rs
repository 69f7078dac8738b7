//! Reading CSV, one record at a time: where each begins, and which are not whole.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::csv_error::{CsvError, CsvProblem};
use super::header::{CsvColumn, Header};
use super::row::{RejectedRow, Row};
use super::tape::{RecordShape, RecordTooLong, Tape};
use crate::error::{InvalidInput, shortened};

/// The most bytes that one record may have, and with it the most that reading keeps in memory.
pub(super) const MAX_RECORD_BYTES: usize = 4 * 1024 * 1024;

/// The records of a CSV file after its header.
#[derive(Debug)]
pub(super) struct Records<R, C> {
    csv: csv::Reader<Tape<R>>,
    record: csv::ByteRecord,
    header: Header<C>,
    file: String,
    ended: bool,
}

/// Opens a file; gives the name that errors call it by too.
pub(super) fn open(path: &Path) -> Result<(File, String), CsvError> {
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) => Ok((file, name)),
        Err(error) => Err(CsvError::new(&name, None, CsvProblem::Io(error))),
    }
}

impl<R: Read, C: CsvColumn> Records<R, C> {
    /// Reads the header.
    pub(super) fn new(input: R, file: &str) -> Result<Self, CsvError> {
        let csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(Tape::new(input, MAX_RECORD_BYTES));
        let mut records = Self {
            csv,
            record: csv::ByteRecord::new(),
            header: Header::empty(),
            file: file.to_owned(),
            ended: false,
        };
        let line = records.read_record()?.map(|(line, _)| line);
        records.header = Header::read(&records.record)
            .map_err(|problem| CsvError::new(&records.file, line, problem))?;
        Ok(records)
    }

    pub(super) fn header(&self) -> &Header<C> {
        &self.header
    }

    /// How many bytes the records read so far have, a byte order mark not counted.
    pub(super) fn bytes_read(&self) -> u64 {
        self.csv.position().byte()
    }

    /// The next row, made by `read` of a record that has as many fields as the header. An error
    /// ends it: the file cannot be read on.
    pub(super) fn next_row<T>(
        &mut self,
        read: impl FnOnce(u64, &Header<C>, &csv::ByteRecord) -> Result<T, InvalidInput>,
    ) -> Option<Result<Row<T>, CsvError>> {
        if self.ended {
            return None;
        }
        let (line, shape) = match self.read_record().transpose() {
            Some(Ok(record)) => record,
            Some(Err(error)) => return Some(Err(error)),
            None => {
                self.ended = true;
                return None;
            }
        };
        let row = match self.fault(line, shape) {
            Some(reason) => Row::Rejected(broken(line, &self.record, reason)),
            None => match read(line, &self.header, &self.record) {
                Ok(row) => Row::Accepted(Box::new(row)),
                Err(fault) => Row::Rejected(RejectedRow::new(line, &fault)),
            },
        };
        Some(Ok(row))
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

    /// Why the record cannot be taken for a row.
    fn fault(&self, line: u64, shape: RecordShape) -> Option<String> {
        let (found, expected) = (self.record.len(), self.header.fields.len());
        let last = line + shape.breaks_inside;
        let spans_lines = shape.breaks_inside > 0;
        if found != expected {
            let mut reason = format!("has {found} fields, the header has {expected}");
            if spans_lines {
                reason.push_str(&format!(
                    "; it goes on to line {last}: is a quote not closed?"
                ));
            }
            Some(reason)
        } else if spans_lines && !shape.quotes_paired {
            Some(format!(
                "has a quote that is not closed, and goes on to line {last}"
            ))
        } else {
            None
        }
    }
}

/// Rejects a record as a whole.
fn broken(line: u64, record: &csv::ByteRecord, reason: String) -> RejectedRow {
    let fields: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
    RejectedRow {
        line,
        field: "record".to_owned(),
        value: shortened(&fields.join(",")),
        reason,
    }
}

/// A field's text without white space around it.
pub(super) fn text<'f>(name: &'static str, field: &'f [u8]) -> Result<&'f str, InvalidInput> {
    match std::str::from_utf8(field) {
        Ok(text) => Ok(text.trim()),
        Err(_) => {
            let value = String::from_utf8_lossy(field);
            Err(InvalidInput::new(name, value, "must be valid UTF-8"))
        }
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
