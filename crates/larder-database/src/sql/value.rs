//! Which SQL type a Rust type stands for where nothing else says so.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use diesel::pg::{Pg, PgMetadataLookup, PgTypeMetadata};
use diesel::serialize::ToSql;
use diesel::sql_types::{
    Array, BigInt, Binary, Bool, Date, Double, Float, HasSqlType, Integer, Jsonb, Nullable,
    SingleValue, SmallInt, SqlType, Text, Time, Timestamp, Timestamptz, is_nullable,
};

/// A value that can be bound to raw SQL, or read as its only column, without naming the SQL type.
///
/// | Rust | PostgreSQL |
/// |---|---|
/// | `i16`, `i32`, `i64` | `int2`, `int4`, `int8` |
/// | `f32`, `f64` | `float4`, `float8` |
/// | `bool` | `bool` |
/// | `String`, `&str` | `text` |
/// | `Vec<u8>` | `bytea` |
/// | `NaiveDate`, `NaiveTime`, `NaiveDateTime`, `DateTime<Utc>` | `date`, `time`, `timestamp`, `timestamptz` |
/// | `serde_json::Value` | `jsonb` |
/// | `Option<T>` | the type of `T`, or NULL |
/// | `Vec<T>` | an array of the type of `T` |
///
/// For any other type cast in the SQL: `:mood::mood` where it is bound, `sum(pieces)::int8`
/// (a `numeric` otherwise) or `id::text` (a `uuid`) where it is read.
pub trait SqlValue: Send {
    /// The type in Diesel's terms.
    type SqlType: 'static;
    /// The value without borrows.
    type Owned: ToSql<Self::SqlType, Pg> + Send + Sync + 'static;

    /// Gives up what it borrows.
    fn into_owned(self) -> Self::Owned;
}

macro_rules! sql_values {
    ($($rust:ty => $sql:ty),* $(,)?) => {$(
        impl SqlValue for $rust {
            type SqlType = $sql;
            type Owned = Self;

            fn into_owned(self) -> Self {
                self
            }
        }
    )*};
}

sql_values! {
    i16 => SmallInt,
    i32 => Integer,
    i64 => BigInt,
    f32 => Float,
    f64 => Double,
    bool => Bool,
    String => Text,
    Vec<u8> => Binary,
    NaiveDate => Date,
    NaiveTime => Time,
    NaiveDateTime => Timestamp,
    DateTime<Utc> => Timestamptz,
    serde_json::Value => Jsonb,
}

impl SqlValue for &str {
    type SqlType = Text;
    type Owned = String;

    fn into_owned(self) -> String {
        self.to_owned()
    }
}

impl<V> SqlValue for Option<V>
where
    V: SqlValue,
    V::SqlType: SqlType<IsNull = is_nullable::NotNull>,
    Option<V::Owned>: ToSql<Nullable<V::SqlType>, Pg>,
{
    type SqlType = Nullable<V::SqlType>;
    type Owned = Option<V::Owned>;

    fn into_owned(self) -> Self::Owned {
        self.map(V::into_owned)
    }
}

impl<V> SqlValue for Vec<V>
where
    V: SqlValue,
    V::SqlType: SingleValue,
    Pg: HasSqlType<V::SqlType>,
    Vec<V::Owned>: ToSql<Array<V::SqlType>, Pg>,
{
    type SqlType = Array<V::SqlType>;
    type Owned = Vec<V::Owned>;

    fn into_owned(self) -> Self::Owned {
        self.into_iter().map(V::into_owned).collect()
    }
}

/// Whether a column of this type can be read as `T`. Diesel itself compares nothing but
/// the number of bytes, so that an `int4` could pass for a `float4`.
pub(crate) fn fits<T: SqlValue>(column: u32) -> bool
where
    Pg: HasSqlType<T::SqlType>,
{
    /// `text`, and what has the same binary form: `varchar`, `char(n)`, `name`, `unknown`.
    const TEXTS: [u32; 5] = [25, 1043, 1042, 19, 705];
    /// Their arrays.
    const TEXT_ARRAYS: [u32; 4] = [1009, 1015, 1014, 1003];

    let Ok(asked) = <Pg as HasSqlType<T::SqlType>>::metadata(&mut BuiltIn).oid() else {
        return false;
    };
    asked == column
        || [&TEXTS[..], &TEXT_ARRAYS[..]]
            .iter()
            .any(|same| same[0] == asked && same.contains(&column))
}

/// All types above are built in, so nothing has to be looked up.
struct BuiltIn;

impl PgMetadataLookup for BuiltIn {
    fn lookup_type(&mut self, _: &str, _: Option<&str>) -> PgTypeMetadata {
        PgTypeMetadata::new(0, 0)
    }
}
