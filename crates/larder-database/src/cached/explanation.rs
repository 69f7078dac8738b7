//! What the cache makes of a query, told to whoever asks.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use larder_cache::{Dependency, EntryDescription};
use larder_pool::{BoundValues, OwnedQuery, query_text, static_query_id};
use larder_sql::catalog::TableId;
use serde::Serialize;

use super::options::ReadOptions;
use super::plan::{Plan, PlanKey};
use super::query::CachedQuery;
use crate::coherence::CatalogState;
use crate::database::Inner;
use crate::scope::{ReadOrigin, TracedRead};
use crate::{Database, Error};

/// What the cache makes of a query; made by [`Database::explain_cache`].
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CacheExplanation {
    /// The statement, without its values; the name of a call of a decorated function.
    pub statement: String,
    /// The same for all statements that differ in values only. Empty for a call.
    pub fingerprint: String,
    /// The tables that the result depends on; a write to any of them makes it go.
    pub tables: Vec<String>,
    /// Those of them of which it depends on single rows only: a write that names other rows leaves
    /// it.
    pub by_row: Vec<String>,
    /// The tags that make it go, as far as their names are known: of a call first its own, then
    /// those of what its body was given, where that has run just now.
    pub tags: Vec<String>,
    /// Functions in it whose results change by themselves.
    pub volatile: Vec<String>,
    /// Why it is not cached, if it is not.
    pub not_cached: Option<String>,
    /// Whether it is kept for its time alone, whatever is written.
    pub ttl_only: bool,
    /// Why it is not kept in Redis, if it is not.
    pub not_in_redis: Option<String>,
    /// What of it caching is switched off for, such as `service:menus`: it is not kept for now.
    pub switched_off: Vec<String>,
    /// The tables of it that are written so often that it is not kept for now.
    pub hot: Vec<String>,
    /// The key of its statement and values. Each type of result has a key of its own on top.
    pub key: Option<String>,
    /// What the cache holds under that key, as rows of the type asked for.
    pub entry: Option<EntryDescription>,
}

impl fmt::Display for CacheExplanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fingerprint.is_empty() {
            writeln!(formatter, "call        {}", self.statement)?;
        } else {
            writeln!(formatter, "statement   {}", self.statement)?;
            writeln!(formatter, "fingerprint {}", self.fingerprint)?;
        }
        if !self.tables.is_empty() {
            writeln!(formatter, "depends on  {}", self.tables.join(", "))?;
        }
        if !self.by_row.is_empty() {
            writeln!(formatter, "by row      {}", self.by_row.join(", "))?;
        }
        if !self.tags.is_empty() {
            writeln!(formatter, "tags        {}", self.tags.join(", "))?;
        }
        if !self.volatile.is_empty() {
            writeln!(formatter, "volatile    {}", self.volatile.join(", "))?;
        }
        if self.ttl_only {
            writeln!(formatter, "kept        for its time, whatever is written")?;
        }
        if !self.switched_off.is_empty() {
            writeln!(
                formatter,
                "switched off for {}",
                self.switched_off.join(", ")
            )?;
        }
        if !self.hot.is_empty() {
            writeln!(formatter, "hot         {}", self.hot.join(", "))?;
        }
        if let (None, Some(reason)) = (&self.not_cached, &self.not_in_redis) {
            writeln!(formatter, "not in Redis, because {reason}")?;
        }
        match (&self.not_cached, &self.key) {
            (Some(reason), _) => write!(formatter, "not cached  {reason}"),
            (None, Some(key)) => write!(formatter, "key         {key}"),
            (None, None) => Ok(()),
        }
    }
}

impl Database {
    /// Tells what a query depends on, whether its result is cached and why not. Runs nothing but a
    /// look at the catalog where that is due. [`CachedQuery::explain`] tells the key and the entry
    /// of a certain read, too.
    ///
    /// # Errors
    ///
    /// If the query cannot be written, or the catalog cannot be read.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
    /// let why = db.explain_cache(diesel::sql_query("SELECT now()::text")).await?;
    /// println!("{why}");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn explain_cache<Q>(&self, query: Q) -> Result<CacheExplanation, Error>
    where
        Q: AsQuery + Send,
        Q::Query: QueryFragment<Pg> + QueryId + Send,
    {
        self.cached(query).explain::<()>().await
    }
}

