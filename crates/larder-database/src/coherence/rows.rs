//! From tables and keys to what a result depends on, and what a write makes wrong.
//!
//! A result that needs a whole table depends on [the table](Dependency::table) and on [any row of
//! it](Dependency::some_row); one that needs the row of a key depends on the table and on [that
//! row](Dependency::row), and where it found no row, on [new ones](Dependency::new_rows). A write that
//! names its rows touches them, and "any row"; a write that does not touches the table, and so
//! everything of it.

use larder_cache::Dependency;
use larder_sql::catalog::{RowAccess, TableId};

/// What a result depends on that needs all of these tables.
pub(crate) fn read_dependencies(tables: &[TableId]) -> Vec<Dependency> {
    let of_table = |table: &TableId| [Dependency::table(table.0), Dependency::some_row(table.0)];
    tables.iter().flat_map(of_table).collect()
}

/// What a write touches of which no more is known than its tables.
pub(crate) fn written_dependencies(
    tables: impl IntoIterator<Item = TableId>,
) -> impl Iterator<Item = Dependency> {
    tables.into_iter().map(|table| Dependency::table(table.0))
}

/// What a result depends on that needs the rows of these keys; `None` if a value is none that the
/// key of the table is compared with byte by byte.
pub(crate) fn row_dependencies<'v>(
    access: &RowAccess,
    keys: impl IntoIterator<Item = (u32, &'v [u8])>,
) -> Option<Vec<Dependency>> {
    with_rows(Dependency::table(access.table.0), access, keys)
}

/// What a write touches that names its rows by these keys.
pub(crate) fn row_touched<'v>(
    access: &RowAccess,
    keys: impl IntoIterator<Item = (u32, &'v [u8])>,
) -> Option<Vec<Dependency>> {
    with_rows(Dependency::some_row(access.table.0), access, keys)
}

/// What an insert touches whose keys the server makes.
pub(crate) fn new_rows_touched(table: TableId) -> [Dependency; 2] {
    [Dependency::some_row(table.0), Dependency::new_rows(table.0)]
}

fn with_rows<'v>(
    first: Dependency,
    access: &RowAccess,
    keys: impl IntoIterator<Item = (u32, &'v [u8])>,
) -> Option<Vec<Dependency>> {
    let mut all = vec![first];
    for (type_oid, value) in keys {
        let key = access.kind.normalise(type_oid, value)?;
        all.push(Dependency::row(access.table.0, &key));
    }
    Some(all)
}
