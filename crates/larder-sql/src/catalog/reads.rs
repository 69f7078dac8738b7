//! Which tables decide the result of a query, and whether it may be cached.

use std::collections::BTreeSet;

use super::functions::{Call, FunctionEffect};
use super::names::TableId;
use super::policies::{Policy, READS_SETTING, ReadScope};
use super::reasons::Uncacheable;
use super::tables::{Catalog, Table, TableKind};
use super::views::View;
use crate::{Effect, QualifiedName, StatementKind, StatementProfile};

/// What decides the result of a query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReadSet {
    /// The tables that it reads, the base tables of views among them, in order of their ids.
    ///
    /// Of a partitioned table it is this table alone: a write to a partition is a write to it
    /// ([`Catalog::writes`]).
    pub tables: Box<[TableId]>,
    /// The views that it reads, and those that they read, in order of their ids.
    pub views: Box<[TableId]>,
    /// The functions that give another value at another time: `now()`, `random()`. A string that
    /// may be read as such a time stands here as `'now'`. If this is empty, nothing but the tables
    /// decides the result.
    pub volatile: Box<[QualifiedName]>,
}

impl ReadSet {
    /// The same, if nothing in it is volatile.
    ///
    /// # Errors
    ///
    /// [`Uncacheable::Volatile`] with the names otherwise.
    pub fn without_volatile(self) -> Result<Self, Uncacheable> {
        if self.volatile.is_empty() {
            Ok(self)
        } else {
            Err(Uncacheable::Volatile(self.volatile))
        }
    }
}

impl Catalog {
    /// The tables that decide the result of a statement, if it is a query whose result may be
    /// cached.
    ///
    /// # Errors
    ///
    /// [`Uncacheable`] says why its result may not be cached.
    /// [`UnknownTable`](Uncacheable::UnknownTable) and
    /// [`UnknownFunction`](Uncacheable::UnknownFunction) may mean that the catalog is too old.
    pub fn reads(&self, profile: &StatementProfile) -> Result<ReadSet, Uncacheable> {
        self.reads_in(profile, None)
    }

    /// The same for a statement that runs in a scope. There row-level security does not keep a
    /// result from being cached, if its policies read nothing but tables and what the scope sets:
    /// those tables are among the ones that decide the result, and what the scope sets has to be
    /// part of its key.
    ///
    /// # Errors
    ///
    /// As [`reads`](Self::reads); and [`Uncacheable::PolicySetting`] or [`Uncacheable::Policy`] for
    /// a policy that reads more.
    pub fn reads_in(
        &self,
        profile: &StatementProfile,
        scope: Option<&ReadScope>,
    ) -> Result<ReadSet, Uncacheable> {
        match &profile.effect {
            Effect::Unknown(reason) => return Err(Uncacheable::Unknown(reason.clone())),
            _ if profile.kind != StatementKind::Select => {
                return Err(Uncacheable::NotAQuery(profile.kind));
            }
            Effect::Read if profile.locks_rows => return Err(Uncacheable::LocksRows),
            Effect::Read => {}
            _ => return Err(Uncacheable::Writes),
        }
        let mut reader = Reader {
            catalog: self,
            scope,
            tables: BTreeSet::new(),
            volatile: BTreeSet::new(),
            views: BTreeSet::new(),
            secured: BTreeSet::new(),
            open: Vec::new(),
        };
        reader.query(profile, false)?;
        while let Some((id, view)) = reader.open.pop() {
            reader.view(id, view)?;
        }
        Ok(ReadSet {
            tables: reader.tables.into_iter().collect(),
            views: reader.views.into_iter().collect(),
            volatile: reader.volatile.into_iter().collect(),
        })
    }
}

struct Reader<'c> {
    catalog: &'c Catalog,
    scope: Option<&'c ReadScope>,
    tables: BTreeSet<TableId>,
    volatile: BTreeSet<QualifiedName>,
    views: BTreeSet<TableId>,
    /// Tables whose policies have been looked at.
    secured: BTreeSet<TableId>,
    /// Views whose queries have not been looked at.
    open: Vec<(&'c QualifiedName, &'c View)>,
}

impl<'c> Reader<'c> {
    /// A query: that of the statement, or that of a view.
    fn query(&mut self, profile: &StatementProfile, in_view: bool) -> Result<(), Uncacheable> {
        self.names(profile, in_view)?;
        for call in self.catalog.functions.calls(profile, &self.catalog.names) {
            self.call(call)?;
        }
        Ok(())
    }

    /// The tables that a query names, and times in it.
    fn names(&mut self, profile: &StatementProfile, in_view: bool) -> Result<(), Uncacheable> {
        for name in &profile.reads {
            let id = self.catalog.find(name);
            let id = id.ok_or_else(|| Uncacheable::UnknownTable(name.clone()))?;
            self.relation(id, name, in_view)?;
        }
        if profile.moving_time {
            self.volatile.insert(QualifiedName::new(None, "'now'"));
        }
        Ok(())
    }

