//! Keys by which the rows of a table are told apart, and their values as bytes.

use super::snapshot;
use crate::failpoints;

const BYTEA: u32 = 17;
const INT8: u32 = 20;
const INT2: u32 = 21;
const INT4: u32 = 23;
const TEXT: u32 = 25;
const VARCHAR: u32 = 1043;
const UUID: u32 = 2950;

/// The primary key of a table.
#[derive(Debug)]
pub(super) struct TableKey {
    pub(super) column: Box<str>,
    pub(super) kind: KeyKind,
    /// Whether no other unique index is of this column alone.
    pub(super) sole: bool,
    deterministic: bool,
}

/// What kind of values a key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// `smallint`, `integer` or `bigint`.
    Integer,
    /// `uuid`.
    Uuid,
    /// `bytea`.
    Bytes,
    /// `text` or `varchar`, with a collation that takes texts for one only if their bytes are.
    Text,
}

impl TableKey {
    /// `None` if the column has a type of which it is not known when two values are one.
    pub(super) fn new(key: snapshot::RowKey) -> Option<Self> {
        Some(Self {
            kind: KeyKind::of_type(key.type_oid)?,
            column: key.column,
            sole: key.sole,
            deterministic: key.deterministic,
        })
    }

    /// Whether two of its values are one only if their bytes are.
    pub(super) fn is_exact(&self) -> bool {
        self.deterministic || failpoints::is_on("row-any-collation")
    }
}

impl KeyKind {
    fn of_type(oid: u32) -> Option<Self> {
        Some(match oid {
            INT2 | INT4 | INT8 => Self::Integer,
            UUID => Self::Uuid,
            BYTEA => Self::Bytes,
            TEXT | VARCHAR => Self::Text,
            _ => return None,
        })
    }

    /// The bytes that tell a key from others, of a parameter of the type `type_oid` with the binary
    /// `value`.
    ///
    /// Two values that PostgreSQL takes for one have the same bytes: an `int2` and an `int8` of one
    /// number do, and a text with spaces at its end has those of the text without them, because
    /// an INSERT may cut them off to fit them into a `varchar(n)`.
    ///
    /// `None` if a key of this kind cannot be compared with a parameter of that type in a way that
    /// is known here.
    ///
    /// ```
    /// use larder_sql::catalog::KeyKind;
    ///
    /// let small = KeyKind::Integer.normalise(21, &7_i16.to_be_bytes());
    /// assert_eq!(small, KeyKind::Integer.normalise(20, &7_i64.to_be_bytes()));
    /// assert_eq!(KeyKind::Integer.normalise(1700, &[]), None);
    /// ```
    #[must_use]
    pub fn normalise(self, type_oid: u32, value: &[u8]) -> Option<Vec<u8>> {
        if failpoints::is_on("row-as-bound") {
            return Some(value.to_vec());
        }
        if Self::of_type(type_oid) != Some(self) {
            return None;
        }
        match self {
            Self::Integer => {
                let number = match type_oid {
                    INT2 => i16::from_be_bytes(value.try_into().ok()?).into(),
                    INT4 => i32::from_be_bytes(value.try_into().ok()?).into(),
                    _ => i64::from_be_bytes(value.try_into().ok()?),
                };
                Some(number.to_be_bytes().to_vec())
            }
            Self::Uuid => (value.len() == 16).then(|| value.to_vec()),
            Self::Bytes => Some(value.to_vec()),
            Self::Text => {
                let spaces = value.iter().rev().take_while(|&&byte| byte == b' ').count();
                Some(value[..value.len() - spaces].to_vec())
            }
        }
    }
}
