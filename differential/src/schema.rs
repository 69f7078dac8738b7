//! The tables, and what of them the choices at random have to know.

use crate::typed::TypedTable;
use crate::value::Value;

/// What makes the schema.
pub(crate) const SCHEMA: &str = include_str!("schema.sql");

/// So many keys a table has.
pub(crate) const KEYS: u8 = 30;

/// So many groups.
pub(crate) const GROUPS: i32 = 4;

/// What keys a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Short,
    Integer,
    Long,
    Uuid,
    Bytes,
    Text,
    /// Texts of which several are the same key.
    Folded,
}

impl KeyKind {
    /// The key of this number; of `spellings` of the same key one.
    pub(crate) fn value(self, number: u8, spelling: u8) -> Value {
        let text = |name: &str| Value::Text(format!("{name}-{number}"));
        match self {
            Self::Short => Value::Short(i16::from(number)),
            Self::Integer => Value::Integer(i32::from(number)),
            Self::Long => Value::Long(i64::from(number)),
            Self::Uuid => Value::Uuid(0x6c61_7264_6572 << 64 | u128::from(number)),
            Self::Bytes => Value::Bytes(vec![0, 255, number]),
            Self::Text => text("key"),
            Self::Folded if spelling.is_multiple_of(2) => text("key"),
            Self::Folded => text("KEY"),
        }
    }

    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Short | Self::Integer | Self::Long)
    }

    /// The same number as another type: the server compares them all.
    pub(crate) fn as_bound(self, number: u8, width: u8) -> Value {
        match (self.is_number(), width % 3) {
            (false, _) => self.value(number, width),
            (true, 0) => Self::Short.value(number, 0),
            (true, 1) => Self::Integer.value(number, 0),
            (true, _) => Self::Long.value(number, 0),
        }
    }
}

/// A table or view.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) key: KeyKind,
    /// Tables that writes lead from one to the other have the same.
    pub(crate) family: u32,
    /// Whether it has the column `up`.
    pub(crate) up: bool,
    /// As typed queries know it.
    pub(crate) typed: Option<TypedTable>,
    /// Whether rows can be inserted, and the table emptied.
    pub(crate) is_table: bool,
    /// Whether the server makes keys for it.
    pub(crate) makes_keys: bool,
    /// What ON CONFLICT may name.
    pub(crate) unique: &'static [&'static str],
}

const fn table(name: &'static str, key: KeyKind, family: u32) -> Table {
    Table {
        name,
        key,
        family,
        up: false,
        typed: None,
        is_table: true,
        makes_keys: false,
        unique: &["id"],
    }
}

const fn typed(name: &'static str, key: KeyKind, family: u32, typed: TypedTable) -> Table {
    Table {
        typed: Some(typed),
        ..table(name, key, family)
    }
}

const fn with_up(table: Table) -> Table {
    Table { up: true, ..table }
}

const fn view(name: &'static str, family: u32) -> Table {
    Table {
        is_table: false,
        unique: &[],
        ..table(name, KeyKind::Integer, family)
    }
}

/// All of them.
pub(crate) const TABLES: &[Table] = &[
    table("shorts", KeyKind::Short, 0),
    typed("numbers", KeyKind::Integer, 1, TypedTable::Numbers),
    typed("longs", KeyKind::Long, 1, TypedTable::Longs),
    view("seen", 1),
    view("both_seen", 1),
    typed("uuids", KeyKind::Uuid, 0, TypedTable::Uuids),
    table("blobs", KeyKind::Bytes, 2),
    typed("texts", KeyKind::Text, 2, TypedTable::Texts),
    table("labels", KeyKind::Text, 2),
    typed("folded", KeyKind::Folded, 3, TypedTable::Folded),
    typed("triggered", KeyKind::Integer, 4, TypedTable::Triggered),
    table("rekeyed", KeyKind::Integer, 5),
    table("ruled", KeyKind::Integer, 6),
    table("parts", KeyKind::Integer, 7),
    table("parts_low", KeyKind::Integer, 7),
    table("parts_high", KeyKind::Integer, 7),
    table("elders", KeyKind::Integer, 8),
    table("heirs", KeyKind::Integer, 8),
    with_up(table("tree", KeyKind::Integer, 9)),
    with_up(table("hosts", KeyKind::Integer, 10)),
    with_up(table("guests", KeyKind::Integer, 10)),
    Table {
        makes_keys: true,
        ..typed("serials", KeyKind::Integer, 11, TypedTable::Serials)
    },
    Table {
        up: true,
        unique: &["id", "up", "up"],
        ..table("coded", KeyKind::Integer, 12)
    },
    Table {
        up: true,
        unique: &["id, up"],
        ..table("pairs", KeyKind::Integer, 12)
    },
];

/// So many families there are.
pub(crate) const FAMILIES: usize = 13;
