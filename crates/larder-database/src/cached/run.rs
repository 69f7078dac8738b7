//! The way of a read through the cache to the database.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use diesel::pg::Pg;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::Error as DieselError;
use futures::TryStreamExt;
use larder_cache::{Key, LoadError, Loaded, Mode, Request, Served, Source};
use larder_metrics::OperationScope;
use larder_pool::{BoundValues, LaneFailure, Origin, OwnedQuery, Row, query_text, static_query_id};
use larder_sql::StatementProfile;
use tokio::sync::MutexGuard;

use super::classes::Observed;
use super::load::{BESIDE, ROWS, StatementLoad};
use super::options::ReadOptions;
use super::plan::{Plan, PlanKey};
use crate::coherence::CatalogState;
use crate::database::Inner;
use crate::fleet::SharedRead;
use crate::request_scope::RequestScope;
use crate::scope::{Context, Given, Part, ReadOrigin, TracedRead};
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
        options.tell_scope();
        let key = match static_query_id(query)? {
            Some(id) => PlanKey::Type(id),
            None => PlanKey::of_text(&query_text(query)?),
        };
        let values = BoundValues::of(query, &inner.pool)?;
        if options.mode == Mode::Normal
            && let Some(plan) = inner.plans.get(&key, options.scope())
            && inner.picture.is_current(plan.generation)
            && plan.reads(options.allow_volatile).is_ok()
            && let entry = plan.key::<V>(&values, options, inner.default_ttl)
            && let Some(value) =
                inner.kept::<V>(entry, || options.class(|| names_of(&plan)), &options.tags)
        {
            OperationScope::record_hit();
            plan.class.hit();
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
        let part = Part::begin();
        part.depends_on(options.dependencies());
        let inner = self.inner();
        let Miss { key, values, query } = miss;
        let freshness = options.freshness(inner.default_ttl);
        if options.mode == Mode::Bypass || !inner.cache.is_enabled() || freshness.ttl.is_zero() {
            let past = inner.read_uncached(query, decode, &options, || None);
            return part.settle(past.await);
        }
        let last = inner.plans.get(&key, options.scope());
        let plan = match inner.plan(key, &query, options.scope()).await {
            Ok(Some(plan)) => plan,
            Ok(None) => {
                let reason = || Some("definitions are being changed".to_owned());
                let past = inner.read_uncached(query, decode, &options, reason);
                return part.settle(past.await);
            }
            // Without the catalog nothing can be loaded; what is kept for errors can be served.
            Err(error) => {
                let key = last.map(|plan| plan.key::<V>(&values, &options, inner.default_ttl));
                let kept = key.and_then(|key| inner.kept_for_errors(key));
                return part.settle(kept.ok_or(error));
            }
        };
        let reads = match plan.reads(options.allow_volatile) {
            Ok(reads) => reads.clone(),
            Err(reason) => {
                tracing::debug!(statement = &*plan.profile.normalised, %reason, "not cached");
                let reason = || Some(reason.to_string());
                let past = inner.read_uncached(query, decode, &options, reason);
                return part.settle(past.await);
            }
        };
        let key = plan.key::<V>(&values, &options, inner.default_ttl);
        let read = reads.dependencies(&values);
        let if_empty = read.if_empty.filter(|_| !options.ttl_only);
        let whole_tables = !read.is_row && options.depends_on_tables_alone();
        let dependencies = options.all_dependencies(read.dependencies);
        let slots = if whole_tables {
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
        let class = options.class(|| names_of(&plan));
        let named = Arc::clone(&plan);
        let request = Request {
            key,
            freshness,
            dependencies: slots,
            mode: options.mode,
            name: options.name(move || names_of(&named), key),
        };
        let by_time = options.ttl_only || plan.is_volatile();
        let observed = inner.classes.observe(&plan.class, &request, by_time);
        let load = StatementLoad {
            observed: Arc::clone(&observed),
            database: Arc::clone(inner),
            plan,
            query,
            decode,
            scope: options.scope.clone(),
            shared,
            dependencies,
            if_empty,
            by_time: options.ttl_only || !reads.volatile.is_empty(),
            refresh: options.mode == Mode::Refresh,
        };
        let load = async move || load.run().await;
        let loading = inner.load(observed, request, load, class, &options.tags);
        part.settle(loading.await)
    }
}

