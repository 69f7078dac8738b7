//! Many rows at once, each kept under a key of its own.

use std::any::type_name;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use diesel::deserialize::FromSqlRow;
use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::query_dsl::CompatibleType;
use larder_cache::Mode;
use larder_metrics::OperationScope;
use larder_pool::{BoundValues, OwnedQuery, Row, query_text};

use tokio::task::yield_now;

use super::batch::Batch;
use super::key_lists::ProbedValues;
use super::options::{ReadOptions, read_options};
use super::plan::PlanKey;
use super::run::rows;
use crate::database::Inner;
use crate::fleet::PIECE;
use crate::scope::Part;
use crate::{Database, Error};

/// Rows that are kept one by one; made by [`Database::cached_many`].
///
/// What this process keeps is served from there. What it does not is fetched from Redis, if there
/// is one, some hundreds in a round trip, and what is missing there too is loaded by one query. Each row is
/// kept under its key in both, and so is what the database does not have.
///
/// The rows are each as good as one that was read alone; they need not be of one moment. Rows past
/// their time are loaded before they are served, whatever was said with `stale_for`. Callers who
/// ask for the same at the same time do not share a query.
#[derive(Debug)]
#[must_use = "nothing is read until it is said by what"]
pub struct CachedMany<'a, K> {
    database: &'a Database,
    keys: Vec<K>,
    options: ReadOptions,
}

impl Database {
    /// Many rows at once, by their keys.
    ///
    /// The [`Hash`] of a key has to tell it from all others, as that of numbers, texts and what
    /// derives it does.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(db: larder_database::Database) -> Result<(), larder_database::Error> {
    /// use std::collections::HashMap;
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use diesel::prelude::*;
    ///
    /// diesel::table! {
    ///     menus (id) {
    ///         id -> BigInt,
    ///         city -> Text,
    ///     }
    /// }
    ///
    /// #[derive(Queryable)]
    /// struct Menu {
    ///     id: i64,
    ///     city: String,
    /// }
    ///
    /// let menus: HashMap<i64, Arc<Menu>> = db
    ///     .cached_many([3, 7, 12])
    ///     .ttl(Duration::from_secs(300))
    ///     .by(
    ///         |missing| menus::table.filter(menus::id.eq_any(missing)),
    ///         |menu: &Menu| menu.id,
    ///     )
    ///     .await?;
    /// // What the database does not have is not in it.
    /// if let Some(menu) = menus.get(&7) {
    ///     println!("{}", menu.city);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn cached_many<K>(&self, keys: impl IntoIterator<Item = K>) -> CachedMany<'_, K>
    where
        K: Hash + Eq + Clone,
    {
        CachedMany {
            database: self,
            keys: keys.into_iter().collect(),
            options: ReadOptions::of(self),
        }
    }
}

/// So many rows are loaded by one query at most.
const MOST: usize = 10_000;

