//! Each rule, over snapshots made by hand.

use std::collections::HashMap;

use super::snapshot::{
    EventTrigger, Expression, ForeignKey, Function, Mention, Operator, Policy, Relation, RowKey,
    Rule, Trigger,
};
use super::*;
use crate::{QualifiedName, StatementKind, classify};

mod functions;
mod names;
mod policies;
mod reads;
mod rows;
mod statements;
mod triggers;
mod writes;

/// A snapshot that is put together by names.
struct Builder {
    snapshot: CatalogSnapshot,
    ids: HashMap<String, u32>,
    declarations: Declarations,
}

/// A database with `pg_catalog` and `public` in its search path.
fn database() -> Builder {
    let mut builder = Builder {
        snapshot: CatalogSnapshot::default(),
        ids: HashMap::new(),
        declarations: Declarations::new(),
    };
    builder.snapshot.search_path = vec!["pg_catalog".into(), "public".into()];
    builder.snapshot.system_functions.immutable = "lower extract_not upper length".into();
    builder.snapshot.system_functions.stable =
        "now age to_char current_setting pg_get_viewdef table_to_xml current_user jsonb_agg".into();
    builder.snapshot.system_functions.volatile =
        "random nextval pg_notify pg_sleep pg_advisory_lock set_config query_to_xml ts_stat \
         lo_create pg_read_file clock_timestamp system"
            .into();
    builder
}

impl Builder {
    fn id(&mut self, name: &str) -> u32 {
        let next = 20_000 + u32::try_from(self.ids.len()).unwrap();
        *self.ids.entry(name.to_owned()).or_insert(next)
    }

    fn relation(mut self, name: &str, change: impl FnOnce(&mut Relation)) -> Self {
        let (schema, plain) = name.split_once('.').unwrap_or(("public", name));
        let mut relation = Relation {
            oid: self.id(name),
            schema: schema.into(),
            name: plain.into(),
            kind: 'r',
            ..Relation::default()
        };
        change(&mut relation);
        self.snapshot.relations.push(relation);
        self
    }

    fn tables(self, names: &[&str]) -> Self {
        names
            .iter()
            .fold(self, |builder, name| builder.relation(name, |_| {}))
    }

    /// A table with a primary key of this type in the column `id`.
    fn keyed(self, name: &str, type_oid: u32) -> Self {
        self.tables(&[name]).key(name, type_oid, |_| {})
    }

    fn key(mut self, name: &str, type_oid: u32, change: impl FnOnce(&mut RowKey)) -> Self {
        let mut key = RowKey {
            table: self.id(name),
            column: "id".into(),
            type_oid,
            deterministic: true,
            sole: true,
        };
        change(&mut key);
        self.snapshot.row_keys.push(key);
        self
    }

    fn kind(self, name: &str, kind: char) -> Self {
        self.relation(name, |relation| relation.kind = kind)
    }

    /// A view that PostgreSQL can update by itself.
    fn view(self, name: &str, definition: &str, relations: &[&str]) -> Self {
        self.relation(name, |relation| {
            relation.kind = 'v';
            relation.updatable = 0b1_1100;
            relation.definition = Some(definition.into());
        })
        .view_reads(name, relations)
    }

    fn materialized_view(self, name: &str, definition: &str, relations: &[&str]) -> Self {
        self.relation(name, |relation| {
            relation.kind = 'm';
            relation.definition = Some(definition.into());
        })
        .view_reads(name, relations)
    }

    fn view_reads(mut self, name: &str, relations: &[&str]) -> Self {
        let view = self.id(name);
        for relation in relations {
            let edge = (view, self.id(relation));
            self.snapshot.view_relations.push(edge);
        }
        self
    }

    fn view_calls(mut self, view: &str, function: &str) -> Self {
        let edge = (self.id(view), self.id(function));
        self.snapshot.view_functions.push(edge);
        self
    }

    fn child(mut self, child: &str, parent: &str) -> Self {
        let edge = (self.id(child), self.id(parent));
        self.snapshot.inheritance.push(edge);
        self
    }

    /// `actions` are `confupdtype` and `confdeltype`.
    fn foreign_key(mut self, from: &str, to: &str, actions: [char; 2]) -> Self {
        let key = ForeignKey {
            from: self.id(from),
            to: self.id(to),
            on_update: actions[0],
            on_delete: actions[1],
        };
        self.snapshot.foreign_keys.push(key);
        self
    }

    fn trigger(mut self, table: &str, function: &str, events: u32) -> Self {
        let trigger = Trigger {
            table: self.id(table),
            name: format!("{table}_{function}").into(),
            function: self.id(function),
            events,
        };
        self.snapshot.triggers.push(trigger);
        self
    }

