//! The way of a read through the cache to the database.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use diesel::pg::Pg;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::Error as DieselError;
use futures::TryStreamExt;
use larder_cache::{LoadError, Loaded, Mode, Request, Served, Source};
use larder_metrics::OperationScope;
use larder_pool::{BoundValues, OwnedQuery, Recording, Row, query_text, static_query_id};
use tokio::sync::MutexGuard;

use super::load::{BESIDE, ROWS, StatementLoad};
use super::options::ReadOptions;
use super::plan::{Plan, PlanKey};
use crate::coherence::CatalogState;
use crate::database::Inner;
use crate::fleet::SharedRead;
use crate::{Connection, Database, Error};

/// What the rows of a statement become.
pub(super) type Decode<V> = fn(Vec<Row>) -> Result<V, DieselError>;

/// A query whose result is not at hand.
pub(super) struct Miss {
    pub(super) key: PlanKey,
    pub(super) values: BoundValues,
    pub(super) query: OwnedQuery,
}

/// What is found without waiting.
pub(super) enum Found<V> {
    Hit(V),
    Miss(Box<Miss>),
}

impl Database {
    /// Looks for a result. This is the short way: nothing is written, nothing waits.
    pub(super) fn look<Q, V>(&self, query: &Q, options: &ReadOptions) -> Result<Found<V>, Error>
    where
        Q: QueryFragment<Pg> + QueryId,
        V: Clone + Send + Sync + 'static,
    {
        let inner = &**self.inner();
        if inner.pool.is_in_transaction() {
            return Err(Error::CachedReadInTransaction);
        }
        let key = match static_query_id(query)? {
            Some(id) => PlanKey::Type(id),
            None => PlanKey::of_text(&query_text(query)?),
        };
        let values = BoundValues::of(query, &inner.pool)?;
        if options.mode == Mode::Normal
            && let Some(plan) = inner.plans.get(&key)
            && inner.picture.is_current(plan.generation)
            && plan.reads(options.allow_volatile).is_ok()
            && let entry = plan.key::<V>(&values, options, inner.default_ttl)
            && let Some(value) = inner.cache.get::<V>(entry)
        {
            OperationScope::record_hit();
            if let Some(tier) = &inner.second_tier
                && tier.hot_keys.draws()
            {
                inner.note_hit::<V>(&plan, &values, options);
            }
            if inner.shadow.draws() {
                self.inner().verify(entry, plan, query, options);
            }
            return Ok(Found::Hit(value));
        }
        let query = OwnedQuery::of(query, &inner.pool)?;
        Ok(Found::Miss(Box::new(Miss { key, values, query })))
    }

    /// Gets a result that was not found: from the database, or from another's load.
    pub(super) async fn fetch<V>(
        &self,
        miss: Miss,
        options: ReadOptions,
        decode: Decode<V>,
    ) -> Result<V, Error>
    where
        V: Clone + Send + Sync + 'static,
    {
        let inner = self.inner();
        let Miss { key, values, query } = miss;
        let freshness = options.freshness(inner.default_ttl);
        if options.mode == Mode::Bypass || !inner.cache.is_enabled() || freshness.ttl.is_zero() {
            return inner.read_uncached(query, decode).await;
        }
        let last = inner.plans.get(&key);
        let plan = match inner.plan(key, &query).await {
            Ok(Some(plan)) => plan,
            Ok(None) => return inner.read_uncached(query, decode).await,
            // Without the catalog nothing can be loaded; what is kept for errors can be served.
            Err(error) => {
                let key = last.map(|plan| plan.key::<V>(&values, &options, inner.default_ttl));
                let kept = key.and_then(|key| inner.cache.kept_for_errors(key));
                return kept.ok_or(error);
            }
        };
        let reads = match plan.reads(options.allow_volatile) {
            Ok(reads) => reads.clone(),
            Err(reason) => {
                tracing::debug!(statement = &*plan.profile.normalised, %reason, "not cached");
                return inner.read_uncached(query, decode).await;
            }
        };
        let key = plan.key::<V>(&values, &options, inner.default_ttl);
        let dependencies = options.all_dependencies(&reads.tables);
        let slots = if options.depends_on_tables_alone() {
            reads.slots.clone()
        } else {
            inner.cache.versions().slots(&dependencies)
        };
        let shared = inner.second_tier_for::<V>(&plan, &options).map(|_| {
            let named = Arc::clone(&plan);
            SharedRead {
                key: plan.shared_key(&values, &options, inner.default_ttl),
                fingerprint: ROWS,
                dependencies: dependencies.clone(),
                freshness,
                name: options.readable_name(|| names_of(&named), key),
            }
        });
        let named = Arc::clone(&plan);
        let request = Request {
            key,
            freshness,
            dependencies: slots,
            mode: options.mode,
            name: options.name(move || names_of(&named), key),
        };
        let load = StatementLoad {
            database: Arc::clone(inner),
            plan,
            query,
            decode,
            shared,
            dependencies,
            refresh: options.mode == Mode::Refresh,
        };
        let load = async move || load.run().await;
        inner.load(request, load).await
    }
}

