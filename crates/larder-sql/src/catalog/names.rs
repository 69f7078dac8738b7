//! From names to tables, through the search path.

use std::collections::HashMap;
use std::fmt;

use crate::QualifiedName;

/// A table, view, materialized view, sequence or foreign table, by its object id
/// (`pg_class.oid`).
///
/// A table that is dropped and made again has another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u32);

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Object ids by schema and name, and the order in which schemas are searched.
#[derive(Debug)]
pub(super) struct Names {
    by_name: HashMap<Box<str>, Vec<(Box<str>, TableId)>>,
    search_path: Vec<Box<str>>,
}

impl Names {
    pub(super) fn new(search_path: Vec<Box<str>>) -> Self {
        Self {
            by_name: HashMap::new(),
            search_path,
        }
    }

    pub(super) fn insert(&mut self, name: &QualifiedName, id: TableId) {
        let schema = name.schema().unwrap_or_default().into();
        let ids = self.by_name.entry(name.name().into()).or_default();
        ids.push((schema, id));
    }

    /// What `name` means: in its schema, or in the first schema of the search path that has it.
    pub(super) fn find(&self, name: &QualifiedName) -> Option<TableId> {
        let found = self.by_name.get(name.name())?;
        let in_schema = |wanted: &str| {
            let mut matching = found.iter().filter(|(schema, _)| &**schema == wanted);
            matching.next().map(|(_, id)| *id)
        };
        match name.schema() {
            Some("pg_temp") => in_schema(self.temporary_schema()?),
            Some(schema) => in_schema(schema),
            None => self.search_path.iter().find_map(|schema| in_schema(schema)),
        }
    }

    /// Where a function without a schema may be, other than in `pg_catalog`: the schemas of
    /// the search path. The schema of temporary tables is never searched for functions.
    pub(super) fn is_searched_for_functions(&self, schema: &str) -> bool {
        !is_temporary(schema)
            && self
                .search_path
                .iter()
                .any(|searched| &**searched == schema)
    }

    /// Whether PostgreSQL's own schema comes before all in which others may make objects. That
    /// of temporary tables may precede it: no operator is looked for there.
    pub(super) fn begins_with_system(&self) -> bool {
        let mut path = self.search_path.iter();
        let first = path.find(|schema| !is_temporary(schema));
        first.is_some_and(|schema| &**schema == "pg_catalog")
    }

    fn temporary_schema(&self) -> Option<&str> {
        let mut path = self.search_path.iter();
        path.find(|schema| is_temporary(schema))
            .map(|schema| &**schema)
    }
}

fn is_temporary(schema: &str) -> bool {
    schema.starts_with("pg_temp_")
}
