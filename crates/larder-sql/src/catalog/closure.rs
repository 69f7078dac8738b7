//! Tables that share rows: partitions and children, parents and roots.

use std::collections::BTreeSet;

use super::names::TableId;
use super::tables::{Catalog, Table, TableKind};

impl Catalog {
    /// The tables and views whose rows may be among those that a result which reads these shows:
    /// these, what is below them, what views and materialized views among those are made of, and
    /// the tables above any of that, whose rows they are too.
    #[must_use]
    pub fn sources(&self, relations: impl IntoIterator<Item = TableId>) -> BTreeSet<TableId> {
        let mut below: BTreeSet<TableId> = relations.into_iter().collect();
        let mut open: Vec<TableId> = below.iter().copied().collect();
        while let Some(id) = open.pop() {
            let Some(table) = self.tables.get(&id) else {
                continue;
            };
            let made_of = match &table.kind {
                TableKind::View(view) | TableKind::MaterializedView(view) => &*view.relations,
                _ => &[],
            };
            let more = table.children.iter().chain(made_of);
            open.extend(more.filter(|id| below.insert(**id)));
        }
        self.ancestors(&below)
    }

    /// `id` and all tables below it, whose rows are its rows too.
    pub(super) fn descendants(&self, id: TableId) -> BTreeSet<TableId> {
        self.reachable([id], |table| &table.children)
    }

    /// All tables that show rows of one of `ids`: these, and all above them.
    pub(super) fn ancestors(&self, ids: &BTreeSet<TableId>) -> BTreeSet<TableId> {
        self.reachable(ids.iter().copied(), |table| &table.parents)
    }

    fn reachable<'c>(
        &'c self,
        start: impl IntoIterator<Item = TableId>,
        next: impl Fn(&'c Table) -> &'c [TableId],
    ) -> BTreeSet<TableId> {
        let mut found: BTreeSet<TableId> = start.into_iter().collect();
        let mut open: Vec<TableId> = found.iter().copied().collect();
        while let Some(id) = open.pop() {
            let Some(table) = self.tables.get(&id) else {
                continue;
            };
            open.extend(next(table).iter().filter(|id| found.insert(**id)));
        }
        found
    }
}
