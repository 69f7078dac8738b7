//! Rows as Diesel reads them, whether they came from the server just now or were kept.

use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use diesel::pg::{Pg, PgValue, TypeOidLookup};
use diesel::row::{Field, PartialRow, RowIndex, RowSealed};
use tokio_postgres::types::{FromSql, Type};

use super::portable_rows::{Column, Kept};

type BoxError = Box<dyn std::error::Error + Sync + Send>;

/// One row of a result.
#[derive(Debug)]
pub struct Row(Source);

/// Where the values of a row are.
#[derive(Debug)]
enum Source {
    /// As they came from the server.
    Server(tokio_postgres::Row),
    /// Among those of other rows.
    Kept { rows: Arc<Kept>, index: usize },
}

impl Row {
    pub(crate) fn of_server(row: tokio_postgres::Row) -> Self {
        Self(Source::Server(row))
    }

    pub(super) fn kept(rows: Arc<Kept>, index: usize) -> Self {
        Self(Source::Kept { rows, index })
    }

    /// The first value, where it is a text.
    pub(crate) fn text(&self) -> Option<String> {
        String::from_utf8(self.bytes(0)?.to_vec()).ok()
    }

    fn len(&self) -> usize {
        match &self.0 {
            Source::Server(row) => row.len(),
            Source::Kept { rows, .. } => rows.columns().len(),
        }
    }

    /// The name of a column, the name of its type and its id. The column is there.
    fn column(&self, index: usize) -> (&str, &str, u32) {
        match &self.0 {
            Source::Server(row) => {
                let column = &row.columns()[index];
                let type_ = column.type_();
                (column.name(), type_.name(), type_.oid())
            }
            Source::Kept { rows, .. } => {
                let column = &rows.columns()[index];
                (&column.name, &column.type_name, column.type_oid)
            }
        }
    }

    /// The id of the type of a column. The column is there.
    fn type_oid(&self, index: usize) -> u32 {
        match &self.0 {
            Source::Server(row) => row.columns()[index].type_().oid(),
            Source::Kept { rows, .. } => rows.columns()[index].type_oid,
        }
    }

    /// What leaves the process of its columns.
    pub(super) fn columns(&self) -> Vec<Column> {
        let columns = (0..self.len()).map(|index| self.column(index));
        columns
            .map(|(name, type_name, type_oid)| Column {
                name: name.to_owned(),
                type_name: type_name.to_owned(),
                type_oid,
            })
            .collect()
    }

    /// A value in the server's binary form; NULL where there is no such column.
    pub(super) fn bytes(&self, index: usize) -> Option<&[u8]> {
        if index >= self.len() {
            return None;
        }
        match &self.0 {
            Source::Server(row) => {
                let Raw(bytes) = row.get(index);
                bytes
            }
            Source::Kept { rows, index: row } => rows.value(*row, index),
        }
    }
}

impl RowSealed for Row {}

impl<'a> diesel::row::Row<'a, Pg> for Row {
    type InnerPartialRow = Self;
    type Field<'b>
        = Value<'b>
    where
        Self: 'b,
        'a: 'b;

    fn field_count(&self) -> usize {
        self.len()
    }

    fn get<'b, I>(&'b self, index: I) -> Option<Self::Field<'b>>
    where
        'a: 'b,
        Self: RowIndex<I>,
    {
        let index = self.idx(index)?;
        Some(Value {
            row: self,
            index,
            oid: Oid(NonZeroU32::new(self.type_oid(index))?),
            bytes: self.bytes(index),
        })
    }

    fn partial_row(&self, range: Range<usize>) -> PartialRow<'_, Self> {
        PartialRow::new(self, range)
    }
}

impl RowIndex<usize> for Row {
    fn idx(&self, index: usize) -> Option<usize> {
        (index < self.len()).then_some(index)
    }
}

impl<'a> RowIndex<&'a str> for Row {
    fn idx(&self, name: &'a str) -> Option<usize> {
        (0..self.len()).find(|index| self.column(*index).0 == name)
    }
}

#[derive(Debug)]
struct Oid(NonZeroU32);

impl TypeOidLookup for Oid {
    fn lookup(&self) -> NonZeroU32 {
        self.0
    }
}

/// One value of a row, still in the server's binary form.
#[derive(Debug)]
pub struct Value<'a> {
    row: &'a Row,
    index: usize,
    oid: Oid,
    bytes: Option<&'a [u8]>,
}

impl Value<'_> {
    /// The name of the type of the column, such as `int4`.
    pub fn type_name(&self) -> &str {
        self.row.column(self.index).1
    }

    /// The object id of the type of the column.
    pub fn type_oid(&self) -> u32 {
        self.oid.0.get()
    }
}

impl<'a> Field<'a, Pg> for Value<'a> {
    fn field_name(&self) -> Option<&str> {
        Some(self.row.column(self.index).0)
    }

    fn value(&self) -> Option<PgValue<'_>> {
        self.bytes.map(|bytes| PgValue::new(bytes, &self.oid))
    }
}

/// The bytes of a value, whatever its type: Diesel decodes them.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, bytes: &'a [u8]) -> Result<Self, BoxError> {
        Ok(Self(Some(bytes)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, BoxError> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
