//! What became of a statement, on either side.

use std::fmt;

use larder::database::Error as LarderError;

use crate::error::{Error, Result};
use crate::row::Row;

/// What became of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It ran.
    Done {
        /// How many rows it gave or touched.
        affected: u64,
        /// What it gave.
        rows: Vec<Row>,
    },
    /// The server refused it, with this SQLSTATE.
    Refused(String),
}

impl Outcome {
    /// Of a read.
    pub(crate) fn rows(rows: Vec<Row>) -> Self {
        Self::Done {
            affected: rows.len() as u64,
            rows: crate::row::sorted(rows),
        }
    }

    /// Of a write that gives nothing.
    pub(crate) fn affected(affected: usize) -> Self {
        Self::Done {
            affected: affected as u64,
            rows: Vec::new(),
        }
    }

    /// Of a read or a raw statement of Larder's, whose error is one only where it is not the server's.
    pub(crate) fn of(done: Result<Self, LarderError>, by: impl fmt::Display) -> Result<Self> {
        done.or_else(|error| match error.sql_state() {
            Some(state) => Ok(Self::Refused(state.as_str().to_owned())),
            None => Err(Error::step(format!("run {by}"), error)),
        })
    }

    pub(crate) fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// So many rows are told.
const TOLD: usize = 8;

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(state) => write!(formatter, "refused ({state})"),
            Self::Done { affected, rows } => {
                write!(formatter, "{affected} rows")?;
                for row in rows.iter().take(TOLD) {
                    write!(formatter, " {row}")?;
                }
                formatter.write_str(if rows.len() > TOLD { " .." } else { "" })
            }
        }
    }
}