    fn rule(mut self, table: &str, event: char) -> Self {
        let rule = Rule {
            table: self.id(table),
            name: "a_rule".into(),
            event,
        };
        self.snapshot.rules.push(rule);
        self
    }

    fn expression(mut self, table: &str, function: &str, on_read: bool) -> Self {
        let expression = Expression {
            table: self.id(table),
            function: self.id(function),
            on_read,
        };
        self.snapshot.expressions.push(expression);
        self
    }

    /// A policy whose condition reads these beside its table.
    fn policy(mut self, table: &str, condition: &str, relations: &[&str]) -> Self {
        let policy = Policy {
            table: self.id(table),
            name: format!("{table}_policy").into(),
            condition: Some(condition.into()),
            relations: relations.iter().map(|name| self.id(name)).collect(),
            functions: Vec::new(),
        };
        self.snapshot.policies.push(policy);
        self
    }

    fn function(self, name: &str, volatility: char) -> Self {
        self.function_of(None, name, volatility)
    }

    fn function_of(mut self, extension: Option<&str>, name: &str, volatility: char) -> Self {
        let (schema, plain) = name.split_once('.').unwrap_or(("public", name));
        let function = Function {
            oid: self.id(name),
            schema: schema.into(),
            name: plain.into(),
            volatility,
            extension: extension.map(Into::into),
            defaults: None,
        };
        self.snapshot.functions.push(function);
        self
    }

    /// Gives the arguments of a function defaults, as PostgreSQL writes them.
    fn defaults(mut self, function: &str, defaults: &str) -> Self {
        let id = self.id(function);
        for known in &mut self.snapshot.functions {
            if known.oid == id {
                known.defaults = Some(defaults.into());
            }
        }
        self
    }

    fn event_trigger(mut self, name: &str, function: &str) -> Self {
        let trigger = EventTrigger {
            name: name.into(),
            function: self.id(function),
        };
        self.snapshot.event_triggers.push(trigger);
        self
    }

    fn operator(mut self, name: &str, function: &str, implicit: bool) -> Self {
        let operator = Operator {
            name: name.into(),
            function: self.id(function),
            implicit,
        };
        self.snapshot.operators.push(operator);
        self
    }

    fn cast(mut self, function: &str) -> Self {
        let id = self.id(function);
        self.snapshot.casts.push(id);
        self
    }

    fn mention(mut self, name: &str, function: &str, as_type: bool) -> Self {
        let mention = Mention {
            name: name.into(),
            function: self.id(function),
            as_type,
        };
        self.snapshot.mentions.push(mention);
        self
    }

    fn path(mut self, schemas: &[&str]) -> Self {
        self.snapshot.search_path = schemas.iter().map(|schema| (*schema).into()).collect();
        self
    }

    fn declare(mut self, change: impl FnOnce(Declarations) -> Declarations) -> Self {
        self.declarations = change(self.declarations);
        self
    }

    fn build(&self) -> Catalog {
        Catalog::new(self.snapshot.clone(), &self.declarations)
    }

    fn sorted(&self, names: &[&str]) -> Box<[TableId]> {
        let mut ids: Vec<_> = names.iter().map(|name| TableId(self.ids[*name])).collect();
        ids.sort_unstable();
        ids.into()
    }

    #[track_caller]
    fn reads(&self, text: &str, tables: &[&str]) -> &Self {
        let found = self.build().reads(&classify(text)).unwrap();
        assert_eq!(found.tables, self.sorted(tables), "{text}");
        assert_eq!(found.volatile.as_ref(), &[], "{text}");
        self
    }

    #[track_caller]
    fn volatile(&self, text: &str, functions: &[&str]) -> &Self {
        let found = self.build().reads(&classify(text)).unwrap();
        let shown: Vec<String> = found.volatile.iter().map(ToString::to_string).collect();
        assert_eq!(shown, functions, "{text}");
        self
    }

    #[track_caller]
    fn uncacheable(&self, text: &str, expected: &Uncacheable) -> &Self {
        let found = self.build().reads(&classify(text));
        assert_eq!(found.as_ref(), Err(expected), "{text}");
        self
    }

    #[track_caller]
    fn writes(&self, text: &str, tables: &[&str]) -> &Self {
        let found = self.build().writes(&classify(text));
        let expected = if tables.is_empty() {
            WriteSet::Nothing
        } else {
            WriteSet::Tables(self.sorted(tables))
        };
        assert_eq!(found, expected, "{text}");
        self
    }

    #[track_caller]
    fn everything(&self, text: &str, expected: &EverythingReason) -> &Self {
        let found = self.build().writes(&classify(text));
        assert_eq!(found, WriteSet::Everything(expected.clone()), "{text}");
        self
    }
}

fn named(name: &str) -> QualifiedName {
    QualifiedName::parse(name).unwrap()
}
