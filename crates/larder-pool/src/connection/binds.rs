//! The values bound to a statement, and how their user-defined types are resolved.
//!
//! Diesel asks for the object id of a user-defined type while it serialises
//! binds, in a synchronous call; the answer may need a query. So a type that is not
//! known yet is answered with a made-up id, which is replaced once the real one is
//! known. Arrays and composites carry the ids of their elements inside the value,
//! and there the made-up ids stay: since version 14 PostgreSQL compares those only
//! where both are ids of built-in types (`array_recv`, `record_recv`).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use diesel::QueryResult;
use diesel::pg::{Pg, PgMetadataLookup, PgTypeMetadata};
use diesel::query_builder::QueryFragment;
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::result::Error as DieselError;
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, private::BytesMut};

use super::types::{TypeCatalog, TypeName, TypeOids};
use crate::written::BoundKey;

/// A value in the server's binary form; `None` is NULL.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bind(pub(crate) Option<Vec<u8>>);

/// Without the value: tokio-postgres logs the parameters of every statement.
impl fmt::Debug for Bind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "?" } else { "NULL" })
    }
}

impl ToSql for Bind {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match &self.0 {
            Some(bytes) => {
                out.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(
        &self,
        type_: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.to_sql(type_, out)
    }
}

/// The binds of a query as Diesel collects them.
pub(crate) struct CollectedBinds {
    pub(crate) values: Vec<Option<Vec<u8>>>,
    types: Vec<PgTypeMetadata>,
    /// The types that the catalog has to be asked for.
    pub(crate) unresolved: Vec<TypeName>,
}

impl CollectedBinds {
    /// Serialises the binds of a query.
    ///
    /// # Errors
    ///
    /// What Diesel reports when a value cannot be serialised.
    pub(crate) fn of<Q: QueryFragment<Pg> + ?Sized>(
        query: &Q,
        types: &Arc<TypeCatalog>,
    ) -> QueryResult<Self> {
        let mut lookup = Lookup::new(types);
        let mut collector = RawBytesBindCollector::<Pg>::new();
        query.collect_binds(&mut collector, &mut lookup, &Pg)?;
        Ok(Self {
            values: collector.binds,
            types: collector.metadata,
            unresolved: lookup.unknown,
        })
    }

    /// The object ids of the types, or why one has none.
    #[inline]
    pub(crate) fn oids(&self) -> impl Iterator<Item = QueryResult<u32>> {
        self.types.iter().map(|type_| {
            type_
                .oid()
                .map_err(|error| DieselError::SerializationError(Box::new(error)))
        })
    }
}

/// Without the values, which may be anybody's.
impl fmt::Debug for CollectedBinds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CollectedBinds")
            .field("types", &self.types)
            .finish_non_exhaustive()
    }
}

/// All binds of a statement with the object ids of their types.
#[derive(Debug, Clone)]
pub(crate) struct Binds {
    pub(crate) values: Vec<Bind>,
    pub(crate) oids: Vec<u32>,
    unresolved: Vec<TypeName>,
}

impl Binds {
    /// Serialises the binds of a query.
    ///
    /// # Errors
    ///
    /// What Diesel reports when a value cannot be serialised.
    pub(crate) fn collect<Q: QueryFragment<Pg> + ?Sized>(
        query: &Q,
        types: &Arc<TypeCatalog>,
    ) -> QueryResult<Self> {
        let collected = CollectedBinds::of(query, types)?;
        Ok(Self {
            oids: collected.oids().collect::<QueryResult<_>>()?,
            values: collected.values.into_iter().map(Bind).collect(),
            unresolved: collected.unresolved,
        })
    }

    /// No values at all.
    pub(crate) fn none() -> Self {
        Self {
            values: Vec::new(),
            oids: Vec::new(),
            unresolved: Vec::new(),
        }
    }

    /// One of the values; `None` if it is NULL or too long for a key, if the object id of its type
    /// is made up, or if there is none.
    pub(crate) fn key(&self, index: usize) -> Option<BoundKey> {
        /// No index of PostgreSQL takes a longer one.
        const LONGEST: usize = 8 << 10;
        let value = self.values.get(index)?.0.as_deref()?;
        let type_oid = *self.oids.get(index)?;
        let is_made_up = !self.unresolved.is_empty() && type_oid >= FIRST_MADE_UP;
        (!is_made_up && value.len() <= LONGEST).then(|| BoundKey::new(type_oid, value))
    }

    /// The types that the catalog has to be asked for.
    pub(crate) fn unresolved(&self) -> &[TypeName] {
        &self.unresolved
    }

    /// Puts the real object ids in place of the made-up ones.
    pub(crate) fn resolve(&mut self, found: &[TypeOids]) {
        let real: HashMap<u32, u32> = found
            .iter()
            .enumerate()
            .flat_map(|(index, type_)| {
                let (oid, array_oid) = made_up(index);
                [(oid, type_.oid), (array_oid, type_.array_oid)]
            })
            .collect();
        for oid in &mut self.oids {
            if let Some(real) = real.get(oid) {
                *oid = *real;
            }
        }
        self.unresolved.clear();
    }

    /// The types for tokio-postgres, which sends nothing of them but the id.
    pub(crate) fn types(&self) -> Vec<Type> {
        self.oids
            .iter()
            .map(|oid| {
                Type::from_oid(*oid).unwrap_or_else(|| {
                    Type::new(
                        format!("user_defined_{oid}"),
                        *oid,
                        Kind::Simple,
                        String::new(),
                    )
                })
            })
            .collect()
    }
}

/// The first id that is made up: far above what a server hands out, so that they are never
/// real ones in practice, and not among the built-in ones.
const FIRST_MADE_UP: u32 = 0xF0F0_0000;

/// The ids of an unknown type and of its array.
fn made_up(index: usize) -> (u32, u32) {
    // A statement has at most 65,535 binds, so the index fits.
    let oid = FIRST_MADE_UP + 2 * u32::try_from(index).unwrap_or(u32::MAX / 4);
    (oid, oid + 1)
}

/// Answers Diesel's questions for types from the catalog, or with a made-up id.
struct Lookup {
    types: Arc<TypeCatalog>,
    unknown: Vec<TypeName>,
}

impl Lookup {
    fn new(types: &Arc<TypeCatalog>) -> Self {
        Self {
            types: Arc::clone(types),
            unknown: Vec::new(),
        }
    }
}

impl PgMetadataLookup for Lookup {
    fn lookup_type(&mut self, type_name: &str, schema: Option<&str>) -> PgTypeMetadata {
        let name = TypeName::new(schema, type_name);
        if let Some(known) = self.types.get(&name) {
            return PgTypeMetadata::new(known.oid, known.array_oid);
        }
        let index = self
            .unknown
            .iter()
            .position(|unknown| *unknown == name)
            .unwrap_or_else(|| {
                self.unknown.push(name);
                self.unknown.len() - 1
            });
        let (oid, array_oid) = made_up(index);
        PgTypeMetadata::new(oid, array_oid)
    }
}
