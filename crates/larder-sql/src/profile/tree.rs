//! What a query, an INSERT, an UPDATE, a DELETE or a MERGE does, read from its syntax tree.

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::ptr;

use sqlparser::ast::{
    Cte, Delete, Expr, FromTable, Function, Ident, Insert, Merge, ObjectName, OnConflictAction,
    OnInsert, Query, Select, SetExpr, Statement, TableAlias, TableFactor, TableObject,
    TableSampleKind, TrimWhereField, Update, Visit, Visitor,
};

use super::expressions::{
    is_call_syntax, is_function_without_parentheses, is_plain, may_be_function,
};
use super::names::{QualifiedName, is_reserved};
use super::{RowActions, StatementKind, UnknownReason};

/// What a statement touches.
#[derive(Debug, Default)]
pub(super) struct Touched {
    pub(super) reads: BTreeSet<QualifiedName>,
    pub(super) writes: BTreeSet<QualifiedName>,
    pub(super) functions: BTreeSet<QualifiedName>,
    pub(super) creates_table: bool,
    pub(super) actions: RowActions,
}

/// Reads what `statement` touches.
pub(super) fn read(statement: &Statement) -> Result<(StatementKind, Touched), UnknownReason> {
    let kind = kind(statement).ok_or(UNEXPECTED)?;
    let mut reader = Reader::default();
    match statement.visit(&mut reader) {
        ControlFlow::Continue(()) => Ok((kind, reader.touched)),
        ControlFlow::Break(reason) => Err(*reason),
    }
}

/// The parser found something that PostgreSQL's grammar does not have there.
const UNEXPECTED: UnknownReason = UnknownReason::Unsupported("construct of another dialect");

/// The parser takes `interval from t` for an interval whose value is `from`, for example.
const KEYWORD_AS_COLUMN: UnknownReason =
    UnknownReason::Unsupported("keyword in the place of a column");

/// Whether `ident` is a word that PostgreSQL cannot read as a name.
fn is_keyword(ident: &Ident) -> bool {
    ident.quote_style.is_none() && is_reserved(&ident.value)
}

fn kind(statement: &Statement) -> Option<StatementKind> {
    Some(match statement {
        Statement::Query(query) => match &*query.body {
            SetExpr::Insert(inner)
            | SetExpr::Update(inner)
            | SetExpr::Delete(inner)
            | SetExpr::Merge(inner) => return kind(inner),
            _ => StatementKind::Select,
        },
        Statement::Insert(_) => StatementKind::Insert,
        Statement::Update(_) => StatementKind::Update,
        Statement::Delete(_) => StatementKind::Delete,
        Statement::Merge(_) => StatementKind::Merge,
        _ => return None,
    })
}

/// The names that a `WITH` gives to queries, as far as they can be seen.
#[derive(Default)]
struct Scope {
    visible: Vec<String>,
    /// Queries of a `WITH` that is not recursive: each can be seen only after its own end.
    pending: Vec<(Address, String)>,
}

/// Where a node of the tree is, which tells it from all others.
type Address = usize;

fn address<T>(node: &T) -> Address {
    ptr::from_ref(node).addr()
}

type Flow = ControlFlow<Box<UnknownReason>>;

fn stop(reason: UnknownReason) -> Flow {
    ControlFlow::Break(Box::new(reason))
}

#[derive(Default)]
struct Reader {
    touched: Touched,
    scopes: Vec<Scope>,
    /// Tables in the place where a statement names what it writes.
    targets: HashSet<Address>,
    /// Names of relations that have been dealt with.
    accounted: HashSet<Address>,
}

impl Reader {
    fn is_cte(&self, name: &QualifiedName) -> bool {
        name.schema().is_none()
            && self
                .scopes
                .iter()
                .any(|scope| scope.visible.iter().any(|visible| visible == name.name()))
    }

    fn table(&mut self, name: &ObjectName, is_target: bool) -> Flow {
        self.accounted.insert(address(name));
        let Some(table) = QualifiedName::from_object_name(name) else {
            return stop(UNEXPECTED);
        };
        if let [only] = name.0.as_slice()
            && let Some(ident) = only.as_ident()
            && is_keyword(ident)
        {
            return stop(UnknownReason::Unsupported(
                "keyword in the place of a table",
            ));
        }
        if is_target {
            self.touched.writes.insert(table);
        } else if !self.is_cte(&table) {
            self.touched.reads.insert(table);
        }
        ControlFlow::Continue(())
    }

