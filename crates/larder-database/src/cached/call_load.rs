//! Running the body of a decorated function, and keeping what it returns.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_cache::{Dependency, Freshness, Key, Loaded, Mode, Request, Snapshot, Source};
use larder_metrics::OperationScope;
use tokio::time::timeout;

use super::classes::Class;
use super::composite_load::{Form, snapshot_of, take};
use super::options::ReadOptions;
use crate::coherence::CatalogState;
use crate::database::Inner;
use crate::failpoints;
use crate::fleet::{SecondTier, SharedRead};
use crate::scope::{CallScope, Context, Found, ReadOrigin, TracedRead};

/// A call whose result is not at hand.
pub(super) struct CallLoad<'o, V> {
    pub(super) database: Arc<Inner>,
    pub(super) state: Arc<CatalogState>,
    pub(super) scope: Arc<CallScope>,
    pub(super) key: Key,
    pub(super) freshness: Freshness,
    pub(super) options: &'o ReadOptions,
    /// What stands for this very call.
    pub(super) call: Option<Dependency>,
    pub(super) class: String,
    /// What it is kept under in Redis, if it may be there.
    pub(super) shared_key: Option<Key>,
    pub(super) form: Option<Form<V>>,
    /// Whether a value is kept at all.
    pub(super) keep: fn(&V) -> bool,
}