impl<K> CachedMany<'_, K>
where
    K: Hash + Eq + Clone + Send + Sync,
{
    read_options!();

    /// Loads the rows by a query of those that are missing, such as
    /// `|missing| menus::table.filter(menus::id.eq_any(missing))`, and a function that tells the
    /// key of a row. Rows that nobody asked for are passed over; keys without a row are not in the
    /// result.
    ///
    /// The text of the query must be the same for any number of keys, as that of `eq_any` is, and
    /// so must the values that it binds beside them: a time is taken before, not inside. It is
    /// written once more for no keys at all, to learn what else decides its result.
    ///
    /// Whether a row is found must depend on its own key alone, because it is kept alone: LIMIT,
    /// OFFSET, DISTINCT, GROUP BY, aggregates, windows and set operations are refused in the
    /// query itself, and the keys inside a subquery. A subquery beside them may have all that.
    ///
    /// # Errors
    ///
    /// [`Error::CachedReadInTransaction`] inside a transaction of this database: there, run the
    /// query on its connection. [`Error::ManyRows`] if several rows have one key, or the query
    /// is not of the form above. Otherwise why the database could not answer.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it stores what it had loaded so far, and the query that runs is ended on the
    /// server.
    pub async fn by<Q, T, F, G>(self, query: F, key_of: G) -> Result<HashMap<K, Arc<T>>, Error>
    where
        F: FnMut(Vec<K>) -> Q + Send,
        G: FnMut(&T) -> K + Send,
        Q: AsQuery,
        Q::Query: QueryFragment<Pg> + QueryId,
        Q::SqlType: CompatibleType<T, Pg>,
        T: FromSqlRow<<Q::SqlType as CompatibleType<T, Pg>>::SqlType, Pg> + Send + Sync + 'static,
    {
        let part = Part::begin();
        part.depends_on(self.options.dependencies());
        let Self {
            database,
            keys,
            options,
        } = self;
        let inner = database.inner();
        if inner.pool.is_in_transaction() {
            return Err(Error::CachedReadInTransaction);
        }
        options.tell_scope();
        let mut seen = HashSet::with_capacity(keys.len());
        let mut keys = keys;
        keys.retain(|key| seen.insert(key.clone()));
        drop(seen);
        if keys.is_empty() {
            part.end();
            return Ok(HashMap::new());
        }
        let mut statement = Statement {
            inner,
            query,
            key_of,
            text: String::new(),
            probed: ProbedValues::default(),
            build: T::build_from_row,
        };
        let (plan_key, values, probe) = statement.probe::<Q, K>()?;
        let freshness = options.freshness(inner.default_ttl);
        let goes_past =
            options.mode == Mode::Bypass || !inner.cache.is_enabled() || freshness.ttl.is_zero();
        let plan = if goes_past {
            None
        } else {
            inner.plan(plan_key, &probe, options.scope()).await?
        };
        let batch = plan.and_then(|plan| Batch::new::<T>(inner, plan, &values, &options));
        let mut found = HashMap::with_capacity(keys.len());
        let Some(batch) = batch else {
            OperationScope::record_miss();
            inner.cache.count_bypassed();
            for keys in pieces(keys) {
                let query = statement.write::<Q, K>(keys.clone())?;
                let mut session = inner.session_in(options.scope()).await?;
                let loaded = rows(&mut session, query).await?;
                drop(session);
                let rows = statement.by_key(loaded, &keys)?;
                found.extend(rows.into_iter().map(|(key, (_, value))| (key, value)));
            }
            part.end();
            return Ok(found);
        };
        let missing = batch.take_kept(keys, &mut found);
        if missing.is_empty() {
            OperationScope::record_hit();
            part.end();
            return Ok(found);
        }
        OperationScope::record_miss();
        for keys in pieces(missing) {
            // On the heap: a hit does not carry what only a miss needs.
            Box::pin(complete::<Q, K, T, F, G>(
                &batch,
                &mut statement,
                keys,
                &mut found,
            ))
            .await?;
        }
        part.end();
        Ok(found)
    }
}

/// Fetches and loads rows that this process does not keep.
async fn complete<Q, K, T, F, G>(
    batch: &Batch<'_>,
    statement: &mut Statement<'_, F, G, T>,
    keys: Vec<K>,
    found: &mut HashMap<K, Arc<T>>,
) -> Result<(), Error>
where
    K: Hash + Eq + Clone + Send + Sync,
    F: FnMut(Vec<K>) -> Q + Send,
    G: FnMut(&T) -> K + Send,
    Q: AsQuery,
    Q::Query: QueryFragment<Pg> + QueryId,
    T: Send + Sync + 'static,
{
    let begun = batch.begin(keys.len());
    let missing = batch
        .fetch(begun, keys, found, |key, rows| statement.one(key, rows))
        .await;
    if missing.is_empty() {
        return Ok(());
    }
    let query = statement.write::<Q, K>(missing.clone())?;
    match batch.load(begun, query).await {
        Ok(run) => {
            let mut rows = statement.by_key(run.rows, &missing)?;
            let run = run.facts;
            for (n, key) in missing.into_iter().enumerate() {
                if n > 0 && n % PIECE == 0 {
                    // What was given to Redis is written meanwhile, and others run.
                    yield_now().await;
                }
                let row = rows.remove(&key);
                let (row, value) =
                    row.map_or((None, None), |(row, value)| (Some(row), Some(value)));
                batch.keep(begun, &run, &key, row, value.clone());
                found.extend(value.map(|value| (key, value)));
            }
            Ok(())
        }
        Err(error) => batch.take_kept_for_errors(missing, found).ok_or(error),
    }
}