    fn function(&mut self, name: &ObjectName) -> Flow {
        self.accounted.insert(address(name));
        let Some(function) = QualifiedName::from_object_name(name) else {
            return stop(UNEXPECTED);
        };
        let unquoted = match name.0.as_slice() {
            [only] => only.as_ident().filter(|ident| ident.quote_style.is_none()),
            _ => None,
        };
        match unquoted.map(|ident| ident.value.as_str()) {
            Some(word) if is_call_syntax(word) => {}
            Some(word) if is_reserved(word) && !may_be_function(word) => {
                return stop(UnknownReason::Unsupported(
                    "keyword in the place of a function",
                ));
            }
            _ => {
                self.touched.functions.insert(function);
            }
        }
        ControlFlow::Continue(())
    }

    fn built_in(&mut self, name: &str) {
        let name = QualifiedName::new(Some("pg_catalog"), name);
        self.touched.functions.insert(name);
    }

    /// A function that has a syntax of its own but could be any function of that name.
    fn unqualified(&mut self, name: &str) {
        self.touched
            .functions
            .insert(QualifiedName::new(None, name));
    }

    /// A column, or a function that is called without parentheses.
    fn column(&mut self, ident: &Ident) -> Flow {
        if is_keyword(ident) {
            if is_function_without_parentheses(&ident.value) {
                self.unqualified(&ident.value);
            } else if ident.value != "default" {
                return stop(KEYWORD_AS_COLUMN);
            }
        }
        ControlFlow::Continue(())
    }

    /// The method of TABLESAMPLE is a function, and a volatile one.
    fn sample(&mut self, sample: Option<&TableSampleKind>) {
        if let Some(
            TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample),
        ) = sample
        {
            // Another method than the two built-in ones is an expression, and found as such.
            if let Some(method) = &sample.name {
                self.unqualified(&method.to_string().to_ascii_lowercase());
            }
        }
    }

    fn insert(&mut self, insert: &Insert) -> Flow {
        self.touched.actions |= RowActions::INSERT;
        // The parser knows no other kind than ON CONFLICT in PostgreSQL's dialect, and what is
        // not known to do nothing may update.
        let does_nothing = match &insert.on {
            None => true,
            Some(OnInsert::OnConflict(conflict)) => {
                matches!(conflict.action, OnConflictAction::DoNothing)
            }
            Some(_) => false,
        };
        if !does_nothing {
            self.touched.actions |= RowActions::UPDATE;
        }
        match &insert.table {
            TableObject::TableName(name) => self.table(name, true),
            TableObject::TableFunction(_) | TableObject::TableQuery(_) => stop(UNEXPECTED),
        }
    }

    fn update(&mut self, update: &Update) -> Flow {
        self.touched.actions |= RowActions::UPDATE;
        self.targets.insert(address(&update.table.relation));
        if update.table.joins.is_empty() {
            ControlFlow::Continue(())
        } else {
            stop(UNEXPECTED)
        }
    }

    fn delete(&mut self, delete: &Delete) -> Flow {
        self.touched.actions |= RowActions::DELETE;
        match &delete.from {
            FromTable::WithFromKeyword(from) if delete.tables.is_empty() => match &from[..] {
                [only] if only.joins.is_empty() => {
                    self.targets.insert(address(&only.relation));
                    ControlFlow::Continue(())
                }
                _ => stop(UNEXPECTED),
            },
            _ => stop(UNEXPECTED),
        }
    }

    fn merge(&mut self, merge: &Merge) -> Flow {
        self.touched.actions |= RowActions::INSERT;
        self.touched.actions |= RowActions::UPDATE;
        self.touched.actions |= RowActions::DELETE;
        self.targets.insert(address(&merge.table));
        ControlFlow::Continue(())
    }
}

impl Visitor for Reader {
    type Break = Box<UnknownReason>;

    fn pre_visit_statement(&mut self, statement: &Statement) -> Flow {
        match statement {
            Statement::Query(_) => ControlFlow::Continue(()),
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            Statement::Merge(merge) => self.merge(merge),
            _ => stop(UNEXPECTED),
        }
    }

    fn pre_visit_query(&mut self, query: &Query) -> Flow {
        let mut scope = Scope::default();
        if let Some(with) = &query.with {
            let name = |cte: &Cte| cte.alias.name.value.clone();
            if with.recursive {
                scope.visible = with.cte_tables.iter().map(name).collect();
            } else {
                scope.pending = with
                    .cte_tables
                    .iter()
                    .map(|cte| (address::<Query>(&cte.query), name(cte)))
                    .collect();
            }
        }
        self.scopes.push(scope);
        if query.pipe_operators.is_empty() && !has_table_command(&query.body) {
            ControlFlow::Continue(())
        } else {
            stop(UNEXPECTED)
        }
    }