impl<Q> CachedQuery<'_, Q> {
    /// Tells what the query depends on, whether its result is cached and why not, and its key and
    /// what is kept under it as [`load::<T>()`](CachedQuery::load) with the same options would find it.
    ///
    /// # Errors
    ///
    /// If the query cannot be written, or the catalog cannot be read.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn explain<T>(self) -> Result<CacheExplanation, Error>
    where
        Q: AsQuery + Send,
        Q::Query: QueryFragment<Pg> + QueryId + Send,
        T: Send + Sync + 'static,
    {
        let Self {
            database,
            query,
            options,
        } = self;
        let inner = database.inner();
        let (key, values, query) = {
            let query = query.as_query();
            let key = match static_query_id(&query)? {
                Some(id) => PlanKey::Type(id),
                None => PlanKey::of_text(&query_text(&query)?),
            };
            let values = BoundValues::of(&query, &inner.pool)?;
            (key, values, OwnedQuery::of(&query, &inner.pool)?)
        };
        let (Some(plan), Some(state)) = (
            inner.plan(key, &query, options.scope()).await?,
            inner.picture_that_holds().await?,
        ) else {
            return Err(Error::Catalog {
                reason: "definitions change faster than they can be read".to_owned(),
            });
        };
        let reads = plan.verdict.as_ref().ok();
        let tables = reads.map_or(&[][..], |reads| &reads.tables);
        let volatile = reads.map_or(&[][..], |reads| &reads.volatile);
        let not_cached = if !inner.cache.is_enabled() {
            Some("the cache is switched off (cache.enabled)".to_owned())
        } else {
            plan.reads(options.allow_volatile)
                .err()
                .map(|reason| reason.to_string())
        };
        let depends_on = reads.map_or_else(Vec::new, |reads| {
            options.all_dependencies(reads.dependencies(&values).dependencies)
        });
        let name_of = |table: TableId| name_of(&state, table);
        let is_hot = |table: &TableId| {
            let of_table = |one: &Dependency| one.table_oid() == Some(table.0);
            let of_table = depends_on.iter().copied().filter(of_table);
            inner.watcher.heat.is_hot(of_table)
        };
        let hot = tables.iter().filter(|table| is_hot(table));
        let key = plan.key::<Arc<[T]>>(&values, &options, inner.default_ttl);
        Ok(CacheExplanation {
            statement: plan.profile.normalised.to_string(),
            fingerprint: plan.profile.fingerprint.to_string(),
            tables: tables.iter().copied().map(name_of).collect(),
            by_row: by_row(&state, &depends_on),
            tags: options.tags.clone(),
            ttl_only: options.ttl_only,
            not_in_redis: inner.why_not_shared::<Arc<[T]>>(&plan, &options),
            switched_off: inner.switches.concerning(&depends_on),
            hot: hot.copied().map(name_of).collect(),
            volatile: volatile.iter().map(ToString::to_string).collect(),
            entry: inner.cache.explain(key),
            key: reads.map(|_| key.to_string()),
            not_cached,
        })
    }
}

