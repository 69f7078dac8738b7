//! Whose readers have to be told of a write.

use std::collections::{BTreeSet, HashSet};

use super::functions::{Call, FunctionEffect};
use super::names::TableId;
use super::reasons::EverythingReason;
use super::tables::{Action, Catalog, Table, TableKind};
use super::views::View;
use crate::profile::RowActions;
use crate::{Effect, QualifiedName, StatementProfile};

/// The tables whose rows a statement may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteSet {
    /// No table's.
    Nothing,
    /// Those of these tables, in order of their ids.
    Tables(Box<[TableId]>),
    /// Those of any table, for this reason.
    Everything(EverythingReason),
}

impl Catalog {
    /// The tables whose rows a statement may change, so that what was read from them may be
    /// out of date when it is committed.
    ///
    /// Among them are, beside the tables that it names: their partitions and children, and the
    /// tables above them; the base tables of views; the tables that foreign keys carry the write
    /// on to; what functions, triggers and rules write as far as it was declared.
    #[must_use]
    pub fn writes(&self, profile: &StatementProfile) -> WriteSet {
        match &profile.effect {
            Effect::Unknown(reason) => {
                return WriteSet::Everything(EverythingReason::Unknown(reason.clone()));
            }
            Effect::Schema => return WriteSet::Everything(EverythingReason::SchemaChange),
            Effect::None => return WriteSet::Nothing,
            Effect::Read | Effect::Write => {}
        }
        let mut writer = Writer::new(self, profile, None);
        match writer.statement(profile) {
            Err(reason) => WriteSet::Everything(reason),
            Ok(()) if writer.tables.is_empty() => WriteSet::Nothing,
            Ok(()) => WriteSet::Tables(writer.tables.into_iter().collect()),
        }
    }

    /// Whether a statement writes the table `id` in no other way than by naming it: no foreign key,
    /// no function, no trigger and no rule leads to it.
    pub(super) fn is_written_by_name_alone(&self, profile: &StatementProfile, id: TableId) -> bool {
        let mut writer = Writer::new(self, profile, Some(id));
        writer.statement(profile).is_ok() && writer.arrivals == 1
    }

    /// Whether a statement may change what the catalog says, so that it has to be read again
    /// when it is committed.
    ///
    /// A function that may do anything could change definitions too. That is not assumed of every
    /// call: the digest finds it.
    #[must_use]
    pub fn may_change_schema(&self, profile: &StatementProfile) -> bool {
        let is_system = |name: &QualifiedName| {
            let table = self.find(name).and_then(|id| self.tables.get(&id));
            table.is_some_and(|table| matches!(table.kind, TableKind::System))
        };
        profile.writes_everything() || profile.writes.iter().any(is_system)
    }
}

struct Writer<'c> {
    catalog: &'c Catalog,
    /// Whether a TRUNCATE goes on to the tables that refer.
    cascade: bool,
    tables: BTreeSet<TableId>,
    /// Writes whose consequences have not been looked at.
    open: Vec<(TableId, RowActions)>,
    seen: HashSet<(TableId, RowActions)>,
    /// Views whose functions have been looked at.
    views: HashSet<TableId>,
    /// A table, and in how many ways the statement comes to write it.
    watched: Option<TableId>,
    arrivals: usize,
}

impl<'c> Writer<'c> {
    fn new(catalog: &'c Catalog, profile: &StatementProfile, watched: Option<TableId>) -> Self {
        Self {
            catalog,
            cascade: profile.truncates_cascade,
            tables: BTreeSet::new(),
            open: Vec::new(),
            seen: HashSet::new(),
            views: HashSet::new(),
            watched,
            arrivals: 0,
        }
    }

    fn statement(&mut self, profile: &StatementProfile) -> Result<(), EverythingReason> {
        for call in self.catalog.functions.calls(profile, &self.catalog.names) {
            self.call(call)?;
        }
        for name in &profile.reads {
            self.read(self.find(name)?)?;
        }
        for name in &profile.writes {
            self.write(self.find(name)?, profile.actions);
        }
        while let Some((id, actions)) = self.open.pop() {
            self.written(id, actions)?;
        }
        Ok(())
    }

    fn find(&self, name: &QualifiedName) -> Result<TableId, EverythingReason> {
        let id = self.catalog.find(name);
        id.ok_or_else(|| EverythingReason::UnknownTable(name.clone()))
    }

