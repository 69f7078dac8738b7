//! The two tiers as they are used for many rows at once.

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_cache::{
    Begun, Dependency, Freshness, Key, KeyBuilder, Loaded, Mode, Request, Slots, Source, Version,
};
use larder_pool::{BoundValues, OwnedQuery, PortableRows, Row};

use super::classes::Observed;
use super::load::{BESIDE, ROWS, Run, RunFacts, keep};
use super::options::ReadOptions;
use super::plan::Plan;
use super::portable::portable_bytes;
use super::run::names_of;
use crate::Error;
use crate::coherence::read_dependencies;
use crate::database::Inner;
use crate::fleet::{FoundValue, SecondTier, SharedRead};
use crate::scope::{Context, Given};

/// What is kept under a key: an absent row is a result too.
type Kept<T> = Option<Arc<T>>;

/// Rows of one statement that are read together and kept one by one.
pub(super) struct Batch<'a> {
    inner: &'a Arc<Inner>,
    plan: Arc<Plan>,
    options: &'a ReadOptions,
    freshness: Freshness,
    dependencies: Vec<Dependency>,
    slots: Slots,
    tier: Option<&'a SecondTier>,
    /// In part its time alone keeps a row right.
    by_time: bool,
    /// The beginning of all keys: the statement, its values beside the keys, the options.
    seed: Key,
}

