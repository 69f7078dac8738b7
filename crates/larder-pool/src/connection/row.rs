//! Rows of tokio-postgres as Diesel reads them.

use std::num::NonZeroU32;
use std::ops::Range;

use diesel::pg::{Pg, PgValue, TypeOidLookup};
use diesel::row::{Field, PartialRow, RowIndex, RowSealed};
use tokio_postgres::types::{FromSql, Type};

type BoxError = Box<dyn std::error::Error + Sync + Send>;

/// One row of a result.
#[derive(Debug)]
pub struct Row(pub(super) tokio_postgres::Row);

impl RowSealed for Row {}

impl<'a> diesel::row::Row<'a, Pg> for Row {
    type InnerPartialRow = Self;
    type Field<'b>
        = Value<'b>
    where
        Self: 'b,
        'a: 'b;

    fn field_count(&self) -> usize {
        self.0.len()
    }

    fn get<'b, I>(&'b self, index: I) -> Option<Self::Field<'b>>
    where
        'a: 'b,
        Self: RowIndex<I>,
    {
        let index = self.idx(index)?;
        let column = &self.0.columns()[index];
        let Raw(bytes) = self.0.get(index);
        Some(Value {
            name: column.name(),
            type_name: column.type_().name(),
            oid: Oid(NonZeroU32::new(column.type_().oid())?),
            bytes,
        })
    }

    fn partial_row(&self, range: Range<usize>) -> PartialRow<'_, Self> {
        PartialRow::new(self, range)
    }
}

impl RowIndex<usize> for Row {
    fn idx(&self, index: usize) -> Option<usize> {
        (index < self.0.len()).then_some(index)
    }
}

impl<'a> RowIndex<&'a str> for Row {
    fn idx(&self, name: &'a str) -> Option<usize> {
        self.0
            .columns()
            .iter()
            .position(|column| column.name() == name)
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
    name: &'a str,
    type_name: &'a str,
    oid: Oid,
    bytes: Option<&'a [u8]>,
}

impl Value<'_> {
    /// The name of the type of the column, such as `int4`.
    pub fn type_name(&self) -> &str {
        self.type_name
    }

    /// The object id of the type of the column.
    pub fn type_oid(&self) -> u32 {
        self.oid.0.get()
    }
}

impl<'a> Field<'a, Pg> for Value<'a> {
    fn field_name(&self) -> Option<&str> {
        Some(self.name)
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
