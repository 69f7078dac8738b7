//! Tables as the catalog connects them.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::declarations::Declarations;
use super::functions::{Declared, Functions};
use super::keys::TableKey;
use super::log;
use super::names::{Names, TableId};
use super::policies::Policy;
use super::snapshot::{self, CatalogSnapshot, EventTrigger};
use super::views::View;
use crate::QualifiedName;
use crate::profile::RowActions;

/// What the catalog says of statements. See the [module](super).
///
/// It is made once from a snapshot, and does not change: a new snapshot makes a new one. Threads
/// share it freely. An answer takes time in proportion to what the statement touches, and is
/// the same each time, so callers keep it by statement.
pub struct Catalog {
    pub(super) names: Names,
    pub(super) tables: HashMap<TableId, Table>,
    pub(super) functions: Functions,
    pub(super) event_triggers: Vec<EventTrigger>,
    /// Whether `=` between a key and a parameter is PostgreSQL's own.
    pub(super) is_equality_known: bool,
    pub(super) aggregates: HashSet<Box<str>>,
    ineffective: Vec<String>,
}

/// A table, view, sequence or whatever else can stand in the place of a table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: QualifiedName,
    pub(super) kind: TableKind,
    pub(super) temporary: bool,
    pub(super) row_security: bool,
    pub(super) row_security_active: bool,
    pub(super) parents: Vec<TableId>,
    pub(super) children: Vec<TableId>,
    pub(super) referenced_by: Vec<Reference>,
    pub(super) triggers: Vec<Trigger>,
    pub(super) rules: Vec<Rule>,
    pub(super) expressions: Vec<Expression>,
    /// What decides which of its rows are seen, where row-level security holds.
    pub(super) policies: Vec<Policy>,
    /// What all its triggers and rules write, if the user declared it.
    pub(super) declared_triggers: Option<Vec<TableId>>,
    /// Whether the user declared it to be cacheable.
    pub(super) declared_cacheable: bool,
    /// Its primary key, if rows can be told apart by it.
    pub(super) key: Option<TableKey>,
}

#[derive(Debug)]
pub(super) enum TableKind {
    Table,
    Partitioned,
    View(Box<View>),
    MaterializedView(Box<View>),
    Foreign,
    Sequence,
    /// A table of Larder's own log.
    Log,
    /// A table or view of the system.
    System,
}

/// A foreign key, seen from the table that is referred to.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) from: TableId,
    pub(super) on_update: Action,
    pub(super) on_delete: Action,
}

/// What a foreign key does to the rows that refer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    Cascade,
    Set,
}

#[derive(Debug)]
pub(super) struct Trigger {
    pub(super) name: Box<str>,
    pub(super) function: u32,
    pub(super) on: RowActions,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: Box<str>,
    pub(super) on: RowActions,
}

#[derive(Debug)]
pub(super) struct Expression {
    pub(super) function: u32,
    pub(super) on_read: bool,
}

impl Catalog {
    /// The catalog of `snapshot`, with what the user declared.
    #[must_use]
    pub fn new(mut snapshot: CatalogSnapshot, declarations: &Declarations) -> Self {
        let mut names = Names::new(std::mem::take(&mut snapshot.search_path));
        let mut tables = HashMap::with_capacity(snapshot.relations.len());
        for relation in snapshot.relations.drain(..) {
            let id = TableId(relation.oid);
            let table = Table::new(relation);
            names.insert(&table.name, id);
            tables.insert(id, table);
        }
        connect(&mut tables, &mut snapshot);
        let is_equality_known = names.begins_with_system() && !snapshot.own_equality;
        let mut catalog = Self {
            names,
            is_equality_known,
            aggregates: snapshot.aggregates.drain(..).collect(),
            tables,
            functions: Functions::new(&mut snapshot),
            event_triggers: std::mem::take(&mut snapshot.event_triggers),
            ineffective: Vec::new(),
        };
        catalog.declare(declarations);
        catalog.functions.connect(&snapshot, &catalog.names);
        catalog
    }