impl<'a> Batch<'a> {
    /// `None` if the statement may not be cached.
    pub(super) fn new<T: 'static>(
        inner: &'a Arc<Inner>,
        plan: Arc<Plan>,
        values: &BoundValues,
        options: &'a ReadOptions,
    ) -> Option<Self> {
        let dependencies = match plan.reads(options.allow_volatile) {
            Ok(reads) => options.all_dependencies(read_dependencies(&reads.tables)),
            Err(reason) => {
                tracing::debug!(statement = &*plan.profile.normalised, %reason, "not cached");
                return None;
            }
        };
        Some(Self {
            freshness: options.freshness(inner.default_ttl),
            slots: inner.cache.versions().slots(&dependencies),
            dependencies,
            tier: inner.second_tier_for::<Kept<T>>(&plan, options),
            seed: plan.shared_key(values, options, inner.default_ttl),
            by_time: options.ttl_only || options.allow_volatile,
            inner,
            plan,
            options,
        })
    }

    /// Takes what this process keeps, and gives the keys of what it does not.
    pub(super) fn take_kept<K, T>(&self, keys: Vec<K>, found: &mut HashMap<K, Arc<T>>) -> Vec<K>
    where
        K: Hash + Eq,
        T: Send + Sync + 'static,
    {
        if self.options.mode != Mode::Normal {
            return keys;
        }
        let mut missing = Vec::new();
        for key in keys {
            match self.kept(self.key::<K, T>(&key)) {
                Some(value) => {
                    self.plan.class.hit();
                    if let Some(tier) = self.tier
                        && tier.hot_keys.draws()
                    {
                        tier.hot_keys.hit(self.begin_key(&key).finish());
                    }
                    found.extend(value.map(|value| (key, value)));
                }
                None => missing.push(key),
            }
        }
        missing
    }

    /// What this process keeps under a key. Whoever records what the task reads hears of it.
    fn kept<T: Send + Sync + 'static>(&self, key: Key) -> Option<Kept<T>> {
        let cache = &self.inner.cache;
        if !Context::is_heard() {
            return cache.get_fresh(key);
        }
        let served = cache.get_with_basis(key)?;
        if served.source != Source::Hit {
            return None;
        }
        let class = || self.options.class(|| names_of(&self.plan));
        let tags = &self.options.tags;
        self.inner.was_read(&served, key, class, tags, || None);
        Some(served.value)
    }

    /// Tells the call that the current task works for what Redis had.
    fn was_fetched<T>(&self, loaded: &Loaded<Kept<T>>) {
        Context::look(|context| {
            if let Some(call) = &context.call {
                let fresh_for = loaded
                    .kept
                    .map_or(self.freshness.ttl, |kept| kept.fresh_for);
                let given = Given {
                    dependencies: &loaded.dependencies,
                    snapshot: loaded.snapshot.as_deref(),
                    by_time: self.by_time,
                    is_storable: true,
                    is_kept: false,
                    fresh_for,
                };
                call.was_given(&self.inner.picture, &given);
            }
        });
    }

    /// Takes what may be served because the database has failed; `None` unless that is all.
    pub(super) fn take_kept_for_errors<K, T>(
        &self,
        keys: Vec<K>,
        found: &mut HashMap<K, Arc<T>>,
    ) -> Option<()>
    where
        K: Hash + Eq,
        T: Send + Sync + 'static,
    {
        for key in keys {
            let key_of_row = self.key::<K, T>(&key);
            let value = self.inner.kept_for_errors::<Kept<T>>(key_of_row)?;
            found.extend(value.map(|value| (key, value)));
        }
        Some(())
    }

    /// To be called before anything is fetched or loaded.
    pub(super) fn begin(&self, missing: usize) -> Beginning {
        let as_of = self.inner.cache.versions().now();
        let begun = self.inner.cache.begin(missing);
        // Whether the plan still holds is asked after that: whoever changes definitions from here
        // on makes what is loaded outdated.
        let holds = self.inner.picture.is_current(self.plan.generation);
        Beginning {
            begun,
            holds,
            as_of,
        }
    }

    /// Takes what other processes have kept, and gives the keys of the rest.
    pub(super) async fn fetch<K, T>(
        &self,
        beginning: Beginning,
        keys: Vec<K>,
        found: &mut HashMap<K, Arc<T>>,
        mut decode: impl FnMut(&K, Vec<Row>) -> Option<Kept<T>> + Send,
    ) -> Vec<K>
    where
        K: Hash + Eq + Send + Sync,
        T: Send + Sync + 'static,
    {
        let (Some(tier), true, Mode::Normal) = (self.tier, beginning.holds, self.options.mode)
        else {
            return keys;
        };
        let heat = &self.inner.watcher.heat;
        if heat.is_hot(self.dependencies.iter().copied()) {
            return keys;
        }
        let reads: Vec<SharedRead> = keys.iter().map(|key| self.shared(key)).collect();
        let began = Instant::now();
        let fetched = tier.fetch_many(&reads).await;
        let each = began.elapsed().div_f64(fetched.len().max(1) as f64);
        let mut missing = Vec::new();
        for ((key, read), fetched) in keys.into_iter().zip(reads).zip(fetched) {
            let Some(fetched) = fetched else {
                missing.push(key);
                continue;
            };
            match loaded(&fetched, |rows| decode(&key, rows)) {
                Some(mut loaded) => {
                    loaded.by_time = self.by_time;
                    self.was_fetched(&loaded);
                    let request = self.request(self.key::<K, T>(&key));
                    self.observe(&request, beginning, &loaded, each, |_| {});
                    self.inner.cache.put(request, beginning.begun, &loaded);
                    found.extend(loaded.value.map(|value| (key, value)));
                }
                None => {
                    tier.does_not_fit(read.key, fetched);
                    missing.push(key);
                }
            }
        }
        missing
    }

    /// Loads rows from the database.
    pub(super) async fn load(&self, beginning: Beginning, query: OwnedQuery) -> Result<Run, Error> {
        let dependencies = self.dependencies.iter().copied();
        let generation = self.plan.generation;
        let as_of = self.tier.is_some();
        let inner = self.inner;
        let began = Instant::now();
        let run = inner
            .run_plan(
                query,
                self.options.scope(),
                generation,
                dependencies,
                beginning.holds,
                as_of,
            )
            .await;
        inner.loads.loaded(began.elapsed());
        // The statement itself was noted when it was sent.
        Context::look(|context| {
            if let Some(call) = &context.call {
                call.depends_on(self.options.dependencies());
            }
        });
        run
    }

    /// Keeps a row that was loaded, or that there is none.
    pub(super) fn keep<K: Hash, T: Send + Sync + 'static>(
        &self,
        beginning: Beginning,
        run: &RunFacts,
        key: &K,
        row: Option<Row>,
        value: Kept<T>,
    ) {
        // What they take together is known: each counts as one like the others.
        let each = run.rows.max(1);
        let bytes = row.as_ref().map_or(0, |_| run.bytes / each);
        let mut loaded = Loaded::new(value, Vec::new(), bytes);
        loaded.storable = run.storable;
        loaded.snapshot = run.snapshot.clone().map(Arc::new);
        loaded.by_time = self.by_time;
        let request = self.request(self.key::<K, T>(key));
        let took = run.took.div_f64(each as f64);
        self.observe(&request, beginning, &loaded, took, |observed| {
            observed.rows(row.as_slice(), bytes);
        });
        if !run.storable {
            return;
        }
        if let (Some(tier), Some(snapshot)) = (self.tier, &run.snapshot)
            && tier.has_room()
        {
            let rows = PortableRows::of(row.as_slice());
            keep(tier, self.shared(key), snapshot.clone(), run.took, &rows);
        }
        self.inner.cache.put(request, beginning.begun, &loaded);
    }

    /// Tells what became of a row.
    fn observe<T: 'static>(
        &self,
        request: &Request,
        beginning: Beginning,
        loaded: &Loaded<Kept<T>>,
        took: Duration,
        look: impl FnOnce(&Observed),
    ) {
        let cache = &self.inner.cache;
        let by_time = self.options.ttl_only || self.plan.is_volatile();
        let class = &self.plan.class;
        let observed = self.inner.classes.observe(class, request, by_time);
        look(&observed);
        observed.loaded(observed.begun(beginning.as_of, cache), loaded, took, cache);
    }

    fn request(&self, key: Key) -> Request {
        let named = Arc::clone(&self.plan);
        Request {
            key,
            freshness: self.freshness,
            dependencies: self.slots.clone(),
            mode: Mode::Normal,
            name: self.options.name(move || names_of(&named), key),
        }
    }

    /// The key of a row in this process.
    fn key<K: Hash, T: 'static>(&self, key: &K) -> Key {
        let mut builder = self.begin_key(key);
        builder.type_id(TypeId::of::<Kept<T>>()).finish()
    }

    /// How a row is looked for and kept in the second tier.
    fn shared<K: Hash>(&self, key: &K) -> SharedRead {
        let key = self.begin_key(key).finish();
        SharedRead {
            key,
            fingerprint: ROWS,
            dependencies: self.dependencies.clone(),
            freshness: self.freshness,
            name: self.options.readable_name(|| names_of(&self.plan), key),
        }
    }

    fn begin_key<K: Hash>(&self, key: &K) -> KeyBuilder {
        let mut builder = KeyBuilder::with_seed(self.seed);
        builder
            .text("one of many")
            .text(type_name::<K>())
            .bytes(&portable_bytes(key));
        builder
    }
}

/// The beginning of a fetch and a load.
#[derive(Clone, Copy)]
pub(super) struct Beginning {
    begun: Begun,
    /// Whether the plan held then.
    holds: bool,
    as_of: Version,
}

/// What another process has kept, if it fits.
fn loaded<T>(
    found: &FoundValue,
    decode: impl FnOnce(Vec<Row>) -> Option<Kept<T>>,
) -> Option<Loaded<Kept<T>>> {
    let rows = postcard::from_bytes::<PortableRows>(&found.payload).ok()?;
    let values = rows.columns() as u64;
    let value = decode(rows.into_rows())?;
    let bytes = found.payload.len() as u64 + values * BESIDE;
    let mut loaded = Loaded::new(value, found.dependencies.clone(), bytes);
    loaded.kept = Some(found.kept);
    loaded.snapshot = Some(Arc::new(found.snapshot.clone()));
    Some(loaded)
}