impl Inner {
    /// Loads through the cache, for the operation that the caller works for.
    pub(super) async fn load<V, F, Fut>(&self, request: Request, load: F) -> Result<V, Error>
    where
        V: Clone + Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<V>, Error>> + Send + 'static,
    {
        let scope = OperationScope::current();
        let loads = Arc::clone(&self.loads);
        // On the heap, since the cache moves it into a task of its own.
        let scoped = move || {
            Box::pin(async move {
                let began = Instant::now();
                let loaded = match scope {
                    Some(scope) => OperationScope::with(scope, load()).await,
                    None => load().await,
                };
                // What the second tier had is no load from the database.
                if loaded.as_ref().map_or(true, |loaded| loaded.kept.is_none()) {
                    loads.loaded(began.elapsed());
                }
                loaded
            })
        };
        let served = self.cache.get_or_load(request, scoped).await;
        match served {
            Ok(Served { value, source }) => {
                if matches!(source, Source::Hit | Source::Stale) {
                    OperationScope::record_hit();
                } else {
                    OperationScope::record_miss();
                }
                Ok(value)
            }
            Err(error) => {
                OperationScope::record_miss();
                Err(match error {
                    LoadError::Failed(error) => match Arc::try_unwrap(error) {
                        Ok(error) => error,
                        Err(error) => Error::Shared(error),
                    },
                    error => Error::Load(error.to_string()),
                })
            }
        }
    }

    /// The plan of a query, by a picture of the catalog that holds; `None` while there is none.
    pub(super) async fn plan(
        &self,
        key: PlanKey,
        query: &OwnedQuery,
    ) -> Result<Option<Arc<Plan>>, Error> {
        let mut looked_again = false;
        loop {
            let Some(state) = self.picture_that_holds().await? else {
                return Ok(None);
            };
            let plan = match self.plans.get(&key) {
                Some(plan) if plan.generation == state.generation => plan,
                _ => {
                    let plan = Arc::new(Plan::new(
                        query.sql(),
                        Arc::clone(query.profile()),
                        &state,
                        self.key_seed(&state),
                        self,
                    ));
                    self.plans.insert(key.clone(), Arc::clone(&plan));
                    plan
                }
            };
            // The table may have been made by somebody else since the picture was taken.
            if plan.misses_a_table() && !looked_again && self.picture.may_look_for_a_table() {
                looked_again = true;
                self.look_at_catalog().await?;
                continue;
            }
            return Ok(Some(plan));
        }
    }

    /// The picture of the catalog, taken anew where it no longer holds; `None` where
    /// definitions change faster than it can be taken.
    pub(crate) async fn picture_that_holds(&self) -> Result<Option<Arc<CatalogState>>, Error> {
        const TRIES: usize = 3;
        for _ in 0..TRIES {
            let state = self.picture.current();
            if state.is_some() {
                return Ok(state);
            }
            // Who waits here holds no connection, and finds it done by whoever was first.
            // A catalog that takes long must not hold up a read that needs no cache.
            const PATIENCE: Duration = Duration::from_millis(500);
            let Ok(turn) = tokio::time::timeout(PATIENCE, self.picture.turn()).await else {
                return Ok(None);
            };
            if self.picture.current().is_none() {
                self.look_with(&turn).await?;
            }
        }
        Ok(self.picture.current())
    }

    /// Looks at the catalog again; says whether it has changed.
    pub(crate) async fn look_at_catalog(&self) -> Result<bool, Error> {
        let turn = self.picture.turn().await;
        self.look_with(&turn).await
    }

    async fn look_with(&self, _turn: &MutexGuard<'_, ()>) -> Result<bool, Error> {
        loop {
            let mut session = self.pool.session().await?;
            if self.picture.outdates(&session) {
                session.discard();
                continue;
            }
            let changed = self.picture.refresh(&mut session).await?;
            if changed {
                self.cache
                    .invalidate_everything(larder_cache::Cause::Schema);
            }
            return Ok(changed);
        }
    }

    /// Whether what is read on this connection may be kept: it leads to the primary, in the history
    /// that the log is followed in.
    pub(super) fn is_right_server(&self, connection: &Connection) -> bool {
        let begun = self.fleet.as_ref().and_then(|fleet| fleet.begun());
        let is_of_history = begun.is_none_or(|begun| connection.opened_at() >= begun);
        !connection.is_standby() && is_of_history
    }

    /// Whether a session reads values and names as the one did by which the plan was made.
    pub(super) fn same_settings(&self, connection: &Connection, generation: u64) -> bool {
        let Some(state) = self.picture.current() else {
            return false;
        };
        if !self.is_right_server(connection) {
            return false;
        }
        if state.settings != *connection.session_settings() {
            // The defaults of the database or of the role have changed. The younger of the two
            // connections knows.
            if !self.picture.outdates(connection) {
                self.picture.changed();
            }
            return false;
        }
        state.generation == generation
    }

    pub(super) async fn read_uncached<V>(
        &self,
        query: OwnedQuery,
        decode: Decode<V>,
    ) -> Result<V, Error> {
        OperationScope::record_miss();
        self.cache.count_bypassed();
        let mut session = self.pool.session().await?;
        let rows = rows(&mut session, query).await?;
        decode(rows).map_err(|error| Error::of_statement(error, None))
    }
}

/// Runs a query on a connection and gives all its rows.
pub(super) async fn rows(
    connection: &mut Connection,
    query: OwnedQuery,
) -> Result<Vec<Row>, Error> {
    let result = async {
        let rows = connection.load_owned(query).await?;
        rows.try_collect::<Vec<_>>().await
    }
    .await;
    result.map_err(|error| Error::of_statement(error, connection.last_server_error()))
}

/// What a result takes in memory: what its rows had on the wire, and 24 bytes for each value,
/// which is what a text has beside its letters. A fixed part is added by the cache.
pub(super) fn estimate(recording: &Recording) -> u64 {
    recording.bytes + recording.values.saturating_mul(BESIDE)
}

/// The tables of a statement, for the readable name of its entry.
pub(super) fn names_of(plan: &Plan) -> String {
    let names: Vec<&str> = plan.profile.reads.iter().map(|name| name.name()).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join("+")
    }
}