    /// The name of a table, with its schema.
    #[must_use]
    pub fn table(&self, id: TableId) -> Option<&QualifiedName> {
        self.tables.get(&id).map(|table| &table.name)
    }

    /// The table that `name` means in a statement.
    #[must_use]
    pub fn find(&self, name: &QualifiedName) -> Option<TableId> {
        self.names.find(name)
    }

    /// The names in the declarations that the catalog does not know, so that what was declared
    /// with them has no effect.
    #[must_use]
    pub fn ineffective_declarations(&self) -> &[String] {
        &self.ineffective
    }

    fn declare(&mut self, declarations: &Declarations) {
        for function in &declarations.functions {
            let (reads, writes) = (self.ids(&function.reads), self.ids(&function.writes));
            let (Some(reads), Some(writes)) = (reads, writes) else {
                continue;
            };
            let declared = Declared {
                reads: reads.into(),
                writes: writes.into(),
            };
            let found = QualifiedName::parse(&function.name)
                .is_some_and(|name| self.functions.declare(&name, &self.names, &declared));
            if !found {
                self.ineffective.push(function.name.clone());
            }
        }
        for triggers in &declarations.triggers {
            let ids = self.ids(std::slice::from_ref(&triggers.table));
            if let (Some(ids), Some(writes)) = (ids, self.ids(&triggers.writes)) {
                let tables = ids.first().and_then(|id| self.tables.get_mut(id));
                if let Some(table) = tables {
                    table
                        .declared_triggers
                        .get_or_insert_default()
                        .extend(writes);
                }
            }
        }
        for name in &declarations.tables {
            let ids = self.ids(std::slice::from_ref(name)).unwrap_or_default();
            for id in ids {
                if let Some(table) = self.tables.get_mut(&id) {
                    table.declared_cacheable = true;
                }
            }
        }
    }

    /// The ids of all `names`; `None` if one is not known, which is noted.
    fn ids(&mut self, names: &[String]) -> Option<Vec<TableId>> {
        let mut ids = Some(Vec::with_capacity(names.len()));
        for text in names {
            match QualifiedName::parse(text).and_then(|name| self.names.find(&name)) {
                Some(id) => {
                    if let Some(ids) = &mut ids {
                        ids.push(id);
                    }
                }
                None => {
                    self.ineffective.push(text.clone());
                    ids = None;
                }
            }
        }
        ids
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog")
            .field("tables", &self.tables.len())
            .finish_non_exhaustive()
    }
}

impl Table {
    fn new(relation: snapshot::Relation) -> Self {
        let is_system = matches!(
            &*relation.schema,
            "information_schema" | "pg_catalog" | "pg_toast"
        );
        let view = |definition: Option<Box<str>>| {
            Box::new(View::new(definition, updatable(relation.updatable)))
        };
        let kind = match relation.kind {
            _ if is_system => TableKind::System,
            'r' | 'p' if log::is_its_schema(&relation.schema) => TableKind::Log,
            'r' => TableKind::Table,
            'p' => TableKind::Partitioned,
            'v' => TableKind::View(view(relation.definition)),
            'm' => TableKind::MaterializedView(view(relation.definition)),
            'S' => TableKind::Sequence,
            'f' => TableKind::Foreign,
            // Nothing is known of other kinds, but that they are no tables of the user's.
            _ => TableKind::System,
        };
        Self {
            name: QualifiedName::new(Some(&relation.schema), &relation.name),
            kind,
            temporary: relation.temporary,
            row_security: relation.row_security,
            row_security_active: relation.row_security_active,
            parents: Vec::new(),
            children: Vec::new(),
            referenced_by: Vec::new(),
            triggers: Vec::new(),
            rules: Vec::new(),
            expressions: Vec::new(),
            policies: Vec::new(),
            declared_triggers: None,
            declared_cacheable: false,
            key: None,
        }
    }