    /// What the server says of the view is added to what its text says: the text shows the
    /// functions and tables of the system, the server the objects that names stand for.
    fn view(&mut self, name: &QualifiedName, view: &View) -> Result<(), Uncacheable> {
        let profile = view.profile().map_err(|reason| Uncacheable::View {
            view: name.clone(),
            reason,
        })?;
        self.query(profile, true)?;
        for id in &view.relations {
            self.relation(*id, name, true)?;
        }
        for function in &view.functions {
            self.call(self.catalog.functions.call(*function, false))?;
        }
        Ok(())
    }

    fn relation(
        &mut self,
        id: TableId,
        name: &QualifiedName,
        in_view: bool,
    ) -> Result<(), Uncacheable> {
        let Some(table) = self.catalog.tables.get(&id) else {
            return Err(Uncacheable::UnknownTable(name.clone()));
        };
        if table.temporary {
            return Err(Uncacheable::TemporaryTable(table.name.clone()));
        }
        self.row_security(id, table, in_view)?;
        match &table.kind {
            _ if table.declared_cacheable => {}
            TableKind::Table | TableKind::Partitioned => self.children(id)?,
            TableKind::MaterializedView(_) => {}
            TableKind::View(view) => {
                if self.views.insert(id) {
                    self.open.push((&table.name, view));
                }
                return Ok(());
            }
            TableKind::Foreign => return Err(Uncacheable::ForeignTable(table.name.clone())),
            TableKind::Sequence => return Err(Uncacheable::Sequence(table.name.clone())),
            TableKind::Log | TableKind::System => {
                return Err(Uncacheable::SystemTable(table.name.clone()));
            }
        }
        self.tables.insert(id);
        Ok(())
    }

    /// Where row-level security may hold, its policies decide the result too.
    fn row_security(
        &mut self,
        id: TableId,
        table: &'c Table,
        in_view: bool,
    ) -> Result<(), Uncacheable> {
        let Some(scope) = self.scope else {
            // A view is read with the rights of its owner, of whom it is not known whether
            // row-level security holds.
            if table.row_security_active || in_view && table.row_security {
                return Err(Uncacheable::RowSecurity(table.name.clone()));
            }
            return Ok(());
        };
        // Of the role of the scope that is not known either. To take it for granted adds tables.
        if table.row_security && self.secured.insert(id) {
            for policy in &table.policies {
                self.policy(&table.name, policy, scope)?;
            }
        }
        Ok(())
    }

    /// What the server says of the policy is added to what its text says, as for a view.
    fn policy(
        &mut self,
        table: &QualifiedName,
        policy: &'c Policy,
        scope: &ReadScope,
    ) -> Result<(), Uncacheable> {
        let understood = policy.understood().map_err(|reason| Uncacheable::Policy {
            table: table.clone(),
            policy: policy.name.clone(),
            reason,
        })?;
        if let Some(setting) = understood.missing(scope) {
            return Err(Uncacheable::PolicySetting {
                table: table.clone(),
                policy: policy.name.clone(),
                setting: setting.into(),
            });
        }
        self.names(&understood.profile, true)?;
        let calls = self
            .catalog
            .functions
            .calls(&understood.profile, &self.catalog.names);
        // The settings that it reads are known.
        let is_reader = |call: &Call| {
            call.effect == FunctionEffect::ServerState
                && call.function.name() == READS_SETTING
                && matches!(call.function.schema(), None | Some("pg_catalog"))
        };
        for call in calls.into_iter().filter(|call| !is_reader(call)) {
            self.call(call)?;
        }
        for id in &policy.relations {
            self.relation(*id, table, true)?;
        }
        for function in &policy.functions {
            self.call(self.catalog.functions.call(*function, false))?;
        }
        Ok(())
    }

    /// Rows of partitions and children are rows of the table.
    fn children(&self, id: TableId) -> Result<(), Uncacheable> {
        let ids = self.catalog.descendants(id);
        let tables = ids.iter().filter_map(|id| self.catalog.tables.get(id));
        for table in tables {
            match table {
                Table {
                    temporary: true, ..
                } => return Err(Uncacheable::TemporaryTable(table.name.clone())),
                Table {
                    kind: TableKind::Foreign,
                    declared_cacheable: false,
                    ..
                } => return Err(Uncacheable::ForeignTable(table.name.clone())),
                _ => {}
            }
        }
        Ok(())
    }

    fn call(&mut self, call: Call) -> Result<(), Uncacheable> {
        let function = call.function;
        match call.effect {
            FunctionEffect::Pure => {}
            FunctionEffect::Moving => {
                self.volatile.insert(function);
            }
            FunctionEffect::Declared(declared) if declared.writes.is_empty() => {
                for id in declared.reads {
                    self.relation(id, &function, true)?;
                }
            }
            FunctionEffect::Unknown => return Err(Uncacheable::UnknownFunction(function)),
            _ if call.unseen => return Err(Uncacheable::Unseen(function)),
            FunctionEffect::Acting => return Err(Uncacheable::SideEffect(function)),
            FunctionEffect::ServerState => return Err(Uncacheable::ServerState(function)),
            FunctionEffect::ReadsAnything => return Err(Uncacheable::FunctionReads(function)),
            FunctionEffect::Everything | FunctionEffect::Declared(_) => {
                return Err(Uncacheable::FunctionWrites(function));
            }
        }
        Ok(())
    }
}