impl Inner {
    /// What is kept under a key, if it may be served at once. Whoever records what the task reads
    /// hears of it, with the tags of the read.
    #[inline]
    pub(super) fn kept<V>(
        &self,
        key: Key,
        class: impl FnOnce() -> String,
        tags: &[String],
    ) -> Option<V>
    where
        V: Clone + Send + Sync + 'static,
    {
        if !Context::is_heard() {
            return self.cache.get::<V>(key);
        }
        let served = self.cache.get_with_basis::<V>(key)?;
        self.was_read(&served, key, class, tags, || None);
        Some(served.value)
    }

    /// What may be served because the database has failed.
    pub(super) fn kept_for_errors<V>(&self, key: Key) -> Option<V>
    where
        V: Clone + Send + Sync + 'static,
    {
        let value = self.cache.kept_for_errors(key)?;
        Context::look(|context| {
            if let Some(call) = &context.call {
                call.refuse("a part of it was past its time");
            }
        });
        Some(value)
    }

    /// Tells whoever traces the current task that a read goes past the cache, and why if that is
    /// known.
    pub(super) fn went_past(
        &self,
        name: impl FnOnce() -> String,
        reason: impl FnOnce() -> Option<String>,
    ) {
        Context::look(|context| {
            if let Some(trace) = &context.trace {
                trace.read(TracedRead {
                    name: name(),
                    origin: ReadOrigin::Bypassed,
                    not_kept: reason().or_else(|| self.reason_of_all().map(str::to_owned)),
                    kept: None,
                    tags: Vec::new(),
                });
            }
        });
    }

    /// Tells whoever traces the current task that a writer's value was kept, or was not.
    pub(super) fn was_put(&self, read: TracedRead) {
        Context::look(|context| {
            if let Some(trace) = &context.trace {
                trace.read(read);
            }
        });
    }