/// The query of many rows, and what is made of them.
struct Statement<'a, F, G, T> {
    inner: &'a Arc<Inner>,
    query: F,
    key_of: G,
    /// The text of the query for no keys.
    text: String,
    /// Its values.
    probed: ProbedValues,
    build: fn(&Row) -> diesel::deserialize::Result<T>,
}

impl<F, G, T> Statement<'_, F, G, T> {
    /// The query for no keys: its plan, and the values that do not depend on keys.
    fn probe<Q, K>(&mut self) -> Result<(PlanKey, BoundValues, OwnedQuery), Error>
    where
        F: FnMut(Vec<K>) -> Q,
        Q: AsQuery,
        Q::Query: QueryFragment<Pg> + QueryId,
    {
        let query = (self.query)(Vec::new()).as_query();
        self.text = query_text(&query)?;
        let pool = &self.inner.pool;
        let values = BoundValues::of(&query, pool)?;
        let key = PlanKey::of_text(&self.text);
        let probe = OwnedQuery::of(&query, pool)?;
        let profile = probe.profile();
        if profile.is_plain_read() && !profile.is_simple_selection {
            return Err(self.refused(
                "a LIMIT, OFFSET, DISTINCT, GROUP BY, aggregate, window or set operation in it makes whether a row is found depend on others: leave it out, or put it into a subquery without the keys",
            ));
        }
        self.probed = ProbedValues::of(&values);
        Ok((key, values, probe))
    }

    fn write<Q, K>(&mut self, keys: Vec<K>) -> Result<OwnedQuery, Error>
    where
        F: FnMut(Vec<K>) -> Q,
        Q: AsQuery,
        Q::Query: QueryFragment<Pg> + QueryId,
    {
        let pool = &self.inner.pool;
        let query = (self.query)(keys).as_query();
        let values = BoundValues::of(&query, pool)?;
        let query = OwnedQuery::of(&query, pool)?;
        if query.sql() != self.text {
            return Err(Error::ManyRows {
                statement: query.sql().to_owned(),
                reason: Cow::Borrowed(
                    "its text is not the same for any number of keys: filter by `eq_any(keys)`, or in raw SQL by `= ANY(..)`",
                ),
            });
        }
        match self.probed.refuse(&self.text, &values) {
            Some(reason) => Err(self.refused(reason)),
            None => Ok(query),
        }
    }

    fn refused(&self, reason: &'static str) -> Error {
        Error::ManyRows {
            statement: self.text.clone(),
            reason: Cow::Borrowed(reason),
        }
    }

    /// The rows by their keys.
    fn by_key<K>(&mut self, rows: Vec<Row>, asked: &[K]) -> Result<HashMap<K, (Row, Arc<T>)>, Error>
    where
        G: FnMut(&T) -> K,
        K: Hash + Eq,
    {
        let asked: HashSet<&K> = asked.iter().collect();
        let mut found = HashMap::with_capacity(rows.len());
        for row in rows {
            let value = self.value(&row)?;
            let key = (self.key_of)(&value);
            if asked.contains(&key) && found.insert(key, (row, Arc::new(value))).is_some() {
                return Err(Error::ManyRows {
                    statement: self.text.clone(),
                    reason: format!(
                        "several rows have the same key ({}): each key may have one row at most",
                        type_name::<K>()
                    )
                    .into(),
                });
            }
        }
        Ok(found)
    }

    /// What another process has kept under a key: one row or none. `None` if it is neither.
    fn one<K>(&mut self, key: &K, rows: Vec<Row>) -> Option<Option<Arc<T>>>
    where
        G: FnMut(&T) -> K,
        K: Eq,
    {
        let [row] = &*rows else {
            return rows.is_empty().then_some(None);
        };
        let value = self.value(row).ok()?;
        ((self.key_of)(&value) == *key).then(|| Some(Arc::new(value)))
    }

    fn value(&self, row: &Row) -> Result<T, Error> {
        let value = (self.build)(row).map_err(diesel::result::Error::DeserializationError);
        value.map_err(|error| Error::of_statement(error, None))
    }
}

/// Pieces of so many keys as are loaded at once.
fn pieces<K>(mut keys: Vec<K>) -> impl Iterator<Item = Vec<K>> {
    std::iter::from_fn(move || {
        if keys.is_empty() {
            return None;
        }
        let rest = keys.split_off(keys.len().min(MOST));
        Some(std::mem::replace(&mut keys, rest))
    })
}
