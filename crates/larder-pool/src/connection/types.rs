//! The object ids of user-defined types, remembered for all connections of a pool.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// The name of a type as Diesel states it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TypeName {
    schema: Option<String>,
    name: String,
}

impl TypeName {
    pub(crate) fn new(schema: Option<&str>, name: &str) -> Self {
        Self {
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
        }
    }

    /// The name as `to_regtype` takes it, quoted.
    pub(crate) fn quoted(&self) -> String {
        let quote = |part: &str| format!("\"{}\"", part.replace('"', "\"\""));
        match &self.schema {
            Some(schema) => format!("{}.{}", quote(schema), quote(&self.name)),
            None => quote(&self.name),
        }
    }
}

/// What the catalog knows of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TypeOids {
    pub(crate) oid: u32,
    pub(crate) array_oid: u32,
}

/// All types that were asked for since the pool was opened.
#[derive(Debug, Default)]
pub(crate) struct TypeCatalog(RwLock<HashMap<TypeName, TypeOids>>);

impl TypeCatalog {
    pub(crate) fn get(&self, name: &TypeName) -> Option<TypeOids> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .copied()
    }

    pub(crate) fn insert(&self, name: TypeName, oids: TypeOids) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, oids);
    }

    /// Forgets everything: a type was dropped and perhaps made again.
    pub(crate) fn clear(&self) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
