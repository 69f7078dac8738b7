//! Typed queries, as services write them: each shape for each of some tables.

mod reads;
mod tables;
mod writes;

pub(crate) use reads::{ManyRead, ReadShape, TypedRead};
pub(crate) use tables::TypedTable;
pub(crate) use writes::{TypedWrite, WriteShape};

use crate::error::{Error, Result};
use crate::value::{FromValue, Value};

/// A key as the query of a table takes it.
fn key<K: FromValue>(value: &Value) -> Result<K> {
    K::from_value(value)
        .ok_or_else(|| Error::step("write a typed query", format!("{value:?} is no such key")))
}