    fn view_mut(&mut self) -> Option<&mut View> {
        match &mut self.kind {
            TableKind::View(view) | TableKind::MaterializedView(view) => Some(view),
            _ => None,
        }
    }
}

/// What the parts of the snapshot say of each table. What belongs to relations that are not in
/// it, such as other sessions' temporary tables, is left out.
fn connect(tables: &mut HashMap<TableId, Table>, snapshot: &mut CatalogSnapshot) {
    for (child, parent) in snapshot.inheritance.drain(..) {
        let (child, parent) = (TableId(child), TableId(parent));
        if tables.contains_key(&child) && tables.contains_key(&parent) {
            with(tables, child.0, |table| table.parents.push(parent));
            with(tables, parent.0, |table| table.children.push(child));
        }
    }
    for key in snapshot.row_keys.drain(..) {
        with(tables, key.table, |table| table.key = TableKey::new(key));
    }
    for key in snapshot.foreign_keys.drain(..) {
        if tables.contains_key(&TableId(key.from)) {
            with(tables, key.to, |table| {
                table.referenced_by.push(Reference {
                    from: TableId(key.from),
                    on_update: action(key.on_update),
                    on_delete: action(key.on_delete),
                });
            });
        }
    }
    for trigger in snapshot.triggers.drain(..) {
        with(tables, trigger.table, |table| {
            table.triggers.push(Trigger {
                name: trigger.name,
                function: trigger.function,
                on: trigger_events(trigger.events),
            });
        });
    }
    for rule in snapshot.rules.drain(..) {
        with(tables, rule.table, |table| {
            table.rules.push(Rule {
                name: rule.name,
                on: rule_event(rule.event),
            });
        });
    }
    for expression in snapshot.expressions.drain(..) {
        with(tables, expression.table, |table| {
            table.expressions.push(Expression {
                function: expression.function,
                on_read: expression.on_read,
            });
        });
    }
    for policy in snapshot.policies.drain(..) {
        with(tables, policy.table, |table| {
            table.policies.push(Policy::new(policy));
        });
    }
    for (view, relation) in snapshot.view_relations.drain(..) {
        with_view(tables, view, |view| view.relations.push(TableId(relation)));
    }
    for (view, function) in snapshot.view_functions.drain(..) {
        with_view(tables, view, |view| view.functions.push(function));
    }
}

fn with(tables: &mut HashMap<TableId, Table>, id: u32, change: impl FnOnce(&mut Table)) {
    if let Some(table) = tables.get_mut(&TableId(id)) {
        change(table);
    }
}

fn with_view(tables: &mut HashMap<TableId, Table>, id: u32, change: impl FnOnce(&mut View)) {
    if let Some(view) = tables.get_mut(&TableId(id)).and_then(Table::view_mut) {
        change(view);
    }
}

/// From `confupdtype` and `confdeltype`. What is not known cascades.
fn action(letter: char) -> Action {
    match letter {
        'a' | 'r' => Action::Nothing,
        'n' | 'd' => Action::Set,
        _ => Action::Cascade,
    }
}

/// From `tgtype`.
fn trigger_events(bits: u32) -> RowActions {
    RowActions {
        insert: bits & 1 << 2 != 0,
        delete: bits & 1 << 3 != 0,
        update: bits & 1 << 4 != 0,
        truncate: bits & 1 << 5 != 0,
    }
}

/// From `ev_type`.
fn rule_event(letter: char) -> RowActions {
    match letter {
        '2' => RowActions::UPDATE,
        '3' => RowActions::INSERT,
        '4' => RowActions::DELETE,
        _ => RowActions::ALL,
    }
}

/// From `pg_relation_is_updatable`.
fn updatable(bits: u32) -> RowActions {
    RowActions {
        update: bits & 1 << 2 != 0,
        insert: bits & 1 << 3 != 0,
        delete: bits & 1 << 4 != 0,
        truncate: false,
    }
}