impl Database {
    /// Runs a call of a decorated function, and tells what its result depends on, whether it is
    /// kept and why not. Of a future that makes several cached reads, it tells of the one that ends
    /// last; `None` if there is none.
    ///
    /// # Cancel safety
    ///
    /// That of the call.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
    /// let call = db.cached_call("menus").run(async {
    ///     db.sql("SELECT count(*) FROM menus").fetch_scalar::<i64>().await
    /// });
    /// let (menus, why) = db.explain_call(call).await;
    /// println!("{} menus", menus?);
    /// println!("{}", why.expect("it is a cached call"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn explain_call<F: Future>(&self, call: F) -> (F::Output, Option<CacheExplanation>) {
        // On the heap: the call may be large, and would be in here several times.
        let (output, mut trace) = self.trace(Box::pin(call)).await;
        let last = trace.reads.pop();
        let explanation = last.map(|read| self.explain_read(read, &trace.reads));
        (output, explanation)
    }

    /// Explains a read, and those that ended before it.
    fn explain_read(&self, read: TracedRead, before: &[TracedRead]) -> CacheExplanation {
        let inner = self.inner();
        let (key, depends_on) = read.kept.unzip();
        let depends_on = depends_on.unwrap_or_default();
        let state = inner.picture.last();
        let tables: BTreeSet<u32> = depends_on
            .iter()
            .filter_map(|one| one.table_oid())
            .collect();
        let name_of = |table: u32| match &state {
            Some(state) => name_of(state, TableId(table)),
            None => table.to_string(),
        };
        let is_hot = |table: &u32| {
            let of_table = |one: &Dependency| one.table_oid() == Some(*table);
            let of_table = depends_on.iter().copied().filter(of_table);
            inner.watcher.heat.is_hot(of_table)
        };
        let hot = tables.iter().copied().filter(is_hot).map(name_of).collect();
        let entry = key.and_then(|key| inner.cache.explain(key));
        let not_cached = match (read.origin, read.not_kept) {
            (ReadOrigin::Bypassed, None) => Some("it goes past the cache".to_owned()),
            (ReadOrigin::Bypassed, Some(reason)) => {
                Some(format!("it goes past the cache: {reason}"))
            }
            (_, None) if entry.is_none() => Some(
                "something that it depends on was written since it began, or there is no room"
                    .to_owned(),
            ),
            (_, reason) => reason,
        };
        let mut tags = read.tags;
        for tag in before.iter().flat_map(|read| &read.tags) {
            if depends_on.contains(&Dependency::tag(tag)) && !tags.contains(tag) {
                tags.push(tag.clone());
            }
        }
        CacheExplanation {
            statement: read.name,
            fingerprint: String::new(),
            tables: tables.iter().copied().map(name_of).collect(),
            by_row: state
                .as_ref()
                .map_or_else(Vec::new, |state| by_row(state, &depends_on)),
            tags,
            volatile: Vec::new(),
            not_cached,
            ttl_only: false,
            not_in_redis: None,
            switched_off: inner.switches.concerning(&depends_on),
            hot,
            entry,
            key: key.map(|key| key.to_string()),
        }
    }
}

fn name_of(state: &CatalogState, table: TableId) -> String {
    match state.catalog.table(table) {
        Some(name) => name.to_string(),
        None => table.0.to_string(),
    }
}

/// The tables of which these are single rows.
fn by_row(state: &CatalogState, dependencies: &[Dependency]) -> Vec<String> {
    let rows = dependencies.iter().filter(|one| one.is_row());
    let tables: BTreeSet<u32> = rows.filter_map(|row| row.table_oid()).collect();
    let is_whole = |table: &u32| dependencies.contains(&Dependency::some_row(*table));
    let tables = tables.into_iter().filter(|table| !is_whole(table));
    tables.map(|table| name_of(state, TableId(table))).collect()
}

impl Inner {
    /// Why results of this plan, type and these options are not kept in Redis, if they are not.
    fn why_not_shared<V: 'static>(&self, plan: &Plan, options: &ReadOptions) -> Option<String> {
        let reason = if self.second_tier.is_none() {
            "there is none (redis.url), or the cache is this process's alone (cache.mode)"
        } else if options.local_only {
            "the read says local_only()"
        } else if !plan.shareable {
            "one of its tables or views is never to be kept there (cache.never_in_redis), or a name that stands there is not found"
        } else if !self.may_share_type::<V>() {
            "results of its type are kept in their process (CacheSettings::keep_local)"
        } else {
            return None;
        };
        Some(reason.to_owned())
    }
}
