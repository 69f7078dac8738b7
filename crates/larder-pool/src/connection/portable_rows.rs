//! Rows that can leave the process: the columns once, and all values in one buffer.

mod buffer;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use self::buffer::{Buffer, Values};
use super::row::Row;

/// Rows of one result that can be written to bytes, and read where no server is at hand.
///
/// What comes out of [`into_rows`](Self::into_rows) reads as what went into
/// [`of`](Self::of) did. Clones share the values. The values are in the server's binary
/// form, and with the rows go the names and types of their columns.
///
/// Read from bytes that somebody else wrote, it is either whole or an error: no length in
/// it points outside of it. What the values hold is for Diesel to judge.
#[derive(Clone)]
pub struct PortableRows(Arc<Kept>);

/// The rows that a [`PortableRows`] shares with those made of it.
pub(super) struct Kept {
    columns: Vec<Column>,
    values: Values,
}

/// What the rows of a result have in common.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) type_name: String,
    pub(super) type_oid: u32,
}

impl PortableRows {
    /// Copies rows of one result. None at all have no columns either.
    pub fn of(rows: &[Row]) -> Self {
        let columns = rows.first().map_or_else(Vec::new, Row::columns);
        let mut values = Values::default();
        for row in rows {
            // As many as the first row has, so that no row can shift those behind it.
            values.push_row((0..columns.len()).map(|index| row.bytes(index)));
        }
        Self(Arc::new(Kept { columns, values }))
    }

    /// The rows, which share what is kept here.
    pub fn into_rows(self) -> Vec<Row> {
        (0..self.len())
            .map(|index| Row::kept(Arc::clone(&self.0), index))
            .collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.values.rows()
    }

    /// How many values each of them has; 0 where there are no rows.
    pub fn columns(&self) -> usize {
        self.0.columns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What tells these rows from others: equal where columns and rows are, in whatever order
    /// the rows come. How often each comes does count, and NULL is not the empty value. It is
    /// the same in every process.
    pub fn digest(&self) -> u128 {
        let Kept { columns, values } = &*self.0;
        let mut digest = Xxh3::new();
        for column in columns {
            for text in [&column.name, &column.type_name] {
                digest.update(&(text.len() as u64).to_le_bytes());
                digest.update(text.as_bytes());
            }
            digest.update(&column.type_oid.to_le_bytes());
        }
        // A sum does not know in which order it was made, and unlike with XOR a row that comes
        // twice does not vanish.
        let sum = (0..values.rows())
            .map(|row| xxh3_128(values.written(row)))
            .fold(0, u128::wrapping_add);
        digest.update(&(values.rows() as u64).to_le_bytes());
        digest.update(&sum.to_le_bytes());
        digest.digest128()
    }
}

impl Kept {
    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The value of a row in a column, both of which are there.
    pub(super) fn value(&self, row: usize, column: usize) -> Option<&[u8]> {
        self.values.get(row * self.columns.len() + column)
    }
}

/// Without the values, which may be anybody's.
impl fmt::Debug for PortableRows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PortableRows")
            .field("columns", &self.columns)
            .field("rows", &self.values.rows())
            .finish_non_exhaustive()
    }
}

/// As it is written.
#[derive(Serialize)]
struct Written<'a> {
    columns: &'a [Column],
    values: Buffer<&'a [u8]>,
}

/// As it is read.
#[derive(Deserialize)]
struct Read {
    columns: Vec<Column>,
    values: Buffer<Vec<u8>>,
}

impl Serialize for PortableRows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = Written {
            columns: &self.0.columns,
            values: Buffer(self.0.values.buffer()),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PortableRows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Read { columns, values } = Read::deserialize(deserializer)?;
        if let Some(column) = columns.iter().find(|column| column.type_oid == 0) {
            let name = &column.name;
            let error = format!("read rows: the column `{name}` has no type");
            return Err(serde::de::Error::custom(error));
        }
        let values = Values::read(values.0, columns.len()).map_err(serde::de::Error::custom)?;
        Ok(Self(Arc::new(Kept { columns, values })))
    }
}
