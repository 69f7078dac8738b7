//! Typed reads through the cache.

use std::fmt;

use diesel::dsl::{exists, max};
use diesel::prelude::*;
use larder::database::Database;

use super::tables::for_table;
use super::{TypedTable, key};
use crate::error::Result;
use crate::outcome::Outcome;
use crate::row::TypedRow;
use crate::statement::Bound;
use crate::subject::{How, LONG, bypassed};
use crate::value::Value;

/// What a typed read asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ReadShape {
    Find,
    Filter,
    FilterMore,
    Columns,
    First,
    Count,
    Greatest,
    Exists,
    Either,
    OfGroup,
    Smallest,
}

impl ReadShape {
    pub(crate) const ALL: [Self; 11] = [
        Self::Find,
        Self::Filter,
        Self::FilterMore,
        Self::Columns,
        Self::First,
        Self::Count,
        Self::Greatest,
        Self::Exists,
        Self::Either,
        Self::OfGroup,
        Self::Smallest,
    ];

    /// Those that name a row by its key.
    pub(crate) const BY_KEY: &[Self] = Self::ALL.split_at(8).0;
}

/// A read of a table by a query of Diesel's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TypedRead {
    pub(crate) table: TypedTable,
    pub(crate) shape: ReadShape,
    pub(crate) key: Value,
    pub(crate) grp: i32,
}

/// Makes the query and does something with it.
macro_rules! with_query {
    ($t:ident, $k:ident, $read:expr, $query:ident => $body:expr, $first:expr) => {{
        let id: $k = key(&$read.key)?;
        match $read.shape {
            ReadShape::Find => {
                let $query = $t::table.find(id);
                $body
            }
            ReadShape::Filter => {
                let $query = $t::table.filter($t::id.eq(id));
                $body
            }
            ReadShape::FilterMore => {
                let $query = $t::table
                    .filter($t::grp.eq($read.grp))
                    .filter($t::id.eq(id));
                $body
            }
            ReadShape::Columns => {
                let $query = $t::table.filter($t::id.eq(id)).select(($t::note, $t::n));
                $body
            }
            ReadShape::First => {
                let $query = $t::table.filter($t::id.eq(id)).limit(1);
                $first
            }
            ReadShape::Count => {
                let $query = $t::table.filter($t::id.eq(id)).count();
                $body
            }
            ReadShape::Greatest => {
                let $query = $t::table.filter($t::id.eq(id)).select(max($t::n));
                $body
            }
            ReadShape::Exists => {
                let $query = diesel::select(exists($t::table.filter($t::id.eq(id))));
                $body
            }
            ReadShape::Either => {
                let either = BoolExpressionMethods::or($t::id.eq(id), $t::grp.eq($read.grp));
                let $query = $t::table.filter(either);
                $body
            }
            ReadShape::OfGroup => {
                let $query = $t::table.filter($t::grp.eq($read.grp)).order($t::id);
                $body
            }
            ReadShape::Smallest => {
                let $query = $t::table.select(($t::id, $t::n)).order($t::id).limit(3);
                $body
            }
        }
    }};
}

impl TypedRead {
    /// As the judge runs it.
    pub(crate) fn bound(&self) -> Result<Bound> {
        use diesel::query_builder::AsQuery as _;
        for_table!(self.table, t, K => with_query!(t, K, self, query => {
            Bound::of(&query.as_query())
        }, Bound::of(&query.as_query())))
    }

    /// Through the cache.
    pub(crate) async fn run(&self, database: &Database, how: How) -> Result<Outcome> {
        let rows = for_table!(self.table, t, K => with_query!(t, K, self, query => {
            let read = bypassed!(how, database.cached(query).ttl(LONG));
            let rows = Box::pin(read.load::<TypedRow>()).await;
            rows.map(|rows| rows.iter().map(|row| row.0.clone()).collect())
        }, {
            let read = bypassed!(how, database.cached(query).ttl(LONG));
            let first = Box::pin(read.first::<TypedRow>()).await;
            first.map(|row| row.iter().map(|row| row.0.clone()).collect())
        }));
        Outcome::of(rows.map(Outcome::rows), self)
    }
}

impl fmt::Display for TypedRead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            table,
            shape,
            key,
            grp,
        } = self;
        write!(formatter, "typed {table:?} {shape:?} key={key:?} grp={grp}")
    }
}

/// Many rows by their keys, each kept by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ManyRead {
    pub(crate) of_texts: bool,
    pub(crate) keys: Vec<Value>,
}

macro_rules! many {
    ($t:ident, $self:expr, $database:expr, $how:expr, $parse:expr) => {{
        use super::tables::$t as t;
        let keys: Vec<_> = $self.keys.iter().map(key).collect::<Result<_>>()?;
        let read = bypassed!($how, $database.cached_many(keys).ttl(LONG));
        let query = |missing| t::table.filter(t::id.eq_any(missing));
        let key_of = |row: &TypedRow| $parse(row.0.0[0].as_deref().unwrap_or_default());
        let rows = Box::pin(read.by(query, key_of)).await;
        let rows = rows.map(|rows| rows.into_values().map(|row| row.0.clone()).collect());
        Outcome::of(rows.map(Outcome::rows), $self)
    }};
}

impl ManyRead {
    /// As the judge runs it.
    pub(crate) fn bound(&self) -> Result<Bound> {
        use super::tables::{longs, texts};
        if self.of_texts {
            let keys: Vec<String> = self.keys.iter().map(key).collect::<Result<_>>()?;
            Bound::of(&texts::table.filter(texts::id.eq_any(keys)))
        } else {
            let keys: Vec<i64> = self.keys.iter().map(key).collect::<Result<_>>()?;
            Bound::of(&longs::table.filter(longs::id.eq_any(keys)))
        }
    }

    /// Through the cache.
    pub(crate) async fn run(&self, database: &Database, how: How) -> Result<Outcome> {
        if self.of_texts {
            many!(texts, self, database, how, |text: &str| text.to_owned())
        } else {
            many!(longs, self, database, how, |text: &str| text
                .parse::<i64>()
                .unwrap_or(-1))
        }
    }
}

impl fmt::Display for ManyRead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = if self.of_texts { "texts" } else { "longs" };
        write!(formatter, "many of {table}, keys={:?}", self.keys)
    }
}