    /// Why all reads of the current task go past the cache, if they do.
    fn reason_of_all(&self) -> Option<&'static str> {
        if !self.cache.is_enabled() {
            Some("the cache is switched off (cache.enabled)")
        } else if self.pool.is_in_transaction() {
            Some("it is called inside a transaction")
        } else {
            None
        }
    }

    /// Tells whoever records what the current task reads: of a read that has these tags, and that
    /// was not kept for a reason that may be known.
    pub(super) fn was_read<V>(
        &self,
        served: &Served<V>,
        key: Key,
        name: impl FnOnce() -> String,
        tags: &[String],
        not_kept: impl FnOnce() -> Option<String>,
    ) {
        Context::look(|context| {
            if let Some(trace) = &context.trace {
                trace.read(TracedRead {
                    name: name(),
                    origin: ReadOrigin::of(served.source),
                    not_kept: not_kept(),
                    kept: Some((key, served.basis.dependencies.dependencies().collect())),
                    tags: tags.to_vec(),
                });
            }
            let Some(call) = &context.call else {
                return;
            };
            if matches!(served.source, Source::Stale | Source::StaleOnError) {
                call.refuse("a part of it was past its time");
            }
            let basis = &served.basis;
            let dependencies: Vec<_> = basis.dependencies.dependencies().collect();
            let given = Given {
                dependencies: &dependencies,
                snapshot: basis.snapshot.as_deref(),
                by_time: basis.by_time,
                is_storable: basis.is_storable,
                is_kept: matches!(served.source, Source::Hit),
                fresh_for: basis.fresh_for,
            };
            call.was_given(&self.picture, &given);
        });
    }

    /// Loads through the cache, for the operation that the caller works for.
    pub(super) async fn load<V, F, Fut>(
        &self,
        observed: Arc<Observed>,
        request: Request,
        load: F,
        class: String,
        tags: &[String],
    ) -> Result<V, Error>
    where
        V: Clone + Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<V>, Error>> + Send + 'static,
    {
        let operation = OperationScope::carried();
        // What it reads is passed on by its result, and a trace goes along.
        let context = Context::current().without_call();
        let key = request.key;
        let loads = Arc::clone(&self.loads);
        let (cache, seen) = (self.cache.clone(), Arc::clone(&observed));
        // On the heap, since the cache moves it into a task of its own.
        let scoped = move || {
            Box::pin(async move {
                let beginning = seen.begin(&cache);
                let began = Instant::now();
                let loading = context.enter(load());
                let loaded = operation.enter(loading).await;
                // What the second tier had is no load from the database.
                if loaded.as_ref().map_or(true, |loaded| loaded.kept.is_none()) {
                    loads.loaded(began.elapsed());
                }
                if let Ok(loaded) = &loaded {
                    seen.loaded(beginning, loaded, began.elapsed(), &cache);
                }
                loaded
            })
        };
        let served = self.cache.get_or_load(request, scoped).await;
        match served {
            Ok(served) => {
                observed.served(served.source);
                if matches!(served.source, Source::Hit | Source::Stale) {
                    OperationScope::record_hit();
                } else {
                    OperationScope::record_miss();
                }
                self.was_read(&served, key, || class, tags, || None);
                Ok(served.value)
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
        scope: Option<&RequestScope>,
    ) -> Result<Option<Arc<Plan>>, Error> {
        let mut looked_again = false;
        loop {
            let Some(state) = self.picture_that_holds().await? else {
                return Ok(None);
            };
            if let Some(scope) = scope {
                self.learn_role(scope).await;
            }
            let plan = match self.plans.get(&key, scope) {
                Some(plan) if plan.generation == state.generation => plan,
                _ => {
                    let plan = Arc::new(Plan::new(
                        query.sql(),
                        Arc::clone(query.profile()),
                        &state,
                        self.key_seed(&state),
                        self,
                        scope,
                    ));
                    let role = scope.and_then(RequestScope::role);
                    // What could not be found out now may be later.
                    if role.is_none_or(|role| state.roles.see_the_same(role).is_some()) {
                        self.plans.insert(key.clone(), scope, Arc::clone(&plan));
                    }
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
            if self.picture.outdates(session.origin()) {
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
    pub(super) fn is_right_server(&self, origin: Origin<'_>) -> bool {
        let begun = self.fleet.as_ref().and_then(|fleet| fleet.begun());
        let is_of_history = begun.is_none_or(|begun| origin.opened_at >= begun);
        !origin.is_standby && is_of_history
    }

    /// Whether a session reads values and names as the one did by which the plan was made.
    pub(super) fn same_settings(&self, origin: Origin<'_>, generation: u64) -> bool {
        let Some(state) = self.picture.current() else {
            return false;
        };
        if !self.is_right_server(origin) {
            return false;
        }
        if state.settings != *origin.settings {
            // The defaults of the database or of the role have changed. The younger of the two
            // connections knows.
            if !self.picture.outdates(origin) {
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
        options: &ReadOptions,
        reason: impl FnOnce() -> Option<String>,
    ) -> Result<V, Error> {
        OperationScope::record_miss();
        self.cache.count_bypassed();
        self.went_past(|| options.class(|| names_in(query.profile())), reason);
        let rows = self.read_rows(query, options.scope()).await?;
        decode(rows).map_err(|error| Error::of_statement(error, None))
    }
}

impl Inner {
    /// Runs a query by the shortest way and gives all its rows.
    async fn read_rows(
        &self,
        query: OwnedQuery,
        scope: Option<&RequestScope>,
    ) -> Result<Vec<Row>, Error> {
        // What a scope sets holds in a transaction of its own, which lanes do not have.
        let query = match scope {
            None => match self.read_on_lane(query).await? {
                Ok(rows) => return Ok(rows),
                Err(query) => query,
            },
            Some(_) => query,
        };
        rows(&mut *self.session_in(scope).await?, query).await
    }

    /// The rows of a query that a lane has answered; the query, where it has to run elsewhere.
    pub(crate) async fn read_on_lane(
        &self,
        query: OwnedQuery,
    ) -> Result<Result<Vec<Row>, OwnedQuery>, Error> {
        let Some(lane) = self.pool.lane(&query) else {
            return Ok(Err(query));
        };
        match lane.load(query, false).await {
            Ok(answer) => Ok(Ok(answer.rows)),
            Err(LaneFailure::Bypassed(query)) => Ok(Err(query)),
            Err(LaneFailure::Failed(error)) => Err(error.into()),
        }
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
pub(super) fn estimate(bytes: u64, values: u64) -> u64 {
    bytes + values.saturating_mul(BESIDE)
}

/// The tables of a statement, for the readable name of its entry.
pub(super) fn names_of(plan: &Plan) -> String {
    names_in(&plan.profile)
}

fn names_in(profile: &StatementProfile) -> String {
    let names: Vec<&str> = profile.reads.iter().map(|name| name.name()).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join("+")
    }
}
