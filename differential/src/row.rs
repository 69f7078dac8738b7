//! Rows as both sides give them: what the server sent, as text.

use std::fmt::{self, Write as _};

use diesel::deserialize::{self, FromSqlRow, QueryableByName};
use diesel::pg::Pg;
use diesel::row::{Field as _, NamedRow, Row as DieselRow};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Uuid};
use tokio_postgres::types::{FromSql, Type};

/// A row; a cell is `None` where it is NULL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row(pub(crate) Vec<Option<String>>);

/// What a statement gave: its rows in an order of ours, because the server promises none.
pub(crate) fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_unstable();
    rows
}

/// A row of a query of Diesel's.
#[derive(Debug, Clone)]
pub(crate) struct TypedRow(pub(crate) Row);

/// A row of raw SQL.
#[derive(Debug, Clone)]
pub(crate) struct RawRow(pub(crate) Row);

/// What typed queries select.
macro_rules! of_types {
    ($($types:ty),* $(,)?) => {$(
        impl FromSqlRow<$types, Pg> for TypedRow {
            fn build_from_row<'a>(row: &impl DieselRow<'a, Pg>) -> deserialize::Result<Self> {
                Row::of_diesel(row).map(Self)
            }
        }
    )*};
}

macro_rules! of_keys {
    ($($key:ty),* $(,)?) => {
        of_types! {$(
            ($key, Integer, BigInt, Nullable<Text>),
            ($key, BigInt),
            ($key, Nullable<Text>),
        )*}
    };
}

of_keys!(Integer, BigInt, Uuid, Text);
of_types!((Nullable<Text>, BigInt), BigInt, Nullable<BigInt>, Bool);

impl QueryableByName<Pg> for RawRow {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        Row::of_diesel(row).map(Self)
    }
}

impl Row {
    fn of_diesel<'a>(row: &impl DieselRow<'a, Pg>) -> deserialize::Result<Self> {
        let cells = (0..row.field_count()).map(|index| {
            let field = DieselRow::get(row, index).ok_or("a column is missing")?;
            let cell = field.value();
            let cell = cell.map(|value| cell_text(value.get_oid().get(), value.as_bytes()));
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(cell)
        });
        cells.collect::<Result<_, _>>().map(Self)
    }

    /// A row that the judge read.
    pub(crate) fn of_judge(row: &tokio_postgres::Row) -> Result<Self, tokio_postgres::Error> {
        let cells = (0..row.len()).map(|index| {
            let cell: Option<Cell> = row.try_get(index)?;
            Ok(cell.map(|cell| cell.0))
        });
        cells.collect::<Result<_, _>>().map(Self)
    }
}

struct Cell(String);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(
        of: &Type,
        bytes: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(cell_text(of.oid(), bytes)))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The text of a value in its binary form.
fn cell_text(type_oid: u32, bytes: &[u8]) -> String {
    let number = match (type_oid, bytes) {
        (16, [truth]) => return (*truth != 0).to_string(),
        (21, bytes) => bytes.try_into().map(i16::from_be_bytes).map(i64::from),
        (23, bytes) => bytes.try_into().map(i32::from_be_bytes).map(i64::from),
        (20, bytes) => bytes.try_into().map(i64::from_be_bytes),
        (25 | 1043, bytes) => return String::from_utf8_lossy(bytes).into_owned(),
        _ => return hexadecimal(bytes),
    };
    number.map_or_else(|_| hexadecimal(bytes), |number| number.to_string())
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::from("\\x");
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(")?;
        for (index, cell) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let cell = cell.as_deref().unwrap_or("NULL");
            write!(formatter, "{separator}{cell}")?;
        }
        formatter.write_str(")")
    }
}
