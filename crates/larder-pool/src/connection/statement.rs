//! A statement ready to be sent, and the prepared statements that a connection keeps.

use std::any::TypeId;
use std::num::NonZeroUsize;
use std::sync::Arc;

use diesel::QueryResult;
use diesel::pg::{Pg, PgQueryBuilder};
use diesel::query_builder::{QueryBuilder, QueryFragment, QueryId};
use lru::LruCache;

use super::binds::Binds;
use super::types::TypeCatalog;

/// A query as text and binds. It has left the types of Diesel behind, so it can be sent from any task.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) binds: Binds,
    pub(crate) reuse: Reuse,
}

/// Whether a prepared statement is worth keeping.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reuse {
    /// The text rarely comes again.
    Never,
    Static(TypeId),
    Text,
}

/// What a prepared statement is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum StatementKey {
    /// The text follows from the type of the query.
    Static(TypeId),
    /// The text was put together at run time.
    Text { sql: String, oids: Vec<u32> },
}

impl Statement {
    /// Reads text and binds out of a query.
    ///
    /// # Errors
    ///
    /// What Diesel reports when the query cannot be written or a value cannot be serialised.
    pub(crate) fn of<Q: QueryFragment<Pg> + QueryId>(
        query: &Q,
        types: &Arc<TypeCatalog>,
    ) -> QueryResult<Self> {
        let binds = Binds::collect(query, types)?;
        let mut builder = PgQueryBuilder::default();
        query.to_sql(&mut builder, &Pg)?;
        let sql = builder.finish();
        let reuse = match (query.is_safe_to_cache_prepared(&Pg)?, Q::query_id()) {
            (false, _) => Reuse::Never,
            (true, Some(id)) => Reuse::Static(id),
            (true, None) => Reuse::Text,
        };
        Ok(Self { sql, binds, reuse })
    }

    /// What to keep the prepared statement under; `None` if it is not worth keeping.
    /// To be asked once the types of all binds are resolved.
    pub(crate) fn key(&self) -> Option<StatementKey> {
        match self.reuse {
            Reuse::Never => None,
            Reuse::Static(id) => Some(StatementKey::Static(id)),
            Reuse::Text => Some(StatementKey::Text {
                sql: self.sql.clone(),
                oids: self.binds.oids.clone(),
            }),
        }
    }
}

/// The prepared statements of one connection, bounded: the one unused for longest goes.
pub(crate) struct StatementCache {
    statements: LruCache<StatementKey, tokio_postgres::Statement>,
    enabled: bool,
}

impl StatementCache {
    /// A service has some dozens of static statements; boxed queries come on top.
    pub(super) const CAPACITY: usize = 256;

    pub(crate) fn new() -> Self {
        let mut cache = Self {
            statements: LruCache::unbounded(),
            enabled: true,
        };
        cache.resize(Self::CAPACITY);
        cache
    }

    pub(crate) fn get(&mut self, key: &StatementKey) -> Option<tokio_postgres::Statement> {
        self.statements.get(key).cloned()
    }

    /// Keeps a statement; the one that has to go is closed on the server when its last user is done.
    pub(crate) fn insert(&mut self, key: StatementKey, statement: tokio_postgres::Statement) {
        if self.enabled {
            self.statements.put(key, statement);
        }
    }

    pub(crate) fn remove(&mut self, key: &StatementKey) {
        self.statements.pop(key);
    }

    /// The server no longer knows any of them.
    pub(crate) fn forget_all(&mut self) {
        self.statements.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.statements.len()
    }

    /// Keeps at most so many from now on; none at all if it is 0.
    pub(crate) fn resize(&mut self, capacity: usize) {
        match NonZeroUsize::new(capacity) {
            Some(capacity) => {
                self.enabled = true;
                self.statements.resize(capacity);
            }
            None => {
                self.enabled = false;
                self.statements.clear();
            }
        }
    }
}
