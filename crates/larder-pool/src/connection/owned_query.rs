//! A query that has left the types of Diesel behind, so that any task can run it.

use std::any::TypeId;
use std::sync::Arc;

use diesel::QueryResult;
use diesel::pg::{Pg, PgQueryBuilder};
use diesel::query_builder::{QueryBuilder, QueryFragment, QueryId};
use larder_sql::StatementProfile;

use super::binds::CollectedBinds;
use super::statement::Statement;
use super::{Connection, Rows};
use crate::Pool;

/// A query as text and values, without borrows.
#[derive(Debug, Clone)]
pub struct OwnedQuery {
    pub(crate) statement: Statement,
    pub(crate) profile: Arc<StatementProfile>,
}

impl OwnedQuery {
    /// Writes a query for the connections of a pool.
    ///
    /// # Errors
    ///
    /// What Diesel reports when the query cannot be written or a value cannot be serialised.
    pub fn of<Q>(query: &Q, pool: &Pool) -> QueryResult<Self>
    where
        Q: QueryFragment<Pg> + QueryId,
    {
        let shared = pool.0.connector.shared();
        let statement = Statement::of(query, &shared.types)?;
        let profile = shared.watch.profiles().of(&statement.sql);
        Ok(Self { statement, profile })
    }

    /// The text that is sent.
    pub fn sql(&self) -> &str {
        &self.statement.sql
    }

    /// What it does.
    pub fn profile(&self) -> &Arc<StatementProfile> {
        &self.profile
    }
}

impl Connection {
    /// Runs a query that was written before.
    ///
    /// # Errors
    ///
    /// If the server refuses it or the connection is lost.
    ///
    /// # Cancel safety
    ///
    /// As for any statement of a connection.
    pub async fn load_owned(&mut self, query: OwnedQuery) -> QueryResult<Rows<'_>> {
        self.run(Ok(Arc::new(query.statement))).await
    }
}

/// The values that are bound to a query, in the server's binary form.
///
/// Every read that the cache answers makes these: they hold what Diesel collected, as it is.
#[derive(Debug)]
pub struct BoundValues(CollectedBinds);

impl BoundValues {
    /// Serialises the values of a query.
    ///
    /// # Errors
    ///
    /// What Diesel reports when a value cannot be serialised.
    pub fn of<Q>(query: &Q, pool: &Pool) -> QueryResult<Self>
    where
        Q: QueryFragment<Pg>,
    {
        let shared = pool.0.connector.shared();
        let collected = CollectedBinds::of(query, &shared.types)?;
        // So that none is missing later.
        collected.oids().try_for_each(|oid| oid.map(drop))?;
        Ok(Self(collected))
    }

    /// The values in their order, each with the object id of its type; a value of `None` is NULL.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (u32, Option<&[u8]>)> {
        let values = self.0.values.iter().map(Option::as_deref);
        self.0.oids().flatten().zip(values)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.values.is_empty()
    }

    /// The types whose object ids are not known yet and stand for made-up ones, by name.
    #[inline]
    pub fn unresolved(&self) -> impl Iterator<Item = String> {
        let names = self.0.unresolved.iter();
        names.map(super::types::TypeName::quoted)
    }
}

/// What identifies a query whose text follows from its type; `None` where it has to be written.
///
/// # Errors
///
/// What Diesel reports when the query cannot be written.
pub fn static_query_id<Q>(query: &Q) -> QueryResult<Option<TypeId>>
where
    Q: QueryFragment<Pg> + QueryId,
{
    match Q::query_id() {
        Some(id) if query.is_safe_to_cache_prepared(&Pg)? => Ok(Some(id)),
        _ => Ok(None),
    }
}

/// The text of a query.
///
/// # Errors
///
/// What Diesel reports when the query cannot be written.
pub fn query_text<Q: QueryFragment<Pg>>(query: &Q) -> QueryResult<String> {
    let mut builder = PgQueryBuilder::default();
    query.to_sql(&mut builder, &Pg)?;
    Ok(builder.finish())
}
