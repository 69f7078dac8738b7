//! Statements about rows that are known by their keys.

use super::functions::FunctionEffect;
use super::keys::{KeyKind, TableKey};
use super::names::TableId;
use super::tables::{Catalog, Table, TableKind};
use super::words::words;
use crate::StatementProfile;
use crate::failpoints;
use crate::profile::{Conflict, Verb};

/// Rows of one table, by the values of its primary key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowAccess {
    /// The table.
    pub table: TableId,
    /// What the key is made of: see [`KeyKind::normalise`].
    pub kind: KeyKind,
    /// The parameters that are the keys, counted from 0: `$1` is 0. A key that is NULL is that of no
    /// row.
    pub parameters: Box<[u16]>,
    /// Of a read: whether a result with a row in it proves that the table has the row. An
    /// aggregate gives a row for nothing, too. Always true of a write.
    pub non_empty_proves_row: bool,
}

/// Which rows a statement writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowWrite {
    /// Those of these keys at most, as far as this table is concerned.
    Rows(RowAccess),
    /// New ones of this table, whose keys are not known beforehand. It changes none that were there.
    NewRows(TableId),
}

impl Catalog {
    /// The one row on which the result of a query depends, if its text names it by the primary key
    /// of the only table that the query reads.
    ///
    /// A write that leaves this row alone, and makes no row of this key, does not change the
    /// result. `None` says nothing: then the tables of [`reads`](Self::reads) count.
    #[must_use]
    pub fn row_read(&self, profile: &StatementProfile) -> Option<RowAccess> {
        let candidates = profile.key_candidates.as_deref()?;
        let Verb::Select { finds_rows } = candidates.verb else {
            return None;
        };
        let [name] = &*profile.reads else {
            return None;
        };
        let table = self.find(name)?;
        let key = self.key(table)?;
        let read = self.reads(profile).ok()?;
        if *read.tables != [table] || !read.views.is_empty() || self.calls_readers(profile) {
            return None;
        }
        let proves_row = finds_rows && !self.names_aggregate(profile);
        Some(RowAccess {
            table,
            kind: key.kind,
            parameters: candidates.of(&key.column)?.into(),
            non_empty_proves_row: proves_row || failpoints::is_on("row-nonempty"),
        })
    }

    /// The rows of the table that a statement names which it may change, if its text names them by
    /// the primary key, or if it only inserts.
    ///
    /// This is about the table that it names. Of other tables in [`writes`](Self::writes), to
    /// which foreign keys lead for example, any row may change. `None` says nothing: then any row
    /// of this table may change, too.
    #[must_use]
    pub fn row_write(&self, profile: &StatementProfile) -> Option<RowWrite> {
        let candidates = profile.key_candidates.as_deref()?;
        let [name] = &*profile.writes else {
            return None;
        };
        let table = self.find(name)?;
        let key = self.key(table)?;
        let is_alone =
            self.is_written_by_name_alone(profile, table) || failpoints::is_on("row-cascading");
        if !is_alone {
            return None;
        }
        let rows = |parameters: &[u16]| {
            Some(RowWrite::Rows(RowAccess {
                table,
                kind: key.kind,
                parameters: parameters.into(),
                non_empty_proves_row: true,
            }))
        };
        match (&candidates.verb, candidates.of(&key.column)) {
            (Verb::Select { .. }, _) => None,
            (Verb::Update | Verb::Delete, parameters) => rows(parameters?),
            (Verb::Insert(Conflict::Keep), Some(parameters)) => rows(parameters),
            (Verb::Insert(Conflict::Keep), None) if failpoints::is_on("row-unknown-key") => {
                rows(&[])
            }
            (Verb::Insert(Conflict::Keep), None) => Some(RowWrite::NewRows(table)),
            (Verb::Insert(conflict), parameters) => {
                let is_same_row = is_of_key(conflict, key) || failpoints::is_on("row-any-conflict");
                rows(parameters.filter(|_| is_same_row)?)
            }
        }
    }

    /// The key of a table that has rows of its own alone, and whose writes do what they say.
    fn key(&self, id: TableId) -> Option<&TableKey> {
        let table = self.tables.get(&id)?;
        let is_plain = matches!(table.kind, TableKind::Table)
            && !table.temporary
            && !table.row_security
            && !table.row_security_active
            && !has_children(table)
            && (table.triggers.is_empty() || failpoints::is_on("row-with-trigger"))
            && (table.rules.is_empty() || failpoints::is_on("row-with-rule"));
        let key = table.key.as_ref().filter(|key| key.is_exact());
        key.filter(|_| is_plain && self.is_equality_known)
    }

    /// Whether a statement calls a function that was declared to read tables: it may be the same
    /// table.
    fn calls_readers(&self, profile: &StatementProfile) -> bool {
        let calls = self.functions.calls(profile, &self.names);
        calls
            .iter()
            .any(|call| matches!(call.effect, FunctionEffect::Declared(_)))
    }

    /// Whether a statement may call an aggregate of the user's.
    fn names_aggregate(&self, profile: &StatementProfile) -> bool {
        let is_one = |name: &str| self.aggregates.contains(name);
        !self.aggregates.is_empty()
            && words(&profile.normalised)
                .iter()
                .any(|word| is_one(&word.text))
    }
}

fn has_children(table: &Table) -> bool {
    let has_some = !table.parents.is_empty() || !table.children.is_empty();
    has_some && !failpoints::is_on("row-with-children")
}

/// Whether what an INSERT updates is the row of the key that it was to insert.
fn is_of_key(conflict: &Conflict, key: &TableKey) -> bool {
    match conflict {
        Conflict::Keep => true,
        Conflict::Update { target, assigned } => {
            let is_assigned = assigned.contains(&key.column);
            key.sole && target.as_ref() == Some(&key.column) && !is_assigned
        }
    }
}