impl<V: Clone + Send + Sync + 'static> CallLoad<'_, V> {
    /// Serves what somebody keeps or makes just now, or runs the body.
    pub(super) async fn serve<E, F>(self, body: F, class: &Arc<Class>) -> Result<V, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        let request = self.request();
        // The error is the caller's alone: others who wait could not share it.
        let mut failed = None;
        let cache = &self.database.cache;
        let observed = self.database.classes.observe(class, &request, false);
        let run = async || {
            let beginning = observed.begin(cache);
            let began = Instant::now();
            let loaded = self
                .load(body)
                .await
                .map_err(|error| failed = Some(error))?;
            if loaded.kept.is_none() {
                self.database.loads.loaded(began.elapsed());
            }
            observed.loaded(beginning, &loaded, began.elapsed(), cache);
            Ok(loaded)
        };
        let outcome: Result<_, ()> = cache.get_or_run(request, run).await;
        match &outcome {
            Ok(served) if matches!(served.source, Source::Hit | Source::Stale) => {
                OperationScope::record_hit()
            }
            _ => OperationScope::record_miss(),
        }
        let Ok(served) = outcome else {
            #[expect(clippy::expect_used, reason = "nothing else fails than the body")]
            return Err(failed.expect("the error of a body is noted"));
        };
        observed.served(served.source);
        self.database.was_read(
            &served,
            self.key,
            || self.class.clone(),
            &self.options.tags,
            || {
                let refusal = self.scope.refusal().map(Cow::into_owned);
                refusal.or_else(|| self.is_left_out(&served.value))
            },
        );
        Ok(served.value)
    }

    /// Runs the body and keeps what it returns, where that is certain to be right.
    pub(super) async fn put<E, F>(self, body: F) -> Result<V, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        let cache = &self.database.cache;
        // Before the body runs: from here on all that is invalidated is looked at.
        let begun = cache.begin(0);
        self.look_at_definitions();
        let value = self.within(body).await?;
        let found = self.scope.close();
        let own = found.own_invalidations;
        self.look_at_transactions();
        let mut loaded = self.loaded(value, self.scope.close());
        let left_out = self.is_left_out(&loaded.value);
        loaded.storable &= left_out.is_none();
        // What others have in Redis of it is refused by its snapshot.
        let is_kept = cache.put_after_own_writes(self.request(), begun, own, &loaded);
        self.database.was_put(TracedRead {
            name: self.class.clone(),
            origin: ReadOrigin::Loaded,
            not_kept: (!is_kept).then(|| {
                let refusal = self.scope.refusal().map(Cow::into_owned);
                let refusal = refusal.or(left_out);
                refusal.unwrap_or_else(|| {
                    "something else was written or invalidated meanwhile".to_owned()
                })
            }),
            kept: Some((self.key, loaded.dependencies)),
            tags: self.options.tags.clone(),
        });
        Ok(loaded.value)
    }

    /// Asked after the cache has noted as of when the work begins, see `StatementLoad::run`.
    fn look_at_definitions(&self) -> bool {
        let holds = self.database.picture.is_current(self.state.generation);
        if !holds {
            self.scope.refuse("definitions have changed while it ran");
        }
        holds
    }

    /// What was read in a transaction that did not come to its end may never have been.
    fn look_at_transactions(&self) {
        if !self.scope.close().open_transactions.is_empty() {
            self.scope.refuse("a transaction in it was not committed");
        }
    }

    /// Why a value is not kept although it might be.
    fn is_left_out(&self, value: &V) -> Option<String> {
        (!(self.keep)(value)).then(|| "it is None, and skip_none() was said".to_owned())
    }

    async fn load<E, F>(&self, body: F) -> Result<Loaded<V>, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        let holds = self.look_at_definitions();
        let shared = self.shared().filter(|_| holds);
        if let Some((tier, form, read)) = &shared
            && self.options.mode == Mode::Normal
            && let Some(found) = tier.fetch(read).await
            && let Some(loaded) = take(found, tier, form, read, |value| value)
        {
            return Ok(loaded);
        }
        let snapshot = match &shared {
            Some((tier, ..)) if tier.redis().is_available() => self.snapshot().await,
            _ => None,
        };
        let began = self.database.cache.clock().now();
        let value = self.within(body).await?;
        self.look_at_transactions();
        let found = self.scope.close();
        let snapshot = found.snapshot(snapshot);
        let relations = found.relations.iter().copied();
        let may_leave = self.database.may_share_tables(&self.state, relations);
        let mut loaded = self.loaded(value, found);
        if !(self.keep)(&loaded.value) {
            loaded.fresh_for = Some(Duration::ZERO);
        }
        if let (Some((tier, form, mut read)), Some(snapshot), true, true) = (
            shared,
            snapshot,
            may_leave && (self.keep)(&loaded.value),
            loaded.storable,
        ) {
            read.dependencies.clone_from(&loaded.dependencies);
            let took = self.database.cache.clock().now().since(began);
            loaded.snapshot = Some(Arc::new(snapshot.clone()));
            match form.write(&loaded.value) {
                Ok(payload) => tier.store(read, snapshot, took, &payload),
                Err(error) => tracing::warn!(
                    name = self.class,
                    %error,
                    "failed to write a result so that it can be read again: it is not kept in Redis"
                ),
            }
        }
        Ok(loaded)
    }

    /// What the body will at least see. Not waited for long: whoever calls may hold the last
    /// connection, and nothing waits for the sake of Redis.
    async fn snapshot(&self) -> Option<Snapshot> {
        const PATIENCE: Duration = Duration::from_millis(50);
        if failpoints::is_on("snapshot-after-load") {
            return None;
        }
        let taking = async {
            let mut session = self.database.pool.session().await.ok()?;
            if !self
                .database
                .same_settings(session.origin(), self.state.generation)
            {
                return None;
            }
            snapshot_of(&mut session).await
        };
        // That it is given up is no failure of the call around.
        let apart = Context::current().without_call();
        apart.enter(timeout(PATIENCE, taking)).await.ok().flatten()
    }

    /// Runs the body while what it reads is recorded.
    async fn within<F: Future>(&self, body: F) -> F::Output {
        Context::enter_call(Arc::clone(&self.scope), body).await
    }

    fn loaded(&self, value: V, found: Found) -> Loaded<V> {
        if let Some(reason) = &found.refusal {
            tracing::debug!(name = self.class, %reason, "not cached");
        }
        let dependencies = found.read.iter().chain(&found.written).copied();
        let dependencies = dependencies.chain(self.options.dependencies());
        let dependencies = dependencies.chain(self.call).collect();
        let bytes = found.bytes + size_of::<V>() as u64;
        let mut loaded = Loaded::new(value, dependencies, bytes);
        loaded.storable = found.refusal.is_none();
        loaded.by_time = found.by_time;
        loaded.fresh_for = found.fresh_for;
        loaded
    }

    fn request(&self) -> Request {
        let class = self.class.clone();
        Request {
            key: self.key,
            freshness: self.freshness,
            // Not known before the load.
            dependencies: self.database.cache.versions().slots(&[]),
            mode: self.options.mode,
            name: self.options.name(move || class, self.key),
        }
    }

    /// How it is looked for and kept in the second tier, if it may be there.
    fn shared(&self) -> Option<(&SecondTier, &Form<V>, SharedRead)> {
        let (form, key) = (self.form.as_ref()?, self.shared_key?);
        let tier = self.database.second_tier.as_ref()?;
        let read = SharedRead {
            key,
            fingerprint: form.fingerprint()?,
            dependencies: self.options.dependencies().chain(self.call).collect(),
            freshness: self.freshness,
            name: self.options.readable_name(|| self.class.clone(), key),
        };
        Some((tier, form, read))
    }
}
