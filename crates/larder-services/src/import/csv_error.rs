//! Why a CSV file cannot be read on.

use std::fmt;
use std::io;

/// A CSV file cannot be read on: its name, the line where one is known, and the problem.
#[derive(Debug, thiserror::Error)]
#[error("read {file}{}: {problem}", OnLine(*.line))]
pub struct CsvError {
    file: String,
    line: Option<u64>,
    #[source]
    problem: CsvProblem,
}

impl CsvError {
    pub(super) fn new(file: &str, line: Option<u64>, problem: CsvProblem) -> Self {
        Self {
            file: file.to_owned(),
            line,
            problem,
        }
    }

    /// The name of the file, as it was given to the reader.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The first line of the record that could not be read, counted from 1.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        self.line
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &CsvProblem {
        &self.problem
    }
}

/// What is wrong with a CSV file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CsvProblem {
    /// Columns are missing without which no row can be imported.
    #[error("the required columns {} are missing; the header has {}", Names(.missing), Names(.found))]
    MissingColumns {
        /// The missing columns, "or" between those of which one is enough.
        missing: Vec<String>,
        /// The columns that the header has.
        found: Vec<String>,
    },
    /// A column occurs twice, so it is not known which one counts.
    #[error("the column {0} occurs more than once")]
    RepeatedColumn(String),
    /// The header is not UTF-8: another encoding, or not a text.
    #[error("the header is not valid UTF-8")]
    HeaderNotUtf8,
    /// A record goes on and on, as it does where a quote is opened and never closed.
    #[error("the record that begins here is longer than {0} bytes: is a quote never closed?")]
    RecordTooLong(usize),
    /// The file itself cannot be opened or read.
    #[error("{0}")]
    Io(#[source] io::Error),
}

/// " at line 7", or nothing.
struct OnLine(Option<u64>);

impl fmt::Display for OnLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, " at line {line}"))
    }
}

/// Names with commas between them, or "nothing".
struct Names<'a>(&'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "nothing" } else { "" })?;
        f.write_str(&self.0.join(", "))
    }
}
