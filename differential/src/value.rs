//! Values as statements bind them, the same for Larder and for the judge.

use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::serialize::{IsNull, Output, Result, ToSql};
use larder::database::SqlValue;

/// A value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Short(i16),
    Integer(i32),
    Long(i64),
    Uuid(u128),
    Bytes(Vec<u8>),
    Text(String),
}

/// A `uuid`: Diesel has no type of its own for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = diesel::sql_types::Uuid)]
pub(crate) struct Uuid(pub(crate) u128);

impl ToSql<diesel::sql_types::Uuid, Pg> for Uuid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> Result {
        std::io::Write::write_all(out, &self.0.to_be_bytes())?;
        Ok(IsNull::No)
    }
}

impl SqlValue for Uuid {
    type SqlType = diesel::sql_types::Uuid;
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }
}

impl Value {
    /// The type by which the server knows it.
    pub(crate) fn type_oid(&self) -> u32 {
        match self {
            Self::Short(_) => 21,
            Self::Integer(_) => 23,
            Self::Long(_) => 20,
            Self::Uuid(_) => 2950,
            Self::Bytes(_) => 17,
            Self::Text(_) => 25,
        }
    }

    /// Its binary form.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Short(number) => number.to_be_bytes().to_vec(),
            Self::Integer(number) => number.to_be_bytes().to_vec(),
            Self::Long(number) => number.to_be_bytes().to_vec(),
            Self::Uuid(number) => number.to_be_bytes().to_vec(),
            Self::Bytes(bytes) => bytes.clone(),
            Self::Text(text) => text.clone().into_bytes(),
        }
    }
}

/// Binds a value to raw SQL, with or without its database.
macro_rules! bind {
    ($sql:expr, $name:expr, $value:expr) => {
        match $value {
            $crate::value::Value::Short(value) => $sql.bind($name, *value),
            $crate::value::Value::Integer(value) => $sql.bind($name, *value),
            $crate::value::Value::Long(value) => $sql.bind($name, *value),
            $crate::value::Value::Uuid(value) => $sql.bind($name, $crate::value::Uuid(*value)),
            $crate::value::Value::Bytes(value) => $sql.bind($name, value.clone()),
            $crate::value::Value::Text(value) => $sql.bind($name, value.clone()),
        }
    };
}
pub(crate) use bind;

/// A value as a typed query takes it.
pub(crate) trait FromValue: Sized {
    /// `None` if it is of another kind.
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! from_values {
    ($($variant:ident => $rust:ty),* $(,)?) => {$(
        impl FromValue for $rust {
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::$variant(value) => Some(value.clone().into()),
                    _ => None,
                }
            }
        }
    )*};
}

from_values! {
    Integer => i32,
    Long => i64,
    Uuid => Uuid,
    Text => String,
}

impl From<u128> for Uuid {
    fn from(number: u128) -> Self {
        Self(number)
    }
}
