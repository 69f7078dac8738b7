//! The tables as Diesel knows them.

/// A table that typed queries name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TypedTable {
    Numbers,
    Longs,
    Uuids,
    Texts,
    Folded,
    Triggered,
    Serials,
}

macro_rules! tables {
    ($($name:ident $key:ident),* $(,)?) => {$(
        diesel::table! {
            $name (id) {
                id -> $key,
                grp -> Integer,
                n -> BigInt,
                note -> Nullable<Text>,
            }
        }
    )*};
}

tables! {
    numbers Integer,
    longs BigInt,
    uuids Uuid,
    texts Text,
    folded Text,
    triggered Integer,
    serials Integer,
}

/// Does something with the module of a table and the type of its key.
macro_rules! for_table {
    ($table:expr, $module:ident, $key:ident => $body:ident!($($argument:tt)*)) => {{
        use $crate::typed::tables as all;
        match $table {
            $crate::typed::TypedTable::Numbers => {
                use all::numbers as $module;
                type $key = i32;
                $body!($($argument)*)
            }
            $crate::typed::TypedTable::Longs => {
                use all::longs as $module;
                type $key = i64;
                $body!($($argument)*)
            }
            $crate::typed::TypedTable::Uuids => {
                use all::uuids as $module;
                type $key = $crate::value::Uuid;
                $body!($($argument)*)
            }
            $crate::typed::TypedTable::Texts => {
                use all::texts as $module;
                type $key = String;
                $body!($($argument)*)
            }
            $crate::typed::TypedTable::Folded => {
                use all::folded as $module;
                type $key = String;
                $body!($($argument)*)
            }
            $crate::typed::TypedTable::Triggered => {
                use all::triggered as $module;
                type $key = i32;
                $body!($($argument)*)
            }
            $crate::typed::TypedTable::Serials => {
                use all::serials as $module;
                type $key = i32;
                $body!($($argument)*)
            }
        }
    }};
}
pub(super) use for_table;