    fn post_visit_query(&mut self, query: &Query) -> Flow {
        self.scopes.pop();
        if let Some(scope) = self.scopes.last_mut() {
            let this = address(query);
            let names = scope.pending.iter().filter(|(query, _)| *query == this);
            let names: Vec<String> = names.map(|(_, name)| name.clone()).collect();
            scope.visible.extend(names);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> Flow {
        let Some(into) = &select.into else {
            return ControlFlow::Continue(());
        };
        let name = match into.targets.as_slice() {
            [Expr::Identifier(ident)] => QualifiedName::from_idents(std::slice::from_ref(ident)),
            [Expr::CompoundIdentifier(idents)] => QualifiedName::from_idents(idents),
            _ => None,
        };
        match name {
            Some(name) => {
                self.touched.creates_table = true;
                self.touched.writes.insert(name);
                ControlFlow::Continue(())
            }
            None => stop(UNEXPECTED),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Flow {
        if alias(factor).is_some_and(|alias| is_keyword(&alias.name)) {
            return stop(UnknownReason::Unsupported(
                "keyword in the place of an alias",
            ));
        }
        let is_target = self.targets.contains(&address(factor));
        match factor {
            TableFactor::Table {
                name,
                args: None,
                sample,
                ..
            } => {
                self.sample(sample.as_ref());
                self.table(name, is_target)
            }
            _ if is_target => stop(UNEXPECTED),
            TableFactor::Table { name, .. } | TableFactor::Function { name, .. } => {
                self.function(name)
            }
            TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => {
                ControlFlow::Continue(())
            }
            TableFactor::UNNEST { .. } => {
                self.unqualified("unnest");
                ControlFlow::Continue(())
            }
            TableFactor::JsonTable { .. } => {
                self.unqualified("json_table");
                ControlFlow::Continue(())
            }
            TableFactor::XmlTable { .. } => {
                self.unqualified("xmltable");
                ControlFlow::Continue(())
            }
            _ => stop(UNEXPECTED),
        }
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> Flow {
        if self.accounted.contains(&address(relation)) {
            ControlFlow::Continue(())
        } else {
            stop(UnknownReason::Unsupported("table in an unexpected place"))
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Flow {
        match expr {
            Expr::Function(Function { name, .. }) => return self.function(name),
            Expr::Extract { .. } => self.built_in("extract"),
            Expr::Position { .. } => self.built_in("position"),
            Expr::Overlay { .. } => self.built_in("overlay"),
            Expr::Substring { shorthand, .. } => {
                self.unqualified(if *shorthand { "substr" } else { "substring" });
            }
            Expr::AtTimeZone { .. } => self.built_in("timezone"),
            Expr::Trim { trim_where, .. } => self.built_in(match trim_where {
                Some(TrimWhereField::Leading) => "ltrim",
                Some(TrimWhereField::Trailing) => "rtrim",
                Some(TrimWhereField::Both) | None => "btrim",
            }),
            Expr::Ceil { .. } => self.unqualified("ceil"),
            Expr::Floor { .. } => self.unqualified("floor"),
            Expr::Identifier(ident) => return self.column(ident),
            Expr::CompoundIdentifier(idents) if idents.first().is_some_and(is_keyword) => {
                return stop(KEYWORD_AS_COLUMN);
            }
            expr if is_plain(expr) => {}
            _ => return stop(UNEXPECTED),
        }
        ControlFlow::Continue(())
    }
}

/// Whether `TABLE name` stands in the set operations of `body`. The parser loses the quotes of
/// that name, so such commands are written as SELECT before it sees them.
fn has_table_command(body: &SetExpr) -> bool {
    let mut rest = vec![body];
    while let Some(body) = rest.pop() {
        match body {
            SetExpr::Table(_) => return true,
            SetExpr::SetOperation { left, right, .. } => rest.extend([&**left, &**right]),
            _ => {}
        }
    }
    false
}

fn alias(factor: &TableFactor) -> Option<&TableAlias> {
    match factor {
        TableFactor::Table { alias, .. }
        | TableFactor::Derived { alias, .. }
        | TableFactor::Function { alias, .. }
        | TableFactor::UNNEST { alias, .. }
        | TableFactor::JsonTable { alias, .. }
        | TableFactor::XmlTable { alias, .. }
        | TableFactor::NestedJoin { alias, .. } => alias.as_ref(),
        _ => None,
    }
}