    fn table(&self, id: TableId) -> Result<&'c Table, EverythingReason> {
        self.catalog.tables.get(&id).ok_or_else(|| {
            EverythingReason::UnknownTable(QualifiedName::new(None, &format!("oid {id}")))
        })
    }

    /// Notes a write, to look at its consequences later.
    fn write(&mut self, id: TableId, actions: RowActions) {
        if self.watched == Some(id) {
            self.arrivals += 1;
        }
        if self.seen.insert((id, actions)) {
            self.open.push((id, actions));
        }
    }

    fn call(&mut self, call: Call) -> Result<(), EverythingReason> {
        let function = call.function;
        match call.effect {
            FunctionEffect::Everything if call.unseen => Err(EverythingReason::Unseen(function)),
            FunctionEffect::Everything => Err(EverythingReason::Function(function)),
            FunctionEffect::Unknown => Err(EverythingReason::UnknownFunction(function)),
            FunctionEffect::Declared(declared) => {
                self.written_by_declaration(&declared.writes);
                Ok(())
            }
            FunctionEffect::Pure
            | FunctionEffect::Moving
            | FunctionEffect::Acting
            | FunctionEffect::ServerState
            | FunctionEffect::ReadsAnything => Ok(()),
        }
    }

    /// It is not declared in which way the tables are written.
    fn written_by_declaration(&mut self, tables: &[TableId]) {
        for id in tables {
            self.write(*id, RowActions::ALL);
        }
    }

    /// Reading calls the functions of views and of policies.
    fn read(&mut self, start: TableId) -> Result<(), EverythingReason> {
        let mut open = vec![start];
        while let Some(id) = open.pop() {
            let table = self.table(id)?;
            self.expressions(table, false)?;
            if let TableKind::View(view) = &table.kind
                && self.views.insert(id)
            {
                self.functions_of_view(&table.name, view)?;
                open.extend(&view.relations);
            }
        }
        Ok(())
    }

    /// The functions that the query of a view calls. The server says which of the user's they
    /// are; those of PostgreSQL's own are found in the text.
    fn functions_of_view(
        &mut self,
        name: &QualifiedName,
        view: &View,
    ) -> Result<(), EverythingReason> {
        for function in &view.functions {
            self.call(self.catalog.functions.call(*function, false))?;
        }
        let mut unseen = Vec::new();
        self.catalog
            .functions
            .unseen(view.definition(), &mut unseen);
        for call in unseen {
            self.call(call)?;
        }
        if view.definition().is_empty() {
            return Err(EverythingReason::View(name.clone()));
        }
        match self.catalog.functions.names_harmful(view.definition()) {
            Some(function) => Err(EverythingReason::Function(function)),
            None => Ok(()),
        }
    }

    /// The functions that a table calls by itself when it is read or written.
    fn expressions(&mut self, table: &Table, on_write: bool) -> Result<(), EverythingReason> {
        for expression in &table.expressions {
            // Policies are asked only where row-level security is on.
            if !(if expression.on_read {
                table.row_security
            } else {
                on_write
            }) {
                continue;
            }
            let call = self.catalog.functions.call(expression.function, false);
            match call.effect {
                FunctionEffect::Everything | FunctionEffect::Unknown => {
                    return Err(EverythingReason::Expression {
                        table: table.name.clone(),
                        function: call.function,
                    });
                }
                _ => self.call(call)?,
            }
        }
        Ok(())
    }

    /// The consequences of a write to `id`.
    fn written(&mut self, id: TableId, actions: RowActions) -> Result<(), EverythingReason> {
        let table = self.table(id)?;
        match &table.kind {
            TableKind::View(view) => return self.view_written(id, table, view, actions),
            // Its rows are those of its query.
            TableKind::MaterializedView(view) => {
                self.event_triggers()?;
                self.functions_of_view(&table.name, view)?;
                for relation in &view.relations {
                    self.read(*relation)?;
                }
            }
            TableKind::System => return Err(EverythingReason::SystemTable(table.name.clone())),
            TableKind::Table
            | TableKind::Partitioned
            | TableKind::Foreign
            | TableKind::Sequence
            | TableKind::Log => {}
        }
        let below = self.catalog.descendants(id);
        let family = self.catalog.ancestors(&below);
        let actions = self.with_moved_rows(&family, actions);
        for id in below {
            let table = self.table(id)?;
            if matches!(table.kind, TableKind::Foreign) && !table.declared_cacheable {
                return Err(EverythingReason::ForeignTable(table.name.clone()));
            }
            self.triggers_and_rules(id, table, actions)?;
            let evaluates = actions.insert || actions.update;
            self.expressions(table, evaluates)?;
        }
        for id in &family {
            self.foreign_keys(self.table(*id)?, actions);
        }
        // Nobody is to be told that the log was written.
        let is_log = |id: &TableId| {
            let table = self.catalog.tables.get(id);
            table.is_some_and(|table| matches!(table.kind, TableKind::Log))
        };
        let told = family.into_iter().filter(|id| !is_log(id));
        self.tables.extend(told);
        Ok(())
    }

    /// An UPDATE may move rows between partitions, by a DELETE and an INSERT.
    fn with_moved_rows(&self, family: &BTreeSet<TableId>, actions: RowActions) -> RowActions {
        let is_partitioned = |id: &TableId| {
            let table = self.catalog.tables.get(id);
            table.is_some_and(|table| matches!(table.kind, TableKind::Partitioned))
        };
        let mut actions = actions;
        if actions.update && family.iter().any(is_partitioned) {
            actions |= RowActions::DELETE;
            actions |= RowActions::INSERT;
        }
        actions
    }

    /// What is declared of a table holds for its partitions and children too.
    fn declared_triggers(&self, id: TableId) -> Option<Vec<TableId>> {
        let above = self.catalog.ancestors(&BTreeSet::from([id]));
        let tables = above.iter().filter_map(|id| self.catalog.tables.get(id));
        let declared = tables.filter_map(|table| table.declared_triggers.as_ref());
        declared.cloned().reduce(|mut all, more| {
            all.extend(more);
            all
        })
    }

    /// Of the commands that set off event triggers, REFRESH alone changes no definitions.
    fn event_triggers(&mut self) -> Result<(), EverythingReason> {
        for trigger in &self.catalog.event_triggers {
            match self.catalog.functions.effect(trigger.function) {
                FunctionEffect::Everything | FunctionEffect::Unknown => {
                    return Err(EverythingReason::EventTrigger(trigger.name.clone()));
                }
                FunctionEffect::Declared(declared) => {
                    self.written_by_declaration(&declared.writes);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn triggers_and_rules(
        &mut self,
        id: TableId,
        table: &Table,
        actions: RowActions,
    ) -> Result<(), EverythingReason> {
        let trigger = |trigger: &&super::tables::Trigger| trigger.on.overlaps(actions);
        let mut triggers = table.triggers.iter().filter(trigger).peekable();
        let mut rules = table.rules.iter().filter(|rule| rule.on.overlaps(actions));
        if let Some(writes) = self.declared_triggers(id) {
            if triggers.peek().is_some() || rules.next().is_some() {
                self.written_by_declaration(&writes);
            }
            return Ok(());
        }
        if let Some(rule) = rules.next() {
            return Err(EverythingReason::Rule {
                table: table.name.clone(),
                rule: rule.name.clone(),
            });
        }
        for trigger in triggers {
            match self.catalog.functions.effect(trigger.function) {
                FunctionEffect::Everything | FunctionEffect::Unknown => {
                    return Err(EverythingReason::Trigger {
                        table: table.name.clone(),
                        trigger: trigger.name.clone(),
                    });
                }
                FunctionEffect::Declared(declared) => {
                    self.written_by_declaration(&declared.writes);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn foreign_keys(&mut self, table: &Table, actions: RowActions) {
        for reference in &table.referenced_by {
            if actions.update && reference.on_update != Action::Nothing {
                self.write(reference.from, RowActions::UPDATE);
            }
            match reference.on_delete {
                Action::Cascade if actions.delete => self.write(reference.from, RowActions::DELETE),
                Action::Set if actions.delete => self.write(reference.from, RowActions::UPDATE),
                _ => {}
            }
            if actions.truncate && self.cascade {
                self.write(reference.from, RowActions::TRUNCATE);
            }
        }
    }

    /// What is written in place of a view.
    fn view_written(
        &mut self,
        id: TableId,
        table: &Table,
        view: &View,
        actions: RowActions,
    ) -> Result<(), EverythingReason> {
        self.read(id)?;
        // A view cannot be truncated.
        let actions = RowActions {
            truncate: false,
            ..actions
        };
        let acts = table
            .triggers
            .iter()
            .any(|trigger| trigger.on.overlaps(actions))
            || table.rules.iter().any(|rule| rule.on.overlaps(actions));
        if acts {
            self.triggers_and_rules(id, table, actions)?;
        }
        self.expressions(table, true)?;
        if view.updatable.contains(actions) {
            // Only one of them is the base, but the server does not say which.
            for relation in &view.relations {
                self.write(*relation, actions);
            }
            Ok(())
        } else if acts {
            Ok(())
        } else {
            Err(EverythingReason::View(table.name.clone()))
        }
    }
}
